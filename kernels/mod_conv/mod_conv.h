// Modulated 3x3 convolution of StyleGAN2 with its whole epilogue (arXiv:1912.04958 section 2.2;
// networks.md, "Modulated convolution"):
//   W'_oi = weight_gain * W_oi * s_i,   d_o = demodulate ? rsqrt(sum W'^2 + eps) : 1
//   t = conv(x, W') * d_o               zero padding 1, stride 1
//   up: t = FIR(conv_transpose(x, W', stride 2)) * d_o, the 4x4 filter times filter_gain, one pixel of zero padding
//   y = clamp(act(t + noise_strength * noise + bias) * act_gain)
// Noise is broadcast over channels (and over the batch when its first dimension is 1). Output [N,O,H,W] or [N,O,2H,2W].
//
// Inputs ("?": may be absent):
// x                [N,I,H,W]
// style            [N,I]
// weight           [O,I,3,3]
// filter?          [4,4], with up
// noise?           [1 or N,1,Ho,Wo]
// noise_strength?  [1], with noise
// bias?            [O]
#pragma once

#include "kernels/op.h"

namespace mien {

struct ModConv {
  struct Params {
    bool up = false;
    bool demodulate = true;
    float weight_gain = 1.0f;
    float eps = 1e-8f;
    float filter_gain = 1.0f;             // makes the stored filter sum to 4
    Activation act = Activation::kNone;   // kNone or kLeaky
    float slope = 0.2f;
    float act_gain = 1.0f;
    float clamp = 0.0f;                   // 0: none
    bool operator==(const Params&) const = default;
  };
  // How the CPU computes it.
  struct CpuParams : Params {
    bool winograd = false;    // may use it (cpu/conv/winograd.h), where it is faster; rounds more
    bool on_the_fly = false;  // transformed weights of many channels are made at every use (cpu/conv/transformed.h)
    bool operator==(const CpuParams&) const = default;
  };
  enum Input { kX, kStyle, kWeight, kFilter, kNoise, kNoiseStrength, kBias, kInputs };
  static constexpr const char* kName = "mod_conv";
  static constexpr int kOutputs = 1;
  static constexpr uint32_t kConstant = 1u << kWeight | 1u << kFilter | 1u << kNoiseStrength | 1u << kBias;  // to Grad
  static constexpr uint32_t kPacked = 1u << kWeight | 1u << kFilter;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const CpuParams& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static bool SamePacking(const CpuParams& a, Shapes a_in, const CpuParams& b, Shapes b_in);
  static int64_t PackedFloats(const CpuParams& params, Shapes in);
  static void Pack(const CpuParams& params, Inputs<float> in, float* packed);
  static int64_t ScratchFloats(const CpuParams& params, Shapes in, int threads);
  static void Cpu(const CpuParams& params, const CpuCall& call);
  static void Grad(const Params& params, GradCall* call);

  static constexpr uint32_t kBanded = 1u << kX;
  static RowGrid Rows(const CpuParams& params, Shapes in);
  static RowRange RowsRead(const CpuParams& params, Shapes in, int input, RowRange out);
  static int64_t CarryFloats(const CpuParams& params, Shapes in);
  static int64_t RangeScratchFloats(const CpuParams& params, Shapes in, int threads);
};

}  // namespace mien
