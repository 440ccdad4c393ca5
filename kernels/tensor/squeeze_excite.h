// Squeeze-and-excitation with the block's shortcut (kernels/squeeze_excite), one launch: every block computes
// the small network anew from the sums that the convolution before has left.
//   e = sigmoid(fc2 . relu(fc1 . mean(u)));  y = u e + shortcut[stride i, stride j]
// Without sums (kSums absent, parts 0) a launch before makes them.
#pragma once

#include "kernels/tensor/fast.h"

namespace mien {

struct FastSqueezeExcite {
  struct Weights {
    int channels = 0, hidden = 0;
    bool operator==(const Weights&) const = default;
  };
  struct Params {
    Weights weights;
    Precision precision = Precision::kHalf;
    int batch = 0, height = 0, width = 0;
    int parts = 0;   // of kSums, [N,parts,Cs]
    int stride = 1;  // of the shortcut
    int shortcut_height = 0, shortcut_width = 0;
    bool operator==(const Params&) const = default;
  };
  enum Source { kFc1, kFc2, kSources };
  enum Operand { kU, kSums, kShortcut, kPacked, kOperands };
  enum Result { kY, kResults };
  static constexpr const char* kName = "fast_squeeze_excite";
  static uint64_t PackedBytes(const Weights& weights);
  static void Pack(const Weights& weights, Inputs<float> sources, std::byte* packed);
  static uint64_t ResultBytes(const Params& params, int result);
  static uint64_t ScratchBytes(const Params& params);
  static FastCost Count(const Params& params);

  static constexpr int kPartPixels = 256;  // of one sum made here
  static constexpr int kMaxChannels = 1024;
};

}  // namespace mien
