// Convolutions (kernels/conv2d) on tensor cores, several of equal form side by side (groups):
//   t = norm(conv(pre_norm(x), W) + bias);  y = act(t + residual + resize(coarse))
// The norm behind is folded into weights and bias. The norm before a zero-padded convolution is folded too:
// its scale into the weights, its shift into a bias that depends on which taps lie in the padding (border).
// Taps that only ever multiply padding are left out (first, taps). All of this is exact.
#pragma once

#include <vector>

#include "kernels/tensor/fast.h"

namespace mien {

struct FastConv {
  struct Weights {
    Precision precision = Precision::kHalf;
    int groups = 1, inputs = 0, outputs = 0;  // channels of each group
    bool shared_input = false;                // all groups read the same channels
    int kernel = 0;                           // as in the file
    int first = 0, taps = 0;                  // rows first .. first + taps - 1 of it are used, and columns
    bool border = false, prelu = false;
    float eps = 0.0f, pre_eps = 0.0f;
    bool operator==(const Weights&) const = default;
  };
  struct Params {
    Weights weights;
    int batch = 0, height = 0, width = 0, out_height = 0, out_width = 0;
    int stride = 1, pad = 0;             // rows and columns of zeros before the first tap that is used
    Activation act = Activation::kNone;  // all but kSigmoid
    float slope = 0.0f;
    int first_group = 0, all_groups = 1;  // y is a part of a map of all_groups x outputs channels
    bool residual = false, sums = false;  // operand kResidual, result kSums
    int coarse_height = 0, coarse_width = 0;
    bool align_corners = false;
    int tile = 0;  // CheapestTile(), or any other of TileCosts()
    uint8_t most_splits = kEnoughBlocks;  // of K; fewer leave more of it to each block
    bool operator==(const Params&) const = default;
  };
  // Of every group.
  enum Source {
    kWeight,
    kBias,
    kGamma,
    kBeta,
    kMean,
    kVar,
    kPrelu,
    kPreGamma,
    kPreBeta,
    kPreMean,
    kPreVar,
    kSources
  };
  enum Operand { kX, kResidual, kCoarse, kPacked, kOperands };
  enum Result { kY, kSums, kResults };  // kSums: [N,Parts(),Cs], sums of y over the pixels of a tile
  static constexpr const char* kName = "fast_conv";
  static uint64_t PackedBytes(const Weights& weights);
  static void Pack(const Weights& weights, Inputs<float> sources, std::byte* packed);
  static uint64_t ResultBytes(const Params& params, int result);
  static uint64_t ScratchBytes(const Params& params);
  static FastCost Count(const Params& params);

  static bool Takes(int taps, int stride);  // there are kernels for it
  static int Parts(const Params& params);
  // By number of tile: modelled time in arbitrary units, negative where the tile does not fit the outputs.
  static std::vector<int64_t> TileCosts(const Params& params);
  static int CheapestTile(const Params& params);
};

}  // namespace mien
