// Test and bench cases of select_columns. Copies: not a bit may change.
#pragma once

#include "kernels/case.h"
#include "kernels/select_columns/select_columns.h"

namespace mien {

template <>
inline std::vector<OpCase<SelectColumns>> CasesOf<SelectColumns>() {
  return {
      {"odd", Tag::kTiny, {}, {{2, 3, 7}, {4}}, 0, {Fill(), Fill::Indices(7)}},
      {"range", Tag::kTiny, {.first = 2, .count = 3}, {{4, 7}, Shape()}, 0},
      {"scatter", Tag::kTiny, {.scatter = 7}, {{2, 3, 4}, {4}}, 0, {Fill(), Fill::Indices(7)}},
      {"scatter_range", Tag::kTiny, {.first = 70, .count = 40, .scatter = 131}, {{3, 5, 40}, Shape()}, 0},
      {"flow_256_of_512", Tag::kModel, {}, {{2, 18, 512}, {256}}, 0, {Fill(), Fill::Indices(512)}},
      {"flow_256_to_512", Tag::kModel, {.scatter = 512}, {{2, 18, 256}, {256}}, 0, {Fill(), Fill::Indices(512)}},
      {"one_number", Tag::kEdge, {}, {{1, 1, 1}, {1}}, 0, {Fill(), Fill::Indices(1)}},
      {"all_columns", Tag::kEdge, {}, {{2, 1, 9}, {9}}, 0, {Fill(), Fill::Indices(9)}},
  };
}

template <>
inline std::vector<WrongCase<SelectColumns>> WrongCasesOf<SelectColumns>() {
  return {
      {{}, {{2}, {1}}, "[?,?]", "[2]"},
      {{}, {{2, 3, 4}, Shape()}, "count: at least 1", "0"},
      {{.first = 2, .count = 3}, {{2, 3, 4}, Shape()}, "columns: at most 4", "5"},
      {{.first = -1, .count = 3}, {{2, 3, 4}, Shape()}, "first: at least 0", "-1"},
      {{.scatter = -1}, {{2, 3, 4}, {2}}, "scatter: at least 0", "-1"},
      {{.scatter = 8}, {{2, 3, 4}, {5}}, "[?,?,5]", "[2,3,4]"},
      {{.scatter = 3}, {{2, 3, 4}, {4}}, "columns: at most 3", "4"},
      {{.first = 5, .count = 4, .scatter = 8}, {{2, 3, 4}, Shape()}, "columns: at most 8", "9"},
      {{}, {{2, 3, 4}, {2, 1}}, "[?]", "[2,1]"},
      {{}, {{2, 3, 4}, {0}}, "[?]", "[0]"},
      {{}, {{2, 3, 4}, {1 << 21}}, "at most 1048576", "[2,3,2097152]"},
  };
}

}  // namespace mien
