// ToRGB by itself (kernels/to_rgb), for maps of so many channels that the convolution before it cannot do it
// in passing:
//   image = clamp(sum_i W_ci style_i x_i + bias_c) + upsample2x(skip)
// where the weight gain is already in the style (Styles).
#pragma once

#include "kernels/tensor/fast.h"

namespace mien {

struct FastToRgb {
  static constexpr int kMaxColors = 4;
  struct Weights {
    int inputs = 0, colors = 0;  // at most kMaxColors
    bool operator==(const Weights&) const = default;
  };
  struct Params {
    Weights weights;
    Precision precision = Precision::kHalf;
    int batch = 0, height = 0, width = 0;
    int style_stride = 0;  // numbers from one sample to the next
    float clamp = 0.0f, filter_gain = 1.0f;
    bool operator==(const Params&) const = default;
  };
  enum Source { kWeight, kBias, kFilter, kSources };
  enum Operand { kX, kStyle, kSkip, kPacked, kOperands };
  enum Result { kImage, kResults };
  static constexpr const char* kName = "fast_to_rgb";
  // Packed: weight [colors][inputs], bias [colors], filter [4][4]; fp32, zero where absent.
  static uint64_t PackedBytes(const Weights& weights);
  static void Pack(const Weights& weights, Inputs<float> sources, std::byte* packed);
  static uint64_t ResultBytes(const Params& params, int result);
  static uint64_t ScratchBytes(const Params&) { return 0; }
  static FastCost Count(const Params& params);
};

}  // namespace mien
