// Test and bench cases of pixel_norm. Tolerances: measured (at least one rounding, 6e-8) x 1.5, 23 November 2026.
#pragma once

#include "kernels/case.h"
#include "kernels/pixel_norm/pixel_norm.h"

namespace mien {

template <>
inline std::vector<OpCase<PixelNorm>> CasesOf<PixelNorm>() {
  return {
      {"odd", Tag::kTiny, {}, {{3, 7}}, 1.4e-7},
      {"mapping_512", Tag::kModel, {}, {{4, 512}}, 3.7e-7},
      {"one_number", Tag::kEdge, {}, {{1, 1}}, 9e-8},
      {"far_from_unit", Tag::kEdge, {}, {{2, 19}}, 9e-8, {Fill::Normal(1e4, 1e3)}},
      {"eps_dominates", Tag::kEdge, {.eps = 1e-2f}, {{2, 33}}, 1.5e-7, {Fill::Normal(0, 1e-3)}},
  };
}

template <>
inline std::vector<WrongCase<PixelNorm>> WrongCasesOf<PixelNorm>() {
  return {
      {{}, {{2, 3, 4}}, "[?,?]", "[2,3,4]"},
      {{}, {{2, 0}}, "[?,?]", "[2,0]"},
      {{}, {Shape()}, "[?,?]", "absent"},
      {{}, {}, "1 operands", "0"},
  };
}

}  // namespace mien
