// Test and bench cases of pool2d. The largest is exact; tolerances of means: measured (at least one rounding, 6e-8)
// x 1.5, 29 November 2026.
#pragma once

#include "kernels/case.h"
#include "kernels/pool2d/pool2d.h"

namespace mien {

template <>
inline std::vector<OpCase<Pool2d>> CasesOf<Pool2d>() {
  constexpr PoolKind kAverage = PoolKind::kAverage;
  const Pool2d::Params same = {.kernel = 3, .stride = 1, .pad = 1};
  const Pool2d::Params mean_7 = {.kind = kAverage, .kernel = 7, .stride = 1, .pad = 2, .end_pad = 3};
  const Pool2d::Params mean_3 = {.kind = kAverage, .kernel = 3, .stride = 1, .pad = 2};
  return {
      {"max", Tag::kTiny, {}, {{2, 3, 6, 38}}, 0},
      {"max_of_odd", Tag::kTiny, {.end_pad = 1}, {{2, 3, 5, 35}}, 0},
      {"max_stride_1", Tag::kTiny, {.stride = 1, .end_pad = 1}, {{2, 3, 5, 19}}, 0},
      {"max_3", Tag::kTiny, {.kernel = 3}, {{2, 3, 7, 37}}, 0},
      {"max_3_of_even", Tag::kTiny, {.kernel = 3, .end_pad = 1}, {{3, 2, 6, 40}}, 0},
      {"max_3_padded", Tag::kTiny, same, {{2, 3, 6, 18}}, 0},
      {"mean", Tag::kTiny, {.kind = kAverage}, {{2, 3, 7, 35}}, 3.5e-7},
      {"mean_3_padded", Tag::kTiny, {.kind = kAverage, .kernel = 3, .pad = 1}, {{2, 3, 7, 36}}, 4.4e-7},
      {"mean_7_padded", Tag::kTiny, mean_7, {{2, 3, 9, 20}}, 6.4e-7},
      {"detector_16_414", Tag::kModel, {}, {{1, 16, 414, 414}}, 0},
      {"detector_512_13", Tag::kModel, {.stride = 1, .end_pad = 1}, {{1, 512, 13, 13}}, 0},
      {"recognizer_32_72", Tag::kModel, {.kernel = 3}, {{1, 32, 72, 72}}, 0},
      {"recognizer_64_17", Tag::kModel, {.kind = kAverage}, {{1, 64, 17, 17}}, 3e-7},
      {"one_pixel", Tag::kEdge, {.end_pad = 1}, {{1, 1, 1, 1}}, 0},
      {"one_pixel_in_the_corner", Tag::kEdge, mean_3, {{1, 2, 1, 1}}, 9e-8},
      {"kernel_1", Tag::kEdge, {.kernel = 1}, {{2, 2, 5, 7}}, 0},
      {"whole", Tag::kEdge, {.kind = kAverage, .kernel = 7}, {{2, 3, 7, 7}}, 4.7e-7},
      {"all_far_below_zero", Tag::kEdge, same, {{2, 2, 4, 4}}, 0, {Fill::Normal(-1e30, 1e29)}},
  };
}

template <>
inline std::vector<WrongCase<Pool2d>> WrongCasesOf<Pool2d>() {
  const std::vector<Shape> x = {{2, 3, 4, 4}};
  return {
      {{}, {{2, 3, 4}}, "[?,?,?,?]", "[2,3,4]"},
      {{.kernel = 0}, x, "at least 1", "0"},
      {{.stride = 0}, x, "at least 1", "0"},
      {{.stride = 3}, x, "at most 2", "3"},
      {{.pad = -1}, x, "at least 0", "-1"},
      {{.end_pad = -1}, x, "at least 0", "-1"},
      {{.pad = 1, .end_pad = 1}, x, "at most 1", "2"},
      {{.kernel = 5}, x, "at least 5 padded rows and columns", "[2,3,4,4]"},
      {{.kernel = 3, .stride = 1, .pad = 2}, {{1, 1, 1 << 20, 1}}, "at most 1048576", "[1,1,1048578,3]"},
  };
}

}  // namespace mien
