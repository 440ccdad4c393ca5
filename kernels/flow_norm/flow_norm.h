// Batch norm between the flow's couplings (nflows; networks.md, "Batch norm between couplings"), with
// weight = softplus(unconstrained) + eps:
//   forward y = weight (x - mean) / sqrt(var + eps) + bias, logabsdet = sum(log weight - log(var + eps)/2), every row
//   inverse x = sqrt(var + eps) (y - bias) / weight + mean, logabsdet = -that
// Outputs: y [N,L,D], logabsdet [N,L].
//
// Inputs ("?": may be absent):
// x              [N,L,D]
// unconstrained  [D]
// bias           [D]
// mean           [D]
// var            [D]
#pragma once

#include "kernels/op.h"

namespace mien {

struct FlowNorm : NoScratch {
  struct Params {
    bool inverse = false;
    float eps = 1e-5f;
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kUnconstrained, kBias, kMean, kVar, kInputs };
  static constexpr const char* kName = "flow_norm";
  static constexpr int kOutputs = 2;
  static constexpr uint32_t kPacked = 0b11110;  // all but x

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static bool SamePacking(const Params& a, Shapes, const Params& b, Shapes) {
    return a.inverse == b.inverse && a.eps == b.eps;
  }
  static int64_t PackedFloats(const Params& params, Shapes in);
  static void Pack(const Params& params, Inputs<float> in, float* packed);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
