// Test and bench cases of add. Tolerances: measured (at least one rounding, 6e-8) x 1.5, 23 November 2026.
#pragma once

#include "kernels/add/add.h"
#include "kernels/case.h"

namespace mien {

template <>
inline std::vector<OpCase<Add>> CasesOf<Add>() {
  return {
      {"same_shape", Tag::kTiny, {}, {{2, 3, 5, 7}, {2, 3, 5, 7}}, 1.3e-7, {}, 0b11},
      {"one_for_all_samples", Tag::kTiny, {}, {{3, 5, 7}, {5, 7}}, 1.2e-7},
      {"feature_map_128", Tag::kModel, {}, {{1, 64, 128, 128}, {1, 64, 128, 128}}, 2.6e-7, {}, 0b11},
      {"skip_1024", Tag::kModel, {}, {{1, 3, 1024, 1024}, {1, 3, 1024, 1024}}, 2.6e-7, {}, 0b11},
      {"one_number", Tag::kEdge, {}, {{1}, {1}}, 9e-8, {}, 0b11},
      {"scalar_for_all_samples", Tag::kEdge, {}, {{5}, Shape({})}, 1.3e-7},
  };
}

template <>
inline std::vector<WrongCase<Add>> WrongCasesOf<Add>() {
  return {
      {{}, {{2, 3, 4}, {2, 3, 5}}, "[2,3,4]", "[2,3,5]"},
      {{}, {{2, 3, 4}, {3, 5}}, "[2,3,4]", "[3,5]"},
      {{}, {{2, 3, 4}, {1, 3, 4}}, "[2,3,4]", "[1,3,4]"},
      {{}, {{2, 3}, Shape()}, "[2,3]", "absent"},
      {{}, {Shape(), {2}}, "[?]", "absent"},
  };
}

}  // namespace mien
