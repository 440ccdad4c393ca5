// Test and bench cases of mod_conv. Tolerances: measured (every SIMD target of one machine) x 1.5, at
// least 2e-7, 25 to 29 November 2026.
#pragma once

#include <cmath>

#include "kernels/case.h"
#include "kernels/mod_conv/mod_conv.h"

namespace mien {

namespace mod_conv_cases {

// kOuter: the filter is an outer product, as those of the public networks are.
enum Extras : unsigned { kNoise = 1, kSampleNoise = 2, kBias = 4, kOuter = 8, kAll = kNoise | kBias };

inline std::vector<Shape> Operands(const Shape& x, int64_t channels, bool up, unsigned extras) {
  const int64_t scale = up ? 2 : 1;
  const bool noise = extras & (kNoise | kSampleNoise);
  const Shape none, map = {extras & kSampleNoise ? x[0] : 1, 1, scale * x[2], scale * x[3]};
  return {x,
          {x[0], x[1]},
          {channels, x[1], 3, 3},
          up ? Shape{4, 4} : none,
          noise ? map : none,
          noise ? Shape{1} : none,
          extras & kBias ? Shape{channels} : none};
}

}  // namespace mod_conv_cases

template <>
inline std::vector<OpCase<ModConv>> CasesOf<ModConv>() {
  using namespace mod_conv_cases;
  using P = ModConv::CpuParams;
  const P plain = {{.act = Activation::kLeaky, .act_gain = 1.41421356f}};
  const P winograd = {{.act = Activation::kLeaky, .act_gain = 1.41421356f}, true};
  const P up = {{.up = true, .act = Activation::kLeaky, .act_gain = 1.41421356f}};
  const P nested = {{.up = true, .act = Activation::kLeaky, .act_gain = 1.41421356f}, true};
  const auto one = [](const char* name, Tag tag, P params, const Shape& x, int64_t channels, unsigned extras,
                      double tolerance) {
    // The generator's own numbers: styles about one, gain 1/sqrt(fan-in).
    if (tag == Tag::kModel) params.weight_gain = static_cast<float>(1 / std::sqrt(9.0 * x[1]));
    const uint32_t batched =
        1u << ModConv::kX | 1u << ModConv::kStyle | (extras & kSampleNoise ? 1u << ModConv::kNoise : 0u);
    const std::vector<Shape> in = Operands(x, channels, params.up, extras);
    OpCase<ModConv> c = {name, tag, params, in, tolerance, {Fill(), Fill::Normal(1, 0.4)}, batched};
    if (extras & kOuter) c.fill[ModConv::kFilter] = Fill::Outer();
    return c;
  };
  return {
      one("plain", Tag::kTiny, plain, {2, 5, 6, 7}, 3, kAll, 5.5e-7),
      one("noise_per_sample", Tag::kTiny, plain, {3, 24, 8, 8}, 20, kSampleNoise | kBias, 1.5e-6),
      one("gain_eps", Tag::kTiny, {{.weight_gain = 0.01f, .eps = 0.3f}}, {2, 40, 4, 4}, 48, kBias, 5e-7),
      one("no_demodulation", Tag::kTiny, {{.demodulate = false, .weight_gain = 0.1f}}, {2, 12, 5, 33}, 7, 0,
          2.2e-6),
      one("clamped", Tag::kTiny, {{.act = Activation::kLeaky, .act_gain = 4.0f, .clamp = 2.0f}}, {2, 7, 9, 4},
          13, kAll, 1.2e-6),
      one("many_channels", Tag::kTiny, plain, {2, 70, 4, 4}, 80, kAll, 6.5e-7),
      one("few_outputs", Tag::kTiny, plain, {1, 70, 6, 5}, 20, kAll, 6.5e-7),
      one("up", Tag::kTiny, up, {2, 5, 6, 7}, 3, kAll, 7.1e-7),
      one("up_many_pixels", Tag::kTiny, up, {1, 36, 17, 17}, 12, kAll, 1.6e-6),
      one("up_noise_per_sample", Tag::kTiny, up, {3, 24, 4, 4}, 40, kSampleNoise | kBias, 1.2e-6),
      one("up_filter_gain", Tag::kTiny, {{.up = true, .filter_gain = 4.0f}}, {1, 20, 5, 33}, 13, 0, 1.9e-6),
      one("up_no_demodulation", Tag::kTiny, {{.up = true, .demodulate = false}}, {2, 3, 9, 5}, 48, kBias,
          1.5e-6),
      one("up_bands", Tag::kTiny, up, {1, 3, 67, 17}, 2, kAll, 7.8e-7),
      one("up_wide", Tag::kTiny, up, {1, 2, 66, 530}, 3, kNoise, 1.5e-6),
      one("up_outer", Tag::kTiny, up, {2, 5, 9, 75}, 3, kAll | kOuter, 6.2e-7),
      one("nested", Tag::kTiny, nested, {1, 16, 16, 16}, 16, kAll, 5.3e-6),
      one("nested_outer", Tag::kTiny, nested, {2, 16, 16, 20}, 17, kAll | kOuter, 2.2e-6),
      one("nested_odd", Tag::kTiny, nested, {3, 20, 17, 19}, 23, kSampleNoise | kBias | kOuter, 1.7e-6),
      one("nested_wide", Tag::kTiny, nested, {2, 17, 6, 150}, 49, kAll, 5e-6),
      one("nested_edges", Tag::kTiny, nested, {1, 18, 20, 128}, 19, kAll | kOuter, 2.3e-6),
      one("nested_high", Tag::kTiny, nested, {1, 16, 139, 16}, 33, kBias, 8.7e-6),
      one("nested_deep", Tag::kTiny, nested, {2, 300, 18, 18}, 112, kBias | kOuter, 1.5e-5),
      one("nested_low", Tag::kTiny, nested, {1, 16, 4, 67}, 31, kNoise, 5.7e-6),
      one("nested_channels", Tag::kTiny, nested, {1, 182, 18, 28}, 182, kAll | kOuter, 5e-6),
      one("nested_channels_edges", Tag::kTiny, nested, {2, 260, 16, 16}, 127, kAll, 1.8e-5),
      one("winograd", Tag::kTiny, winograd, {1, 16, 16, 16}, 16, kAll, 2.9e-6),
      one("winograd_odd", Tag::kTiny, winograd, {3, 20, 13, 19}, 23, kSampleNoise | kBias, 3.6e-6),
      one("winograd_wide", Tag::kTiny, winograd, {2, 17, 5, 150}, 49, kAll, 2.9e-6),
      one("winograd_deep", Tag::kTiny, winograd, {2, 300, 16, 18}, 18, kBias, 1.4e-5),
      one("winograd_low", Tag::kTiny, winograd, {1, 16, 3, 67}, 31, kNoise, 2.2e-6),
      one("winograd_channels", Tag::kTiny, winograd, {2, 260, 13, 16}, 127, kAll, 9e-6),
      one("winograd_channels_wide", Tag::kTiny, winograd, {1, 182, 5, 136}, 182, kAll, 8.1e-6),
      one("conv1_512_4", Tag::kModel, plain, {1, 512, 4, 4}, 512, kAll, 7.4e-7),
      one("conv1_512_8", Tag::kModel, plain, {1, 512, 8, 8}, 512, kAll, 9.3e-7),
      one("conv1_512_16", Tag::kModel, plain, {1, 512, 16, 16}, 512, kAll, 1.1e-6),
      // Bands of the larger layers: as wide, but not as high.
      one("conv1_512_64_band", Tag::kModel, plain, {1, 512, 4, 64}, 512, kAll, 1.1e-6),
      one("conv1_256_128_band", Tag::kModel, plain, {1, 256, 8, 128}, 256, kAll, 1.3e-6),
      one("conv1_64_512_band", Tag::kModel, plain, {1, 64, 32, 512}, 64, kAll, 1.6e-6),
      one("conv1_32_1024_band", Tag::kModel, plain, {1, 32, 64, 1024}, 32, kAll, 1.6e-6),
      one("winograd_512_16", Tag::kModel, winograd, {1, 512, 16, 16}, 512, kAll, 7.5e-6),
      one("winograd_512_32", Tag::kModel, winograd, {1, 512, 32, 32}, 512, kAll, 7.8e-6),
      one("winograd_512_64_band", Tag::kModel, winograd, {1, 512, 16, 64}, 512, kAll, 8e-6),
      one("winograd_256_128_band", Tag::kModel, winograd, {1, 256, 16, 128}, 256, kAll, 1.2e-5),
      one("winograd_128_256_band", Tag::kModel, winograd, {1, 128, 32, 256}, 128, kAll, 1.1e-5),
      one("winograd_64_512_band", Tag::kModel, winograd, {1, 64, 32, 512}, 64, kAll, 6.3e-6),
      one("winograd_32_1024_band", Tag::kModel, winograd, {1, 32, 64, 1024}, 32, kAll, 4.8e-6),
      one("up_512_4", Tag::kModel, up, {1, 512, 4, 4}, 512, kAll | kOuter, 6.2e-7),
      one("up_512_16", Tag::kModel, up, {1, 512, 16, 16}, 512, kAll | kOuter, 1e-6),
      one("up_512_32_band", Tag::kModel, up, {1, 512, 8, 32}, 512, kAll | kOuter, 1.1e-6),
      one("up_256_128_band", Tag::kModel, up, {1, 256, 16, 128}, 128, kAll | kOuter, 1.1e-6),
      one("up_64_512_band", Tag::kModel, up, {1, 64, 64, 512}, 32, kAll | kOuter, 1.4e-6),
      one("nested_512_16", Tag::kModel, nested, {1, 512, 16, 16}, 512, kAll | kOuter, 5.2e-6),
      one("nested_512_32", Tag::kModel, nested, {1, 512, 32, 32}, 512, kAll | kOuter, 7.3e-6),
      one("nested_512_64_band", Tag::kModel, nested, {1, 512, 16, 64}, 256, kAll | kOuter, 5.6e-6),
      one("nested_256_128_band", Tag::kModel, nested, {1, 256, 16, 128}, 128, kAll | kOuter, 7.4e-6),
      one("nested_128_256_band", Tag::kModel, nested, {1, 128, 32, 256}, 64, kAll | kOuter, 4.7e-6),
      one("nested_64_512_band", Tag::kModel, nested, {1, 64, 64, 512}, 32, kAll | kOuter, 3.9e-6),
      one("one_number", Tag::kEdge, plain, {1, 1, 1, 1}, 1, 0, 2e-7),
      one("one_row", Tag::kEdge, plain, {2, 3, 1, 50}, 4, kBias, 4.7e-7),
      one("up_one_pixel", Tag::kEdge, up, {2, 2, 1, 1}, 1, kAll, 2.5e-7),
      one("up_one_column", Tag::kEdge, up, {1, 3, 40, 1}, 7, kAll, 5.2e-7),
      one("styles_at_zero", Tag::kEdge, {{.weight_gain = 0.0f}}, {1, 4, 4, 4}, 4, kBias, 2e-7),
  };
}

template <>
inline std::vector<WrongCase<ModConv>> WrongCasesOf<ModConv>() {
  using mod_conv_cases::Operands;
  const Shape x = {2, 8, 6, 6}, none;
  const auto with = [&](size_t input, const Shape& shape, bool up = false) {
    std::vector<Shape> in = Operands(x, 4, up, mod_conv_cases::kAll);
    in[input] = shape;
    return in;
  };
  return {
      {{}, with(ModConv::kX, {2, 8, 36}), "[?,?,?,?]", "[2,8,36]"},
      {{}, with(ModConv::kStyle, {1, 8}), "[2,8]", "[1,8]"},
      {{}, with(ModConv::kWeight, {4, 8, 1, 1}), "[?,8,3,3]", "[4,8,1,1]"},
      {{}, with(ModConv::kFilter, {4, 4}), "absent", "[4,4]"},
      {{.up = true}, with(ModConv::kFilter, none, true), "[4,4]", "absent"},
      {{.up = true}, with(ModConv::kNoise, {1, 1, 6, 6}, true), "[1,1,12,12]", "[1,1,6,6]"},
      {{}, with(ModConv::kNoise, {3, 1, 6, 6}), "[2,1,6,6]", "[3,1,6,6]"},
      {{}, with(ModConv::kNoise, none), "absent", "[1]"},
      {{}, with(ModConv::kNoiseStrength, none), "[1]", "absent"},
      {{}, with(ModConv::kBias, {5}), "[4]", "[5]"},
      {{.act = Activation::kRelu}, with(0, x), "none or leaky", "another activation"},
      {{.eps = -1.0f}, with(0, x), "at least 0", "-1"},
      {{.clamp = -1.0f}, with(0, x), "at least 0", "-1"},
      {{.up = true}, Operands({1, 8, 1 << 20, 1}, 4, true, 0), "at most 1048576", "[1,4,2097152,2]"},
  };
}

}  // namespace mien
