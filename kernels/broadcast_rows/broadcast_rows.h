// One w to all rows, with truncation: y[n,l] = l < cutoff ? avg + psi (w[n] - avg) : w[n].
// psi = 1 or no average: plain broadcast. networks.md, "Mapping". Output [N,L,D].
//
// Inputs ("?": may be absent):
// w     [N,D]
// avg?  [D]
#pragma once

#include "kernels/op.h"

namespace mien {

struct BroadcastRows : NoPacking, NoScratch {
  struct Params {
    int rows = 0;
    float psi = 1.0f;
    int cutoff = -1;   // -1: all rows
    bool operator==(const Params&) const = default;
  };
  enum Input { kW, kAvg, kInputs };
  static constexpr const char* kName = "broadcast_rows";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
