// Layers of the face networks (networks.md, "Face networks"), called as TensorFlow calls them, fused and for traces.
// Padding to "the same size" puts what is odd of it below and to the right.
#pragma once

#include <string>

#include "graph/networks/module.h"

namespace mien {

enum class Padding : uint8_t { kSame, kValid };
// As operators have it: `pad` on all sides, `end_pad` more below and to the right.
struct PadSizes {
  int pad = 0, end_pad = 0;
};
PadSizes PadsOf(Padding padding, int64_t side, int kernel, int stride);

// What a layer does with its sum.
struct FaceAct {
  Activation act = Activation::kNone;
  float slope = 0.0f;  // of kLeaky
  float clamp = 0.0f;  // 0: none
};

// act(scale(convolution + bias) + residual).
struct FaceConv {
  std::string path;                // of the layer
  std::string weight = "filters";  // <path>/<weight>
  std::string bias = "bias";
  int stride = 1;
  Padding padding = Padding::kSame;
  FaceAct act = {};
  bool scaled = false;  // by <path>/scale/weights and <path>/scale/biases
};

// act(norm(depthwise convolution of pre(x))).
struct FaceDepthwise {
  std::string path;
  std::string weight = "depthwise_filter";
  int stride = 1;
  bool pre_relu = false;
  bool norm = false;  // by <path>/BatchNorm
  FaceAct act = {};
};

ValueId AppendConv(const Module& module, const FaceConv& layer, ValueId x, ValueId residual = kAbsent);
ValueId AppendDepthwise(const Module& module, const FaceDepthwise& layer, ValueId x);

// A depthwise convolution, then one of 1x1 with bias.
struct FaceSeparable {
  std::string path;
  int stride = 1;
  bool pre_relu = false;
  FaceAct act = {};
};
ValueId AppendSeparable(const Module& module, const FaceSeparable& layer, ValueId x, ValueId residual = kAbsent);

ValueId AppendMaxPool(const Module& module, const std::string& path, int kernel, int stride, Padding padding,
                      ValueId x);

// Four blocks of four layers each that add what all before them gave, then the mean of the map: the extractor of
// landmarks and expressions.
ValueId AppendDenseBlocks(const Module& module, int blocks, ValueId image);

// Matrix <path>/weights, bias <path>/bias.
ValueId AppendFullyConnected(const Module& module, const std::string& path, ValueId x);

}  // namespace mien
