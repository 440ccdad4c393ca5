// Bilinear resize without antialiasing, plus an optional addend (the lateral connection of the encoder's pyramid):
//   align_corners: src = dst (in - 1) / (out - 1);  otherwise src = max(0, (dst + 0.5) in / out - 0.5)
// The torch definition, neighbours clamped to the image. Output [N,C,height,width].
//
// Inputs ("?": may be absent):
// x        [N,C,H,W]
// addend?  [N,C,height,width]
#pragma once

#include "kernels/op.h"

namespace mien {

struct Resize : NoPacking {
  struct Params {
    int height = 0;
    int width = 0;
    bool align_corners = false;
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kAddend, kInputs };
  static constexpr const char* kName = "resize";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static int64_t ScratchFloats(const Params& params, Shapes in, int threads);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
