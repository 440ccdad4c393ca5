// Test and bench cases of to_rgb. Tolerances: measured (every SIMD target of one machine) x 1.5, at
// least 2e-7, 23 November 2026.
#pragma once

#include "kernels/case.h"
#include "kernels/to_rgb/to_rgb.h"

namespace mien {

template <>
inline std::vector<OpCase<ToRgb>> CasesOf<ToRgb>() {
  constexpr uint32_t kBatched = 1u << ToRgb::kX | 1u << ToRgb::kStyle | 1u << ToRgb::kSkip;
  return {
      {"skip",
       Tag::kTiny,
       {.weight_gain = 0.25f, .filter_gain = 4.0f},
       {{3, 20, 6, 10}, {3, 20}, {3, 20, 1, 1}, {3}, {3, 3, 3, 5}, {4, 4}},
       4.7e-7,
       {},
       kBatched},
      {"first_of_the_chain",
       Tag::kTiny,
       {},
       {{2, 7, 5, 3}, {2, 7}, {3, 7, 1, 1}, {3}, Shape(), Shape()},
       2.5e-7,
       {},
       kBatched},
      {"clamped_no_bias",
       Tag::kTiny,
       {.clamp = 1.0f},
       {{2, 6, 4, 4}, {2, 6}, {4, 6, 1, 1}, Shape(), {2, 4, 2, 2}, {4, 4}},
       2e-7,
       {},
       kBatched},
      {"synthesis_4",
       Tag::kModel,
       {.weight_gain = 0.0442f},
       {{1, 512, 4, 4}, {1, 512}, {3, 512, 1, 1}, {3}, Shape(), Shape()},
       1.1e-6,
       {},
       kBatched},
      {"synthesis_64",
       Tag::kModel,
       {.weight_gain = 0.0442f},
       {{1, 512, 64, 64}, {1, 512}, {3, 512, 1, 1}, {3}, {1, 3, 32, 32}, {4, 4}},
       1.2e-6,
       {},
       kBatched},
      {"synthesis_1024",
       Tag::kModel,
       {.weight_gain = 0.177f},
       {{1, 32, 1024, 1024}, {1, 32}, {3, 32, 1, 1}, {3}, {1, 3, 512, 512}, {4, 4}},
       1.2e-6,
       {},
       kBatched},
      {"one_number",
       Tag::kEdge,
       {},
       {{1, 1, 1, 1}, {1, 1}, {1, 1, 1, 1}, {1}, Shape(), Shape()},
       2e-7,
       {},
       kBatched},
      {"one_skip_pixel",
       Tag::kEdge,
       {},
       {{2, 3, 2, 2}, {2, 3}, {2, 3, 1, 1}, Shape(), {2, 2, 1, 1}, {4, 4}},
       2.5e-7,
       {},
       kBatched},
  };
}

template <>
inline std::vector<WrongCase<ToRgb>> WrongCasesOf<ToRgb>() {
  const Shape x = {2, 8, 4, 4}, style = {2, 8}, weight = {3, 8, 1, 1}, skip = {2, 3, 2, 2}, filter = {4, 4};
  return {
      {{}, {{2, 8, 4}, style, weight, {3}, Shape(), Shape()}, "[?,?,?,?]", "[2,8,4]"},
      {{}, {x, {1, 8}, weight, {3}, Shape(), Shape()}, "[2,8]", "[1,8]"},
      {{}, {x, style, {3, 8, 3, 3}, {3}, Shape(), Shape()}, "[?,8,1,1]", "[3,8,3,3]"},
      {{}, {x, style, weight, {4}, Shape(), Shape()}, "[3]", "[4]"},
      {{}, {x, style, weight, {3}, {2, 3, 4, 4}, filter}, "[2,3,2,2]", "[2,3,4,4]"},
      {{}, {x, style, weight, {3}, skip, Shape()}, "[4,4]", "absent"},
      {{}, {x, style, weight, {3}, Shape(), filter}, "absent", "[4,4]"},
      {{}, {{2, 8, 5, 4}, style, weight, {3}, skip, filter}, "even height and width", "[2,8,5,4]"},
      {{.clamp = -1.0f}, {x, style, weight, {3}, skip, filter}, "at least 0", "-1"},
      {{}, {{1, 8, 4, 4}, {1, 8}, {1 << 21, 8, 1, 1}, Shape(), Shape(), Shape()}, "at most 1048576", "[1,2097152,4,4]"},
  };
}

}  // namespace mien
