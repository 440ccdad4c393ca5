// Test and bench cases of squeeze_excite. Tolerances: measured (every SIMD target of one machine) x 1.5, at
// least 2e-7, 23 November 2026.
#pragma once

#include "kernels/case.h"
#include "kernels/squeeze_excite/squeeze_excite.h"

namespace mien {

template <>
inline std::vector<OpCase<SqueezeExcite>> CasesOf<SqueezeExcite>() {
  constexpr uint32_t kBatched = 1u << SqueezeExcite::kU | 1u << SqueezeExcite::kShortcut;
  const Fill offset = Fill::Normal(0.5, 1);  // means that matter
  return {
      {"shortcut",
       Tag::kTiny,
       {},
       {{3, 8, 5, 7}, {3, 8, 1, 1}, {8, 3, 1, 1}, {3, 8, 5, 7}},
       2.3e-7,
       {offset},
       kBatched},
      {"alone", Tag::kTiny, {}, {{2, 20, 4, 4}, {5, 20, 1, 1}, {20, 5, 1, 1}, Shape()}, 3.1e-7, {offset}},
      {"encoder_256_32",
       Tag::kModel,
       {},
       {{1, 256, 32, 32}, {16, 256, 1, 1}, {256, 16, 1, 1}, {1, 256, 32, 32}},
       5.3e-7,
       {offset, Fill::Normal(0, 0.1), Fill::Normal(0, 0.25)},
       kBatched},
      {"encoder_64_128",
       Tag::kModel,
       {},
       {{1, 64, 128, 128}, {4, 64, 1, 1}, {64, 4, 1, 1}, {1, 64, 128, 128}},
       4.5e-7,
       {offset, Fill::Normal(0, 0.1), Fill::Normal(0, 0.25)},
       kBatched},
      {"one_number",
       Tag::kEdge,
       {},
       {{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}},
       2e-7,
       {},
       kBatched},
      {"saturated",
       Tag::kEdge,
       {},
       {{1, 4, 3, 3}, {2, 4, 1, 1}, {4, 2, 1, 1}, Shape()},
       2e-7,
       {Fill::Normal(5, 1), Fill::Uniform(1, 2), Fill::Normal(0, 10)}},
  };
}

template <>
inline std::vector<WrongCase<SqueezeExcite>> WrongCasesOf<SqueezeExcite>() {
  return {
      {{}, {{2, 8, 4}, {2, 8, 1, 1}, {8, 2, 1, 1}, Shape()}, "[?,?,?,?]", "[2,8,4]"},
      {{}, {{2, 8, 4, 4}, {2, 4, 1, 1}, {8, 2, 1, 1}, Shape()}, "[?,8,1,1]", "[2,4,1,1]"},
      {{}, {{2, 8, 4, 4}, {2, 8, 1, 1}, {8, 3, 1, 1}, Shape()}, "[8,2,1,1]", "[8,3,1,1]"},
      {{}, {{2, 8, 4, 4}, {2, 8, 1, 1}, {8, 2, 1, 1}, {2, 8, 4, 5}}, "[2,8,4,4]", "[2,8,4,5]"},
  };
}

}  // namespace mien
