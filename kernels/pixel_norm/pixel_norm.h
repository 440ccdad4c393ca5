// Normalises every row to unit mean square: y = x * rsqrt(mean_k(x_k^2) + eps).
// StyleGAN2's mapping (networks.md, "Mapping"). Output [N,D].
//
// Inputs ("?": may be absent):
// x  [N,D]
#pragma once

#include "kernels/op.h"

namespace mien {

struct PixelNorm : NoPacking, NoScratch {
  struct Params {
    float eps = 1e-8f;
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kInputs };
  static constexpr const char* kName = "pixel_norm";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
