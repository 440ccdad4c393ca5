// Test and bench cases of l2_normalize. Tolerances: measured x 1.5, 23 November 2026; 0: copies.
#pragma once

#include "kernels/case.h"
#include "kernels/l2_normalize/l2_normalize.h"

namespace mien {

template <>
inline std::vector<OpCase<L2Normalize>> CasesOf<L2Normalize>() {
  return {
      {"odd", Tag::kTiny, {}, {{3, 7}}, 1e-6},
      {"embedding_512", Tag::kModel, {}, {{4, 512}}, 1e-6},
      {"one_number", Tag::kEdge, {}, {{1, 1}}, 1e-6},
      {"zero_rows", Tag::kEdge, {}, {{2, 9}}, 0, {Fill::Uniform(0, 0)}},
      {"tiny_numbers", Tag::kEdge, {}, {{2, 19}}, 1e-6, {Fill::Normal(0, 1e-30)}},
      {"huge_numbers", Tag::kEdge, {}, {{2, 19}}, 1e-6, {Fill::Normal(0, 1e30)}},
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
