// Modulated 1x1 convolution to the image, with the skip connection (networks.md, "ToRGB"):
//   y = clamp(sum_i weight_gain * W_ci * s_i * x_i + bias_c) + upsample2x(skip)
// upsample2x as in op Upsample. No demodulation, no activation. Output [N,C,H,W], C = 3.
//
// Inputs ("?": may be absent):
// x        [N,I,H,W]
// style    [N,I]
// weight   [C,I,1,1]
// bias?    [C]
// skip?    [N,C,H/2,W/2]
// filter?  [4,4], with skip
#pragma once

#include "kernels/op.h"

namespace mien {

struct ToRgb : NoPacking {
  struct Params {
    float weight_gain = 1.0f;
    float clamp = 0.0f;         // 0: none
    float filter_gain = 1.0f;   // makes the stored filter sum to 4
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kStyle, kWeight, kBias, kSkip, kFilter, kInputs };
  static constexpr const char* kName = "to_rgb";
  static constexpr int kOutputs = 1;
  static constexpr uint32_t kConstant = 1u << kWeight | 1u << kBias | 1u << kFilter;  // to Grad

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static int64_t ScratchFloats(const Params& params, Shapes in, int threads);
  static void Cpu(const Params& params, const CpuCall& call);
  static void Grad(const Params& params, GradCall* call);

  static constexpr uint32_t kBanded = 1u << kX | 1u << kSkip;
  static RowGrid Rows(const Params&, Shapes) { return {1, 0}; }
  static RowRange RowsRead(const Params& params, Shapes in, int input, RowRange out);
  static int64_t CarryFloats(const Params&, Shapes) { return 0; }
  static int64_t RangeScratchFloats(const Params& params, Shapes in, int threads) {
    return ScratchFloats(params, in, threads);
  }
};

}  // namespace mien
