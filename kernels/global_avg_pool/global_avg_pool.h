// Mean over each channel: y = mean_HW(x). Output [N,C].
//
// Inputs ("?": may be absent):
// x  [N,C,H,W]
#pragma once

#include "kernels/op.h"

namespace mien {

struct GlobalAvgPool : NoPacking, NoScratch {
  struct Params {
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kInputs };
  static constexpr const char* kName = "global_avg_pool";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
