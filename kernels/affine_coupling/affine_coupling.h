// The coupling's elementwise part (nflows AffineCouplingTransform; networks.md, "Couplings"), columns v = x[:, index]:
//   p = [shift, raw],  scale = sigmoid(raw + 2) + 1e-3;  forward v' = v scale + shift;  inverse v' = (v - shift)/scale
//   logabsdet = +-sum log(scale).   additive: p = shift, scale = 1, logabsdet = 0
// Outputs: y [N,L,D] (the other columns bit for bit), logabsdet [N,L].
//
// Inputs ("?": may be absent):
// x      [N,L,D]
// p      [N,L,2T], additive: [N,L,T]
// index  [T], whole numbers
#pragma once

#include "kernels/op.h"

namespace mien {

struct AffineCoupling : NoPacking, NoScratch {
  struct Params {
    bool inverse = false;
    bool additive = false;
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kP, kIndex, kInputs };
  static constexpr const char* kName = "affine_coupling";
  static constexpr int kOutputs = 2;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
