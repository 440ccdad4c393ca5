// Every stride-th pixel, y = x[:,:,::s,::s] (max-pool with a 1x1 window). Output [N,C,ceil(H/s),ceil(W/s)].
//
// Inputs ("?": may be absent):
// x  [N,C,H,W]
#pragma once

#include "kernels/op.h"

namespace mien {

struct Subsample : NoPacking, NoScratch {
  struct Params {
    int stride = 2;
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kInputs };
  static constexpr const char* kName = "subsample";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
