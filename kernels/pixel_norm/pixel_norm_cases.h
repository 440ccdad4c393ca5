// Test and bench cases of pixel_norm. Tolerances: measured x 1.5, 23 November 2026; 0: copies.
#pragma once

#include "kernels/case.h"
#include "kernels/pixel_norm/pixel_norm.h"

namespace mien {

template <>
inline std::vector<OpCase<PixelNorm>> CasesOf<PixelNorm>() {
  return {
      {"odd", Tag::kTiny, {}, {{3, 7}}, 1e-6},
      {"mapping_512", Tag::kModel, {}, {{4, 512}}, 1e-6},
      {"one_number", Tag::kEdge, {}, {{1, 1}}, 1e-6},
      {"far_from_unit", Tag::kEdge, {}, {{2, 19}}, 1e-6, {Fill::Normal(1e4, 1e3)}},
      {"eps_dominates", Tag::kEdge, {.eps = 1e-2f}, {{2, 33}}, 1e-6, {Fill::Normal(0, 1e-3)}},
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
