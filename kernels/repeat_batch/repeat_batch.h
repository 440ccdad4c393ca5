// The learnt constant, once per sample: y[n] = x. Output [N,C,H,W].
//
// Inputs ("?": may be absent):
// x  [C,H,W], a weight
#pragma once

#include "kernels/op.h"

namespace mien {

struct RepeatBatch : NoPacking, NoScratch {
  struct Params {
    int batch = 0;
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kInputs };
  static constexpr const char* kName = "repeat_batch";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
