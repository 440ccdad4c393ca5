// Test and bench cases of select_columns. Copies: not a bit may change.
#pragma once

#include "kernels/case.h"
#include "kernels/select_columns/select_columns.h"

namespace mien {

template <>
inline std::vector<OpCase<SelectColumns>> CasesOf<SelectColumns>() {
  return {
      {"odd", Tag::kTiny, {}, {{2, 3, 7}, {4}}, 0, {Fill(), Fill::Indices(7)}},
      {"flow_256_of_512", Tag::kModel, {}, {{2, 18, 512}, {256}}, 0, {Fill(), Fill::Indices(512)}},
      {"one_number", Tag::kEdge, {}, {{1, 1, 1}, {1}}, 0, {Fill(), Fill::Indices(1)}},
      {"all_columns", Tag::kEdge, {}, {{2, 1, 9}, {9}}, 0, {Fill(), Fill::Indices(9)}},
  };
}

template <>
inline std::vector<WrongCase<SelectColumns>> WrongCasesOf<SelectColumns>() {
  return {
      {{}, {{2, 3}, {1}}, "[?,?,?]", "[2,3]"},
      {{}, {{2, 3, 4}, {2, 1}}, "[?]", "[2,1]"},
      {{}, {{2, 3, 4}, {0}}, "[?]", "[0]"},
      {{}, {{2, 3, 4}, {1 << 21}}, "at most 1048576", "[2,3,2097152]"},
  };
}

}  // namespace mien
