// The largest or the mean of the pixels under a square window that moves over the image:
//   y[i,j] = max or mean of x[s i - pad .. s i - pad + k - 1, s j - pad .. s j - pad + k - 1]
// Padding never counts: the mean is that of the pixels there are. end_pad: more below and to the right, as in
// kernels/conv2d/conv2d.h. Stride 1 or 2. Output [N,C,Ho,Wo], Ho = (H + 2 pad + end_pad - k) / stride + 1.
//
// Inputs ("?": may be absent):
// x  [N,C,H,W]
#pragma once

#include "kernels/op.h"

namespace mien {

enum class PoolKind : uint8_t { kMax, kAverage };

struct Pool2d : NoPacking {
  struct Params {
    PoolKind kind = PoolKind::kMax;
    int kernel = 2;
    int stride = 2;
    int pad = 0;
    int end_pad = 0;
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kInputs };
  static constexpr const char* kName = "pool2d";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static int64_t ScratchFloats(const Params& params, Shapes in, int threads);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
