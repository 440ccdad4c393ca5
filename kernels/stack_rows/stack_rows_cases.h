// Test and bench cases of stack_rows. Tolerances: measured (at least one rounding, 6e-8) x 1.5, 23 November
// 2026.
#pragma once

#include "kernels/case.h"
#include "kernels/stack_rows/stack_rows.h"

namespace mien {

// base, average and every delta.
inline std::vector<Shape> CodesShapes(int64_t batch, int64_t rows, int64_t columns) {
  std::vector<Shape> shapes(static_cast<size_t>(rows) + 1, Shape{batch, columns});
  shapes[StackRows::kAverage] = {rows, columns};
  return shapes;
}

template <>
inline std::vector<OpCase<StackRows>> CasesOf<StackRows>() {
  return {
      {"no_average", Tag::kTiny, {.rows = 3}, {{2, 7}, Shape(), {2, 7}, {2, 7}}, 1.2e-7, {}, 0b1101},
      {"a_delta_missing",
       Tag::kTiny,
       {.rows = 4},
       {{2, 7}, {4, 7}, {2, 7}, Shape(), {2, 7}},
       2e-7,
       {},
       0b11101},
      {"codes_18", Tag::kModel, {.rows = 18}, CodesShapes(2, 18, 512), 3.5e-7, {}, 0xffffffffu & ~0b10u},
      {"one_row", Tag::kEdge, {.rows = 1}, {{1, 1}, Shape()}, 0},
      {"one_row_average", Tag::kEdge, {.rows = 1}, {{2, 3}, {1, 3}}, 9e-8},
      {"most_rows", Tag::kEdge, {.rows = 64}, CodesShapes(1, 64, 2), 2e-7, {}, 0},
      {"independent",
       Tag::kEdge,
       {.rows = 3, .independent = true},
       {{2, 5}, {3, 5}, {2, 5}, {2, 5}},
       2.3e-7,
       {},
       0b1101},
      {"independent_no_average",
       Tag::kEdge,
       {.rows = 4, .independent = true},
       {{2, 7}, Shape(), {2, 7}, Shape(), {2, 7}},
       0,
       {},
       0b10101},
      {"stage_zero", Tag::kEdge, {.rows = 3}, {{2, 5}, {3, 5}, Shape(), Shape()}, 1.1e-7},
  };
}

template <>
inline std::vector<WrongCase<StackRows>> WrongCasesOf<StackRows>() {
  return {
      {{.rows = 0}, {{2, 3}}, "at least 1", "0"},
      {{.rows = 65}, CodesShapes(1, 65, 2), "at most 64", "65"},
      {{.rows = 2}, {{2, 3}, Shape()}, "3 operands", "2"},
      {{.rows = 2}, {{2, 3}, {3, 3}, Shape()}, "[2,3]", "[3,3]"},
      {{.rows = 2}, {{2, 3}, Shape(), {2, 4}}, "[2,3]", "[2,4]"},
      {{.rows = 1}, {{2}, Shape()}, "[?,?]", "[2]"},
      {{.rows = 2}, {{1 << 21, 1}, Shape(), Shape()}, "at most 1048576", "[2097152,2,1]"},
  };
}

}  // namespace mien
