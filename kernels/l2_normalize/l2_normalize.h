// y = x / ||x||_2 per row (torch.norm, no epsilon; a zero row gives zeros). Output [N,D].
//
// Inputs ("?": may be absent):
// x  [N,D]
#pragma once

#include "kernels/op.h"

namespace mien {

struct L2Normalize : NoPacking, NoScratch {
  struct Params {
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kInputs };
  static constexpr const char* kName = "l2_normalize";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
