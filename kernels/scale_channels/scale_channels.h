// Per-sample, per-channel scale: y = x * e (squeeze-excite unfused, for traces). Output shape of x.
//
// Inputs ("?": may be absent):
// x  [N,C,H,W]
// e  [N,C]
#pragma once

#include "kernels/op.h"

namespace mien {

struct ScaleChannels : NoPacking, NoScratch {
  struct Params {
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kE, kInputs };
  static constexpr const char* kName = "scale_channels";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
