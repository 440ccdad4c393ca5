// Test and bench cases of batch_norm. Tolerances: measured (at least one rounding, 6e-8) x 1.5, 23 November 2026.
#pragma once

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/case.h"

namespace mien {

template <>
inline std::vector<OpCase<BatchNorm>> CasesOf<BatchNorm>() {
  return {
      {"maps",
       Tag::kTiny,
       {},
       {{2, 3, 5, 7}, {3}, {3}, {3}, {3}},
       3e-7,
       {Fill(), Fill(), Fill(), Fill(), Fill::Uniform(0.1, 3)}},
      {"maps_relu",
       Tag::kTiny,
       {.relu = true},
       {{2, 3, 5, 7}, {3}, {3}, {3}, {3}},
       3.8e-7,
       {Fill(), Fill(), Fill(), Fill(), Fill::Uniform(0.1, 3)}},
      {"vectors",
       Tag::kTiny,
       {},
       {{3, 7}, {7}, {7}, {7}, {7}},
       2.6e-7,
       {Fill(), Fill(), Fill(), Fill(), Fill::Uniform(0.1, 3)}},
      {"rows_relu",
       Tag::kTiny,
       {.eps = 1e-3f, .relu = true},
       {{2, 3, 7}, {7}, {7}, {7}, {7}},
       2.1e-7,
       {Fill(), Fill(), Fill(), Fill(), Fill::Uniform(0.1, 3)}},
      {"encoder_256",
       Tag::kModel,
       {},
       {{1, 64, 256, 256}, {64}, {64}, {64}, {64}},
       2e-6,
       {Fill(), Fill(), Fill(), Fill(), Fill::Uniform(0.1, 3)}},
      {"encoder_16",
       Tag::kModel,
       {},
       {{1, 512, 16, 16}, {512}, {512}, {512}, {512}},
       2.1e-6,
       {Fill(), Fill(), Fill(), Fill(), Fill::Uniform(0.1, 3)}},
      {"one_number",
       Tag::kEdge,
       {},
       {{1, 1}, {1}, {1}, {1}, {1}},
       1.3e-7,
       {Fill(), Fill(), Fill(), Fill(), Fill::Uniform(0.1, 3)}},
      {"variance_zero",
       Tag::kEdge,
       {},
       {{2, 3, 3, 3}, {3}, {3}, {3}, {3}},
       2.5e-7,
       {Fill(), Fill(), Fill(), Fill(), Fill::Uniform(0, 0)}},
      {"mean_far_away",
       Tag::kEdge,
       {},
       {{2, 3, 9, 9}, {3}, {3}, {3}, {3}},
       3.7e-7,
       {Fill::Normal(1000, 1), Fill(), Fill(), Fill::Normal(1000, 0.1), Fill::Uniform(0.1, 3)}},
  };
}

template <>
inline std::vector<WrongCase<BatchNorm>> WrongCasesOf<BatchNorm>() {
  return {
      {{}, {{2, 3, 4, 4}, {4}, {3}, {3}, {3}}, "[3]", "[4]"},
      {{}, {{2, 3, 4, 4}, {3}, {4}, {3}, {3}}, "[3]", "[4]"},
      {{}, {{2, 3, 4, 4}, {3}, {3}, {4}, {3}}, "[3]", "[4]"},
      {{}, {{2, 3, 4, 4}, {3}, {3}, {3}, {4}}, "[3]", "[4]"},
      {{}, {{2, 3, 4}, {3}, {3}, {3}, {3}}, "[4]", "[3]"},
      {{}, {{2}, {2}, {2}, {2}, {2}}, "[?,?,?,?]", "[2]"},
      {{.eps = -1.0f}, {{2, 3}, {3}, {3}, {3}, {3}}, "at least 0", "-1"},
      {{}, {{2, 3}, {3}, {3}, {3}}, "5 operands", "4"},
      {{}, {{0, 3}, {3}, {3}, {3}, {3}}, "[?,?]", "[0,3]"},
      {{}, {{0, 3, 4}, {4}, {4}, {4}, {4}}, "[?,?,?]", "[0,3,4]"},
  };
}

}  // namespace mien
