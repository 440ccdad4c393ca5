// Test and bench cases of broadcast_rows. Tolerances: measured (at least one rounding, 6e-8) x 1.5, 23 November 2026.
#pragma once

#include "kernels/broadcast_rows/broadcast_rows.h"
#include "kernels/case.h"

namespace mien {

template <>
inline std::vector<OpCase<BroadcastRows>> CasesOf<BroadcastRows>() {
  return {
      {"plain", Tag::kTiny, {.rows = 3}, {{2, 7}, Shape()}, 0},
      {"truncated", Tag::kTiny, {.rows = 5, .psi = 0.7f}, {{2, 7}, {7}}, 9e-8},
      {"model_18_rows", Tag::kModel, {.rows = 18, .psi = 0.7f, .cutoff = 8}, {{2, 512}, {512}}, 4.3e-7},
      {"cutoff_zero", Tag::kEdge, {.rows = 4, .psi = 0.5f, .cutoff = 0}, {{1, 5}, {5}}, 0},
      {"cutoff_past_the_end", Tag::kEdge, {.rows = 4, .psi = 0.5f, .cutoff = 9}, {{1, 5}, {5}}, 9.7e-8},
      {"psi_one_keeps_bits", Tag::kEdge, {.rows = 2, .psi = 1.0f}, {{3, 5}, {5}}, 0},
      {"psi_zero_is_the_average", Tag::kEdge, {.rows = 2, .psi = 0.0f}, {{3, 5}, {5}}, 0},
  };
}

template <>
inline std::vector<WrongCase<BroadcastRows>> WrongCasesOf<BroadcastRows>() {
  return {
      {{.rows = 0}, {{2, 3}, Shape()}, "at least 1", "0"},
      {{.rows = 2, .cutoff = -2}, {{2, 3}, Shape()}, "at least -1", "-2"},
      {{.rows = 2}, {{2, 3}, {4}}, "[3]", "[4]"},
      {{.rows = 2}, {{2, 3, 4}, Shape()}, "[?,?]", "[2,3,4]"},
      {{.rows = 1 << 21}, {{1, 1}, Shape()}, "at most 1048576", "[1,2097152,1]"},
  };
}

}  // namespace mien
