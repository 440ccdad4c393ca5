// Joins two matrices along their columns: y = [a, b]. Conditional mapping (networks.md, "Mapping"). Output [N,A+B].
//
// Inputs ("?": may be absent):
// a  [N,A]
// b  [N,B]
#pragma once

#include "kernels/op.h"

namespace mien {

struct Concat : NoPacking, NoScratch {
  struct Params {
    bool operator==(const Params&) const = default;
  };
  enum Input { kA, kB, kInputs };
  static constexpr const char* kName = "concat";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
