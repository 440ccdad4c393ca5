// Test and bench cases of subsample. Copies: not a bit may change.
#pragma once

#include "kernels/case.h"
#include "kernels/subsample/subsample.h"

namespace mien {

template <>
inline std::vector<OpCase<Subsample>> CasesOf<Subsample>() {
  return {
      {"odd", Tag::kTiny, {}, {{2, 3, 5, 7}}, 0},
      {"encoder_256", Tag::kModel, {}, {{1, 64, 256, 256}}, 0},
      {"stride_one", Tag::kEdge, {.stride = 1}, {{2, 2, 3, 3}}, 0},
      {"stride_past_the_end", Tag::kEdge, {.stride = 9}, {{2, 2, 3, 4}}, 0},
  };
}

template <>
inline std::vector<WrongCase<Subsample>> WrongCasesOf<Subsample>() {
  return {
      {{.stride = 0}, {{2, 3, 4, 4}}, "at least 1", "0"},
      {{}, {{2, 3, 4}}, "[?,?,?,?]", "[2,3,4]"},
  };
}

}  // namespace mien
