// Test and bench cases of depthwise_conv. Tolerances: measured (every SIMD target of one machine) x 1.5, at least 9e-8,
// 29 November 2026.
#pragma once

#include "kernels/case.h"
#include "kernels/depthwise_conv/depthwise_conv.h"

namespace mien {

namespace depthwise_conv_cases {

enum Extras : unsigned { kBias = 1, kScale = 2, kNorm = 4 };  // kScale: gamma and beta alone

inline std::vector<Shape> Operands(const Shape& x, unsigned extras) {
  const Shape channels = {x[1]}, none, scale = extras & (kScale | kNorm) ? channels : none;
  const Shape norm = extras & kNorm ? channels : none;
  return {x, {x[1], 1, 3, 3}, extras & kBias ? channels : none, scale, scale, norm, norm};
}

}  // namespace depthwise_conv_cases

template <>
inline std::vector<OpCase<DepthwiseConv>> CasesOf<DepthwiseConv>() {
  using namespace depthwise_conv_cases;
  using P = DepthwiseConv::Params;
  const P same = {.pad = 1}, half = {.stride = 2, .end_pad = 1}, odd_half = {.stride = 2, .pad = 1};
  const P relu6 = {.pad = 1, .eps = 1e-3f, .act = Activation::kRelu, .clamp = 6.0f};
  const P relu6_half = {.stride = 2, .end_pad = 1, .eps = 1e-3f, .act = Activation::kRelu, .clamp = 6.0f};
  const P relu_half = {.stride = 2, .pad = 1, .pre = Activation::kRelu};
  const P leaky = {.act = Activation::kLeaky, .slope = 0.1f};
  const auto one = [](const char* name, Tag tag, const P& params, const Shape& x, unsigned extras, double tolerance) {
    OpCase<DepthwiseConv> c{name, tag, params, Operands(x, extras), tolerance};
    c.fill[DepthwiseConv::kWeight] = Fill::Normal(0, 0.333);
    c.fill[DepthwiseConv::kVar] = Fill::Uniform(0.5, 2);
    return c;
  };
  return {
      one("same", Tag::kTiny, same, {2, 3, 5, 7}, 0, 3.6e-7),
      one("half_of_even", Tag::kTiny, half, {2, 3, 8, 38}, kBias, 6.3e-7),
      one("half_of_odd", Tag::kTiny, odd_half, {3, 2, 7, 35}, kScale, 2.4e-7),
      one("norm_relu6", Tag::kTiny, relu6, {2, 5, 6, 33}, kNorm, 2.9e-7),
      one("relu_before", Tag::kTiny, {.pad = 1, .pre = Activation::kRelu}, {2, 3, 6, 18}, 0, 4.8e-7),
      one("relu_before_half", Tag::kTiny, relu_half, {1, 3, 9, 70}, kBias, 6.2e-7),
      one("leaky_no_padding", Tag::kTiny, leaky, {2, 3, 6, 20}, kBias | kNorm, 2.4e-7),
      one("several_tasks_of_a_channel", Tag::kTiny, same, {1, 2, 70, 65}, 0, 6.1e-7),
      one("detector_16_208", Tag::kModel, same, {1, 16, 208, 208}, 0, 1.3e-6),
      one("detector_256_13", Tag::kModel, same, {1, 256, 13, 13}, 0, 1.1e-6),
      one("landmarks_64_s2_28", Tag::kModel, half, {1, 64, 28, 28}, 0, 9.1e-7),
      one("ssd_32_256", Tag::kModel, relu6, {1, 32, 256, 256}, kNorm, 1.7e-6),
      one("ssd_64_s2_256", Tag::kModel, relu6_half, {1, 64, 256, 256}, kNorm, 2.1e-6),
      one("one_pixel", Tag::kEdge, same, {1, 1, 1, 1}, 0, 9e-8),
      one("one_pixel_padded_behind", Tag::kEdge, {.end_pad = 2}, {2, 3, 1, 1}, 0, 9e-8),
      one("all_padding_before", Tag::kEdge, {.pad = 2}, {1, 2, 1, 3}, kBias, 2.8e-7),
      one("stride_past_the_end", Tag::kEdge, {.stride = 2}, {1, 2, 4, 6}, 0, 1.6e-7),
      one("clamped", Tag::kEdge, {.pad = 1, .clamp = 0.5f}, {1, 2, 4, 6}, 0, 1.6e-7),
  };
}

template <>
inline std::vector<WrongCase<DepthwiseConv>> WrongCasesOf<DepthwiseConv>() {
  const Shape x = {2, 8, 6, 6}, none, c = {8};
  const auto with = [&](size_t input, const Shape& shape) {
    std::vector<Shape> in = {x, {8, 1, 3, 3}, none, none, none, none, none};
    in[input] = shape;
    return in;
  };
  const std::vector<Shape> tall = {{1, 1, 1 << 20, 1}, {1, 1, 3, 3}, none, none, none, none, none};
  std::vector<Shape> half_norm = with(DepthwiseConv::kGamma, c), half_mean = half_norm;
  half_mean[DepthwiseConv::kBeta] = half_mean[DepthwiseConv::kMean] = c;
  return {
      {{}, with(0, {8, 6, 6}), "[?,?,?,?]", "[8,6,6]"},
      {{}, with(DepthwiseConv::kWeight, {8, 3, 3}), "[8,1,3,3]", "[8,3,3]"},
      {{}, with(DepthwiseConv::kWeight, {1, 8, 3, 3}), "[8,1,3,3]", "[1,8,3,3]"},
      {{.stride = 3}, with(0, x), "at most 2", "3"},
      {{.stride = 0}, with(0, x), "at least 1", "0"},
      {{.pad = -1}, with(0, x), "at least 0", "-1"},
      {{.end_pad = -1}, with(0, x), "at least 0", "-1"},
      {{.pad = 2, .end_pad = 1}, with(0, x), "at most 2", "3"},
      {{}, with(0, {2, 8, 2, 6}), "at least 3 padded rows and columns", "[2,8,2,6]"},
      {{.pre = Activation::kLeaky}, with(0, x), "none or relu", "another activation"},
      {{.act = Activation::kPRelu}, with(0, x), "none, relu or leaky", "another activation"},
      {{.act = Activation::kSigmoid}, with(0, x), "none, relu or leaky", "another activation"},
      {{.clamp = -1.0f}, with(0, x), "at least 0", "-1"},
      {{}, with(DepthwiseConv::kBias, {9}), "[8]", "[9]"},
      {{}, half_norm, "[8]", "absent"},
      {{}, half_mean, "[8]", "absent"},
      {{}, with(DepthwiseConv::kMean, c), "absent", "[8]"},
      {{.pad = 2}, tall, "at most 1048576", "[1,1,1048578,3]"},
  };
}

}  // namespace mien
