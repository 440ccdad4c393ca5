// The styles of a whole network, which depend on nothing but w_plus: all affines in one launch, all
// demodulations in a second (arXiv:1912.04958 section 2.2, with the activations modulated instead of the
// weights). For layer l:
//   s = w_plus[row] A^T affine_gain + a bias_gain            or the operand kStyle, of a single layer
//   m = max|s|,   style_i = s_i / m                           so that x style stays in the range of halves
//   factor_o = gain m rsqrt((gain m)^2 sum_i style_i^2 q_oi + eps),   q_oi = sum_k W_oik^2   (gain m: no
//   demodulation)
// A layer without outputs (ToRGB) has style_i = gain s_i and no factor. The network's constant comes out as a
// map, times the first layer's style. Results have MapChannels(inputs) and MapChannels(outputs) numbers per
// sample: behind the styles zeros, behind the factors nothing that is read.
#pragma once

#include <vector>

#include "kernels/tensor/fast.h"

namespace mien {

struct Styles {
  struct Layer {
    int row = 0;  // of w_plus
    int inputs = 0, outputs = 0;
    bool demodulate = false;
    float affine_gain = 1.0f, bias_gain = 1.0f, gain = 1.0f, eps = 0.0f;
    bool operator==(const Layer&) const = default;
  };
  struct Weights {
    std::vector<Layer> layers;
    int w_dim = 0;            // 0: the style is an operand
    int constant_pixels = 0;  // 0: no constant
    bool operator==(const Weights&) const = default;
  };
  struct Params {
    Weights weights;
    Precision precision = Precision::kHalf;  // of the constant's map
    int batch = 0, rows = 0;                 // rows of w_plus
    bool operator==(const Params&) const = default;
  };
  static constexpr int kMaxLayers = 32;  // of a generator of 4096 pixels
  // The constant, then three per layer: affine weight, affine bias, convolution weight.
  enum Source { kConstant, kSources };
  static constexpr int AffineWeightOf(int layer) { return 1 + 3 * layer; }
  static constexpr int AffineBiasOf(int layer) { return 2 + 3 * layer; }
  static constexpr int WeightOf(int layer) { return 3 + 3 * layer; }
  enum Operand { kWPlus, kStyle, kPacked, kOperands };
  enum Result { kConstantMap, kResults = 1 + 2 * kMaxLayers };
  static constexpr int StyleOf(int layer) { return 1 + 2 * layer; }
  static constexpr int FactorOf(int layer) { return 2 + 2 * layer; }

  static constexpr const char* kName = "styles";
  static uint64_t PackedBytes(const Weights& weights);
  static void Pack(const Weights& weights, Inputs<float> sources, std::byte* packed);
  static uint64_t ResultBytes(const Params& params, int result);
  static uint64_t ScratchBytes(const Params& params);
  static FastCost Count(const Params& params);
};

// The packed weights: three tables, then float arrays whose places (in floats from the start) the table of
// layers has. Every array starts at a multiple of 16 bytes.
struct StylesLayout {
  // A block of the first launch does kRows affine rows of one layer, a block of the second kOutputs factors.
  static constexpr int kRows = 8, kOutputs = 16;
  struct Layer {
    int row, inputs, outputs, demodulate;
    float gain, eps;
    int style;                      // place of its raw style in one sample's scratch
    int64_t affine, bias, squares;  // [inputs][w_stride], [inputs], [outputs][inputs, in whole float4]
  };
  struct Job {
    int layer, first;
  };
  explicit StylesLayout(const Styles::Weights& weights);

  Layer layers[Styles::kMaxLayers];
  int w_stride;                                               // w_dim, in whole float4
  int affine_jobs, factor_jobs;                               // blocks per sample
  int style_floats, most_inputs;                              // raw styles of one sample, the longest of them
  int64_t layer_table, affine_table, factor_table, constant;  // places
  int64_t floats;                                             // in all
};

}  // namespace mien
