// Test and bench cases of upsample. Tolerances: measured (every SIMD target of one machine) x 1.5, at
// least 2e-7, 23 November 2026.
#pragma once

#include "kernels/case.h"
#include "kernels/upsample/upsample.h"

namespace mien {

template <>
inline std::vector<OpCase<Upsample>> CasesOf<Upsample>() {
  return {
      {"odd_sizes", Tag::kTiny, {.gain = 4.0f}, {{2, 3, 5, 7}, {4, 4}}, 5.4e-7},
      {"square", Tag::kTiny, {}, {{3, 1, 8, 8}, {4, 4}}, 3.7e-7},
      {"image_512", Tag::kModel, {}, {{1, 3, 512, 512}, {4, 4}}, 9e-7},
      {"one_pixel", Tag::kEdge, {.gain = 0.5f}, {{2, 2, 1, 1}, {4, 4}}, 2e-7},
      {"one_column", Tag::kEdge, {}, {{1, 1, 9, 1}, {4, 4}}, 2.6e-7},
      {"two_columns", Tag::kEdge, {}, {{1, 1, 1, 2}, {4, 4}}, 2e-7},
  };
}

template <>
inline std::vector<WrongCase<Upsample>> WrongCasesOf<Upsample>() {
  return {
      {{}, {{2, 3, 4}, {4, 4}}, "[?,?,?,?]", "[2,3,4]"},
      {{}, {{2, 3, 4, 4}, {3, 3}}, "[4,4]", "[3,3]"},
      {{}, {{2, 3, 4, 4}, Shape()}, "[4,4]", "absent"},
      {{}, {{2, 3, 0, 4}, {4, 4}}, "[?,?,?,?]", "[2,3,0,4]"},
      {{}, {{1, 1, 1 << 20, 1}, {4, 4}}, "at most 1048576", "[1,1,2097152,2]"},
  };
}

}  // namespace mien
