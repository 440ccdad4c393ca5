// y = a + b; b is either of the shape of a or without the leading batch dimension (then the same for every sample).
//
// Inputs ("?": may be absent):
// a  any
// b  shape of a, or of one sample of a
#pragma once

#include "kernels/op.h"

namespace mien {

struct Add : NoPacking, NoScratch {
  struct Params {
    bool operator==(const Params&) const = default;
  };
  enum Input { kA, kB, kInputs };
  static constexpr const char* kName = "add";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
