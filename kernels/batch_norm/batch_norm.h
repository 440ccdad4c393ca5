// Batch norm in inference: y = (x - mean) / sqrt(var + eps) * gamma + beta, per channel: axis 1 of [N,C,H,W] and
// [N,C], the last axis of [N,L,C]. Stays a pass of its own before a zero-padded convolution, where its shift must
// not reach the padding (networks.md, "IR-SE trunk"). relu: y = max(y, 0) (inside the flow's nets). Output shape of x.
//
// Inputs ("?": may be absent):
// x      [N,C,H,W], [N,C] or [N,L,C]
// gamma  [C]
// beta   [C]
// mean   [C]
// var    [C]
#pragma once

#include "kernels/op.h"

namespace mien {

struct BatchNorm : NoScratch {
  struct Params {
    float eps = 1e-5f;
    bool relu = false;
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kGamma, kBeta, kMean, kVar, kInputs };
  static constexpr const char* kName = "batch_norm";
  static constexpr int kOutputs = 1;
  static constexpr uint32_t kPacked = 0b11110;  // all but x

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static bool SamePacking(const Params& a, Shapes, const Params& b, Shapes) {
    return a.eps == b.eps;
  }
  static int64_t PackedFloats(const Params& params, Shapes in);
  static void Pack(const Params& params, Inputs<float> in, float* packed);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
