// Convolution (cross-correlation, zero padding) with batch norm, shortcut and activation behind it
// (networks.md, "IR-SE trunk" and "Attribute classifier"):
//   t = conv(x, W) + bias;  t = norm(t) = (t - mean) / sqrt(var + eps) * gamma + beta;  y = clamp(act(t + residual))
// Without mean and var norm(t) is t * gamma + beta. Square kernels 1, 3 and 7; stride 1 or 2; `end_pad` is what some
// frameworks' padding to "the same size" has more below and to the right. Output [N,O,Ho,Wo],
// Ho = (H + 2 pad + end_pad - k) / stride + 1.
//
// Inputs ("?": may be absent):
// x          [N,I,H,W]
// weight     [O,I,k,k]
// bias?      [O]
// gamma?     [O], with beta
// beta?      [O]
// mean?      [O], with var and gamma
// var?       [O]
// residual?  shape of y
// prelu?     [O], slopes of kPRelu
#pragma once

#include "kernels/op.h"

namespace mien {

struct Conv2d {
  struct Params {
    int stride = 1;
    int pad = 0;
    int end_pad = 0;
    float eps = 1e-5f;
    Activation act = Activation::kNone;   // kNone, kRelu, kLeaky, kPRelu
    float slope = 0.01f;                  // of kLeaky
    float clamp = 0.0f;                   // 0: none
    bool operator==(const Params&) const = default;
  };
  // How the CPU computes it.
  struct CpuParams : Params {
    bool winograd = false;    // may use it (cpu/conv/winograd.h), where it is faster; rounds more
    bool on_the_fly = false;  // transformed weights of many channels are made at every use (cpu/conv/transformed.h)
    bool operator==(const CpuParams&) const = default;
  };
  enum Input { kX, kWeight, kBias, kGamma, kBeta, kMean, kVar, kResidual, kPrelu, kInputs };
  static constexpr const char* kName = "conv2d";
  static constexpr int kOutputs = 1;
  static constexpr uint32_t kPacked =
      1u << kWeight | 1u << kBias | 1u << kGamma | 1u << kBeta | 1u << kMean | 1u << kVar;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const CpuParams& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static bool SamePacking(const CpuParams& a, Shapes a_in, const CpuParams& b, Shapes b_in);
  static int64_t PackedFloats(const CpuParams& params, Shapes in);
  static void Pack(const CpuParams& params, Inputs<float> in, float* packed);
  static int64_t ScratchFloats(const CpuParams& params, Shapes in, int threads);
  static void Cpu(const CpuParams& params, const CpuCall& call);
};

}  // namespace mien
