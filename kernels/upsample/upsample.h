// FIR upsampling by two: zero-stuff, pad (2 before, 1 after) per axis, filter 4x4 times gain (upfirdn2d; networks.md,
// "ToRGB"). For [1,3,3,1]: out[2i] = x[i-1]/4 + 3 x[i]/4, out[2i+1] = 3 x[i]/4 + x[i+1]/4 per axis. Output [N,C,2H,2W].
//
// Inputs ("?": may be absent):
// x       [N,C,H,W]
// filter  [4,4]
#pragma once

#include "kernels/op.h"

namespace mien {

struct Upsample : NoPacking, NoScratch {
  struct Params {
    float gain = 1.0f;   // makes the stored filter sum to 4
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kFilter, kInputs };
  static constexpr const char* kName = "upsample";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
