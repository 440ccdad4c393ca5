// Squeeze-and-excitation and the block's shortcut in one (networks.md, "IR-SE trunk"):
//   e = sigmoid(fc2 . relu(fc1 . mean_HW(u)));  y = u * e + shortcut
// Output shape of u.
//
// Inputs ("?": may be absent):
// u          [N,C,H,W]
// fc1        [C/r,C,1,1]
// fc2        [C,C/r,1,1]
// shortcut?  [N,C,H,W]
#pragma once

#include "kernels/op.h"

namespace mien {

struct SqueezeExcite : NoPacking {
  struct Params {
    bool operator==(const Params&) const = default;
  };
  enum Input { kU, kFc1, kFc2, kShortcut, kInputs };
  static constexpr const char* kName = "squeeze_excite";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static int64_t ScratchFloats(const Params& params, Shapes in, int threads);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
