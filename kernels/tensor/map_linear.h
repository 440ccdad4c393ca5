// Fully connected layers on feature maps (kernels/linear behind kernels/global_avg_pool or batch_norm,
// stack_rows), all rows of the result in one launch:
//   y[n,l,m] = norm(gain sum_pc W_l[m,c,p] pre_norm(x[n,p,l C + c]) + bias_gain b_l[m]) + average[l,m]
// pooled: W_l has no pixels and the sum over p is a mean. stacked: row 0 is added to all others (the base of
// e4e's codes); rows from `groups` on have no weights of their own. Both norms are folded into weights and
// bias.
#pragma once

#include "kernels/tensor/fast.h"

namespace mien {

struct MapLinear {
  struct Weights {
    Precision precision = Precision::kHalf;
    int groups = 1, rows = 1;       // rows with weights, all rows
    int channels = 0, outputs = 0;  // per row
    int pixels = 1;                 // of the map
    bool pooled = false, stacked = false;
    float gain = 1.0f, bias_gain = 1.0f, pre_eps = 0.0f, eps = 0.0f;
    bool operator==(const Weights&) const = default;
  };
  struct Params {
    Weights weights;
    int batch = 0;
    bool operator==(const Params&) const = default;
  };
  // From kWeight on: weight and bias of every group.
  enum Source {
    kPreGamma,
    kPreBeta,
    kPreMean,
    kPreVar,
    kGamma,
    kBeta,
    kMean,
    kVar,
    kAverage,
    kWeight,
    kBias,
    kSources
  };
  enum Operand { kX, kPacked, kOperands };
  enum Result { kY, kResults };
  static constexpr const char* kName = "map_linear";
  static uint64_t PackedBytes(const Weights& weights);
  static void Pack(const Weights& weights, Inputs<float> sources, std::byte* packed);
  static uint64_t ResultBytes(const Params& params, int result);
  static uint64_t ScratchBytes(const Params&) { return 0; }
  static FastCost Count(const Params& params);
};

}  // namespace mien
