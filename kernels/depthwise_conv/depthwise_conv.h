// Depthwise convolution: every channel by a 3x3 kernel of its own, zero padding:
//   t = conv(pre(x), W) + bias;  y = clamp(act(norm(t))), norm and end_pad as in kernels/conv2d/conv2d.h
// Stride 1 or 2. Output [N,C,Ho,Wo], Ho = (H + 2 pad + end_pad - 3) / stride + 1.
//
// Inputs ("?": may be absent):
// x       [N,C,H,W]
// weight  [C,1,3,3]
// bias?   [C]
// gamma?  [C], with beta
// beta?   [C]
// mean?   [C], with var and gamma
// var?    [C]
#pragma once

#include "kernels/op.h"

namespace mien {

struct DepthwiseConv {
  struct Params {
    int stride = 1;
    int pad = 0;
    int end_pad = 0;
    Activation pre = Activation::kNone;  // kNone or kRelu
    float eps = 1e-5f;
    Activation act = Activation::kNone;  // kNone, kRelu, kLeaky
    float slope = 0.01f;                 // of kLeaky
    float clamp = 0.0f;                  // 0: none
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kWeight, kBias, kGamma, kBeta, kMean, kVar, kInputs };
  static constexpr const char* kName = "depthwise_conv";
  static constexpr int kOutputs = 1;
  static constexpr uint32_t kPacked = 0b1111110;  // all but x
  static constexpr int kKernel = 3;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static bool SamePacking(const Params& a, Shapes, const Params& b, Shapes) { return a.eps == b.eps; }
  static int64_t PackedFloats(const Params& params, Shapes in);
  static void Pack(const Params& params, Inputs<float> in, float* packed);
  static int64_t ScratchFloats(const Params& params, Shapes in, int threads);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
