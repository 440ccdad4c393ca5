// Zeros behind the last channel, row and column: the shortcut of a block that has more
// channels than its input. Output [N, C + channels, H + rows, W + columns].
//
// Inputs ("?": may be absent):
// x  [N,C,H,W]
#pragma once

#include "kernels/op.h"

namespace mien {

struct ZeroPad : NoPacking, NoScratch {
  struct Params {
    int channels = 0, rows = 0, columns = 0;  // more
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kInputs };
  static constexpr const char* kName = "zero_pad";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
