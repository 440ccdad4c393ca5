// Test and bench cases of l2_normalize. Tolerances: measured (at least one rounding, 6e-8) x 1.5, 23 November 2026.
#pragma once

#include "kernels/case.h"
#include "kernels/l2_normalize/l2_normalize.h"

namespace mien {

template <>
inline std::vector<OpCase<L2Normalize>> CasesOf<L2Normalize>() {
  return {
      {"odd", Tag::kTiny, {}, {{3, 7}}, 1.2e-7},
      {"embedding_512", Tag::kModel, {}, {{4, 512}}, 2.5e-7},
      {"one_number", Tag::kEdge, {}, {{1, 1}}, 9e-8},
      {"zero_rows", Tag::kEdge, {}, {{2, 9}}, 0, {Fill::Uniform(0, 0)}},
      {"tiny_numbers", Tag::kEdge, {}, {{2, 19}}, 9e-8, {Fill::Normal(0, 1e-30)}},
      {"huge_numbers", Tag::kEdge, {}, {{2, 19}}, 9e-8, {Fill::Normal(0, 1e30)}},
  };
}

template <>
inline std::vector<WrongCase<L2Normalize>> WrongCasesOf<L2Normalize>() {
  return {
      {{}, {{2, 3, 4}}, "[?,?]", "[2,3,4]"},
      {{}, {Shape()}, "[?,?]", "absent"},
      {{}, {{1, 2}, {1, 2}}, "1 operands", "2"},
  };
}

}  // namespace mien
