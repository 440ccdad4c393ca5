// Modulated 3x3 convolution with everything around it (kernels/mod_conv, kernels/to_rgb): implicit GEMM on tensor
// cores, stride 1 or transposed with the filter fused (up). The style has multiplied x already where x was made:
//   t = conv(x, W) factor_o                  factor: weight gain, demodulation and style scale (Styles)
//   v = clamp(act(t + noise_strength noise + bias) act_gain)
//   y = v next_style,  plain = v,  image = clamp(sum_o Wrgb_co rgb_style_o v_o + bias_c) + upsample2x(skip)
// each of the three only where it is wanted.
#pragma once

#include "kernels/tensor/fast.h"

namespace mien {

struct FastModConv {
  struct Weights {
    Precision precision = Precision::kHalf;
    bool up = false;
    int inputs = 0, outputs = 0;
    int rgb = 0;  // channels of the fused image, 0: none
    bool operator==(const Weights&) const = default;
  };
  struct Params {
    Weights weights;
    int batch = 0, height = 0, width = 0;  // of x
    int factor_stride = 0, next_style_stride = 0, rgb_style_stride = 0;  // numbers from one sample to the next
    int noise_stride = 0;  // 0: one map for all samples
    float filter_gain = 1.0f;
    Activation act = Activation::kNone;  // kNone or kLeaky
    float slope = 0.2f, act_gain = 1.0f, clamp = 0.0f;
    float rgb_clamp = 0.0f, rgb_filter_gain = 1.0f;
    bool store = false, store_plain = false;  // results kY, kPlain
    uint8_t most_splits = kEnoughBlocks;      // of K; fewer leave more of it to each block
    bool operator==(const Params&) const = default;
  };
  enum Source { kWeight, kFilter, kNoiseStrength, kBias, kRgbWeight, kRgbBias, kRgbFilter, kSources };
  enum Operand { kX, kFactor, kNoise, kNextStyle, kRgbStyle, kSkip, kPacked, kOperands };
  enum Result { kY, kPlain, kImage, kResults };
  static constexpr const char* kName = "fast_mod_conv";
  static uint64_t PackedBytes(const Weights& weights);
  static void Pack(const Weights& weights, Inputs<float> sources, std::byte* packed);
  static uint64_t ResultBytes(const Params& params, int result);
  static uint64_t ScratchBytes(const Params& params);
  static FastCost Count(const Params& params);
};

}  // namespace mien
