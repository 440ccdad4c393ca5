// Test and bench cases of global_avg_pool. Tolerances: measured (at least one rounding, 6e-8) x 1.5, 23 November 2026.
#pragma once

#include "kernels/case.h"
#include "kernels/global_avg_pool/global_avg_pool.h"

namespace mien {

template <>
inline std::vector<OpCase<GlobalAvgPool>> CasesOf<GlobalAvgPool>() {
  return {
      {"odd", Tag::kTiny, {}, {{2, 3, 5, 7}}, 9e-8},
      {"encoder_64", Tag::kModel, {}, {{1, 128, 64, 64}}, 1.7e-7},
      {"one_number", Tag::kEdge, {}, {{1, 1, 1, 1}}, 0},
      {"mean_far_away", Tag::kEdge, {}, {{1, 2, 64, 64}}, 9e-8, {Fill::Normal(1e6, 1)}},
  };
}

template <>
inline std::vector<WrongCase<GlobalAvgPool>> WrongCasesOf<GlobalAvgPool>() {
  return {
      {{}, {{2, 3, 4}}, "[?,?,?,?]", "[2,3,4]"},
      {{}, {{2, 3, 0, 4}}, "[?,?,?,?]", "[2,3,0,4]"},
  };
}

}  // namespace mien
