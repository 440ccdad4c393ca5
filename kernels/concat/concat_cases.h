// Test and bench cases of concat. Copies: not a bit may change.
#pragma once

#include "kernels/case.h"
#include "kernels/concat/concat.h"

namespace mien {

template <>
inline std::vector<OpCase<Concat>> CasesOf<Concat>() {
  return {
      {"odd", Tag::kTiny, {}, {{3, 7}, {3, 2}}, 0, {}, 0b11},
      {"mapping_512_512", Tag::kModel, {}, {{4, 512}, {4, 512}}, 0, {}, 0b11},
      {"one_and_one", Tag::kEdge, {}, {{1, 1}, {1, 1}}, 0, {}, 0b11},
  };
}

template <>
inline std::vector<WrongCase<Concat>> WrongCasesOf<Concat>() {
  return {
      {{}, {{2, 3}, {3, 3}}, "[2,?]", "[3,3]"},
      {{}, {{2}, {2, 3}}, "[?,?]", "[2]"},
      {{}, {{2, 3}, Shape()}, "[2,?]", "absent"},
      {{}, {{1, 1 << 20}, {1, 1}}, "at most 1048576", "[1,1048577]"},
  };
}

}  // namespace mien
