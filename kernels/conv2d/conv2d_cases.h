// Test and bench cases of conv2d. Tolerances: measured (every SIMD target of one machine) x 1.5, at
// least 2e-7, 25 to 29 November 2026.
#pragma once

#include <cmath>

#include "kernels/case.h"
#include "kernels/conv2d/conv2d.h"

namespace mien {

namespace conv2d_cases {

// kScale: gamma and beta alone.
enum Extras : unsigned { kBias = 1, kNorm = 2, kResidual = 4, kPrelu = 8, kScale = 16 };

// The operands of a call; `y` is the shape of its output.
inline std::vector<Shape> Operands(const Shape& x, int64_t kernel, const Shape& y, unsigned extras) {
  const Shape channels = {y[1]}, none, norm = extras & kNorm ? channels : none;
  const Shape scale = extras & kScale ? channels : norm;
  return {x,    {y[1], x[1], kernel, kernel},  extras & kBias ? channels : none, scale, scale, norm,
          norm, extras & kResidual ? y : none, extras & kPrelu ? channels : none};
}

}  // namespace conv2d_cases

template <>
inline std::vector<OpCase<Conv2d>> CasesOf<Conv2d>() {
  using namespace conv2d_cases;
  using P = Conv2d::CpuParams;
  constexpr uint32_t kBatched = 1u << Conv2d::kX | 1u << Conv2d::kResidual;
  const P relu1 = {{.pad = 1, .act = Activation::kRelu}}, half = {{.stride = 2, .pad = 1}};
  const P prelu1 = {{.pad = 1, .act = Activation::kPRelu}};
  const P winograd = {{.pad = 1, .act = Activation::kPRelu}, true};
  const P nested = {{.stride = 2, .pad = 1, .act = Activation::kPRelu}, true};
  const P behind = {{.stride = 2, .end_pad = 1}}, clamped = {{.pad = 1, .act = Activation::kRelu, .clamp = 0.8f}};
  const P leaky2 = {{.stride = 2, .pad = 1, .act = Activation::kLeaky, .slope = 0.01f}};
  const auto one = [](const char* name, Tag tag, const P& params, const Shape& x, int64_t kernel,
                      const Shape& y, unsigned extras, double tolerance) {
    OpCase<Conv2d> c{name, tag, params, Operands(x, kernel, y, extras), tolerance, {}, kBatched};
    // As a trained net has them: sums of about one, variances away from zero.
    c.fill[Conv2d::kWeight] = Fill::Normal(0, 1 / std::sqrt(static_cast<double>(x[1] * kernel * kernel)));
    c.fill[Conv2d::kGamma] = Fill::Uniform(0.5, 1.5);
    c.fill[Conv2d::kVar] = Fill::Uniform(0.5, 2);
    return c;
  };
  return {
      one("kernel_3", Tag::kTiny, {{.pad = 1}}, {2, 5, 6, 7}, 3, {2, 3, 6, 7}, kBias, 6.5e-7),
      one("norm_relu_residual", Tag::kTiny, relu1, {3, 20, 9, 5}, 3, {3, 24, 9, 5}, kBias | kNorm | kResidual,
          1.3e-6),
      one("prelu_wide", Tag::kTiny, prelu1, {2, 3, 5, 35}, 3, {2, 48, 5, 35}, kNorm | kPrelu, 8.3e-7),
      one("stride_2_odd", Tag::kTiny, half, {2, 24, 9, 13}, 3, {2, 40, 5, 7}, 0, 2.7e-6),
      one("stride_2_leaky_wide", Tag::kTiny, leaky2, {2, 7, 6, 70}, 3, {2, 20, 3, 35}, kBias, 1e-6),
      one("kernel_7_stride_2", Tag::kTiny, {{.stride = 2, .pad = 3}}, {1, 3, 17, 40}, 7, {1, 20, 9, 20}, kNorm,
          1.3e-6),
      one("kernel_1", Tag::kTiny, {}, {3, 40, 5, 7}, 1, {3, 20, 5, 7}, kBias, 8.8e-7),
      one("kernel_1_stride_2", Tag::kTiny, {{.stride = 2}}, {2, 20, 7, 64}, 1, {2, 13, 4, 32}, kNorm, 5.8e-7),
      one("no_padding", Tag::kTiny, {{.act = Activation::kLeaky}}, {2, 6, 8, 20}, 3, {2, 12, 6, 18}, kResidual,
          1.6e-6),
      one("many_channels", Tag::kTiny, {{.pad = 1}}, {1, 70, 4, 4}, 3, {1, 80, 4, 4}, kBias, 1.4e-6),
      one("padding_behind", Tag::kTiny, behind, {2, 5, 8, 38}, 3, {2, 20, 4, 19}, kBias, 7.7e-7),
      one("padding_behind_not_nested", Tag::kTiny, {{.stride = 2, .pad = 1, .end_pad = 1}, true}, {1, 18, 32, 32}, 3,
          {1, 33, 17, 17}, kBias, 2e-6),
      one("padding_behind_not_winograd", Tag::kTiny, {{.pad = 1, .end_pad = 1}, true}, {1, 18, 14, 21}, 3,
          {1, 33, 15, 22}, kBias, 1.8e-6),
      one("scale_relu_clamp", Tag::kTiny, clamped, {2, 20, 6, 9}, 3, {2, 13, 6, 9}, kBias | kScale, 3.3e-6),
      one("winograd", Tag::kTiny, winograd, {2, 18, 14, 21}, 3, {2, 33, 14, 21}, kNorm | kResidual | kPrelu,
          5.8e-6),
      one("winograd_plain", Tag::kTiny, {{.pad = 1}, true}, {1, 64, 17, 64}, 3, {1, 50, 17, 64}, 0,
          1.1e-5),
      one("nested", Tag::kTiny, nested, {2, 18, 32, 32}, 3, {2, 33, 16, 16}, kNorm | kResidual | kPrelu, 2.8e-6),
      one("nested_odd", Tag::kTiny, nested, {3, 17, 31, 27}, 3, {3, 19, 16, 14}, kBias | kPrelu, 2.7e-6),
      one("nested_odd_square", Tag::kTiny, nested, {2, 17, 31, 31}, 3, {2, 19, 16, 16}, kBias | kPrelu, 2.8e-6),
      one("nested_wide", Tag::kTiny, {{.stride = 2, .pad = 1}, true}, {1, 16, 7, 150}, 3, {1, 60, 4, 75}, 0,
          4.8e-6),
      one("nested_deep", Tag::kTiny, nested, {1, 300, 26, 38}, 3, {1, 112, 13, 19}, kNorm | kPrelu, 1.3e-5),
      one("winograd_channels", Tag::kTiny, winograd, {1, 190, 13, 16}, 3, {1, 175, 13, 16}, kNorm | kPrelu, 1.5e-5),
      one("nested_channels", Tag::kTiny, nested, {3, 190, 25, 25}, 3, {3, 180, 13, 13}, kBias | kPrelu, 1.3e-5),
      one("nested_channels_odd", Tag::kTiny, nested, {1, 300, 27, 33}, 3, {1, 131, 14, 17}, kNorm | kPrelu, 1.3e-5),
      one("few_pixels", Tag::kTiny, leaky2, {3, 40, 8, 7}, 3, {3, 70, 4, 4}, kBias | kResidual, 1.9e-6),
      one("few_pixels_2x2", Tag::kTiny, leaky2, {2, 30, 4, 3}, 3, {2, 64, 2, 2}, kBias, 1.1e-6),
      one("few_pixels_dead_taps", Tag::kTiny, leaky2, {3, 100, 2, 2}, 3, {3, 130, 1, 1}, kNorm, 1.4e-6),
      one("few_pixels_padding_behind", Tag::kTiny, behind, {2, 40, 2, 2}, 3, {2, 70, 1, 1}, kBias, 8e-7),
      one("few_pixels_row", Tag::kTiny, prelu1, {2, 13, 1, 9}, 3, {2, 65, 1, 9}, kPrelu, 1.2e-6),
      one("winograd_64_128", Tag::kModel, winograd, {1, 64, 128, 128}, 3, {1, 64, 128, 128}, kPrelu, 2.4e-5),
      one("winograd_256_32", Tag::kModel, winograd, {1, 256, 32, 32}, 3, {1, 256, 32, 32}, kPrelu, 4.7e-5),
      one("encoder_input_256", Tag::kModel, prelu1, {1, 3, 256, 256}, 3, {1, 64, 256, 256}, kNorm | kPrelu,
          1.8e-6),
      one("encoder_64_s2_256", Tag::kModel, half, {1, 64, 256, 256}, 3, {1, 64, 128, 128}, kNorm, 2.8e-6),
      one("encoder_128_64", Tag::kModel, prelu1, {1, 128, 64, 64}, 3, {1, 128, 64, 64}, kPrelu, 5.7e-6),
      one("encoder_256_32", Tag::kModel, {{.pad = 1}}, {1, 256, 32, 32}, 3, {1, 256, 32, 32}, kNorm, 2.2e-6),
      one("head_512_s2_64_band", Tag::kModel, leaky2, {1, 512, 16, 64}, 3, {1, 512, 8, 32}, kBias, 2.2e-6),
      one("head_512_s2_16", Tag::kModel, leaky2, {1, 512, 16, 16}, 3, {1, 512, 8, 8}, kBias, 1.8e-6),
      one("head_512_s2_2", Tag::kModel, leaky2, {1, 512, 2, 2}, 3, {1, 512, 1, 1}, kBias, 1.1e-6),
      one("nested_64_256", Tag::kModel, nested, {1, 64, 256, 256}, 3, {1, 64, 128, 128}, kNorm | kPrelu, 8.1e-6),
      one("nested_256_64", Tag::kModel, nested, {1, 256, 64, 64}, 3, {1, 256, 32, 32}, kNorm | kPrelu, 1.6e-5),
      one("nested_512_64", Tag::kModel, nested, {1, 512, 64, 64}, 3, {1, 512, 32, 32}, kBias | kPrelu, 1.9e-5),
      one("nested_512_32", Tag::kModel, nested, {1, 512, 32, 32}, 3, {1, 512, 16, 16}, kBias | kPrelu, 1.5e-5),
      one("head_512_s2_8", Tag::kModel, leaky2, {1, 512, 8, 8}, 3, {1, 512, 4, 4}, kBias, 2e-6),
      one("head_512_s2_4", Tag::kModel, leaky2, {1, 512, 4, 4}, 3, {1, 512, 2, 2}, kBias, 1.3e-6),
      one("lateral_1x1_64", Tag::kModel, {}, {1, 128, 64, 64}, 1, {1, 512, 64, 64}, kBias, 2.6e-6),
      one("one_number", Tag::kEdge, {}, {1, 1, 1, 1}, 1, {1, 1, 1, 1}, 0, 2e-7),
      one("all_padding_but_one", Tag::kEdge, {{.pad = 2}}, {1, 2, 1, 1}, 3, {1, 2, 3, 3}, kBias, 2e-7),
      one("stride_2_one_pixel", Tag::kEdge, half, {2, 33, 1, 1}, 3, {2, 7, 1, 1}, kBias, 2e-7),
      one("kernel_7_one_pixel", Tag::kEdge, {{.pad = 3}}, {1, 6, 1, 1}, 7, {1, 1, 1, 1}, 0, 2e-7),
      one("stride_2_last_pixel", Tag::kEdge, {{.stride = 2}}, {1, 1, 1, 32}, 1, {1, 1, 1, 16}, 0, 2e-7),
  };
}

template <>
inline std::vector<WrongCase<Conv2d>> WrongCasesOf<Conv2d>() {
  const Shape x = {2, 8, 6, 6}, weight = {4, 8, 3, 3}, none, c = {4};
  const auto with = [&](size_t input, const Shape& shape) {
    std::vector<Shape> in = {x, weight, none, none, none, none, none, none, none};
    in[input] = shape;
    return in;
  };
  std::vector<Shape> half_norm = with(Conv2d::kGamma, c), beta_only = with(Conv2d::kBeta, c), half_mean = half_norm;
  half_mean[Conv2d::kBeta] = half_mean[Conv2d::kMean] = c;
  return {
      {{}, with(Conv2d::kX, {8, 6, 6}), "[?,?,?,?]", "[8,6,6]"},
      {{}, with(Conv2d::kWeight, {4, 7, 3, 3}), "[?,8,?,?]", "[4,7,3,3]"},
      {{}, with(Conv2d::kWeight, {4, 8, 3, 1}), "[4,8,3,3]", "[4,8,3,1]"},
      {{}, with(Conv2d::kWeight, {4, 8, 5, 5}), "kernel size 1, 3 or 7", "5"},
      {{.stride = 3}, with(0, x), "at most 2", "3"},
      {{.stride = 0}, with(0, x), "at least 1", "0"},
      {{.pad = 3}, with(0, x), "at most 2", "3"},
      {{.pad = -1}, with(0, x), "at least 0", "-1"},
      {{.end_pad = -1}, with(0, x), "at least 0", "-1"},
      {{.pad = 1, .end_pad = 2}, with(0, x), "at most 2", "3"},
      {{.clamp = -1.0f}, with(0, x), "at least 0", "-1"},
      {{.act = Activation::kSigmoid}, with(0, x), "none, relu, leaky or prelu", "sigmoid"},
      {{}, with(0, {2, 8, 2, 6}), "at least 3 padded rows and columns", "[2,8,2,6]"},
      {{}, with(Conv2d::kBias, {5}), "[4]", "[5]"},
      {{}, half_norm, "[4]", "absent"},
      {{}, beta_only, "absent", "[4]"},
      {{}, half_mean, "[4]", "absent"},
      {{}, with(Conv2d::kMean, c), "absent", "[4]"},
      {{.act = Activation::kPRelu}, with(0, x), "[4]", "absent"},
      {{}, with(Conv2d::kPrelu, c), "absent", "[4]"},
      {{}, with(Conv2d::kResidual, x), "[2,4,4,4]", "[2,8,6,6]"},
      {{.pad = 2}, {{1, 1, 1 << 20, 1}, {1, 1, 3, 3}, none, none, none, none, none, none, none}, "at most 1048576",
       "[1,1,1048578,3]"},
  };
}

}  // namespace mien
