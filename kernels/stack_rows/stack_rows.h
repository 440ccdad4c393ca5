// Assembles latent codes (networks.md, "Encoder"): y[n,l] = base[n] + (l > 0 and delta_l there ? delta_l[n] : 0) +
// average[l], with the base in row 0 alone where the rows are independent (pSp). Output [N,L,D].
//
// Inputs ("?": may be absent):
// Variadic: base [N,D], average? [L,D], then delta_1? ... delta_{L-1}? each [N,D]; kBase and kAverage are 0
// and 1.
#pragma once

#include "kernels/op.h"

namespace mien {

struct StackRows : NoPacking, NoScratch {
  struct Params {
    int rows = 0;
    bool independent = false;
    bool operator==(const Params&) const = default;
  };
  enum Input { kBase, kAverage };
  static constexpr const char* kName = "stack_rows";
  static constexpr int kOutputs = 1;
  static constexpr int kMaxRows = 64;  // on a device all pointers of a call travel in its parameters

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
