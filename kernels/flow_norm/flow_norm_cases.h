// Test and bench cases of flow_norm. Tolerances: measured (at least one rounding, 6e-8) x 1.5, 23 November 2026.
#pragma once

#include "kernels/case.h"
#include "kernels/flow_norm/flow_norm.h"

namespace mien {

template <>
inline std::vector<OpCase<FlowNorm>> CasesOf<FlowNorm>() {
  return {
      {"forward",
       Tag::kTiny,
       {},
       {{2, 3, 7}, {7}, {7}, {7}, {7}},
       2e-7,
       {Fill(), Fill::Normal(0.5, 0.3), Fill(), Fill(), Fill::Uniform(0.2, 2)}},
      {"inverse",
       Tag::kTiny,
       {.inverse = true},
       {{2, 3, 7}, {7}, {7}, {7}, {7}},
       3.3e-7,
       {Fill(), Fill::Normal(0.5, 0.3), Fill(), Fill(), Fill::Uniform(0.2, 2)}},
      {"flow_512",
       Tag::kModel,
       {},
       {{2, 18, 512}, {512}, {512}, {512}, {512}},
       9.2e-7,
       {Fill(), Fill::Normal(0.5, 0.3), Fill(), Fill(), Fill::Uniform(0.2, 2)}},
      {"flow_512_inverse",
       Tag::kModel,
       {.inverse = true},
       {{2, 18, 512}, {512}, {512}, {512}, {512}},
       7.5e-7,
       {Fill(), Fill::Normal(0.5, 0.3), Fill(), Fill(), Fill::Uniform(0.2, 2)}},
      {"one_number",
       Tag::kEdge,
       {},
       {{1, 1, 1}, {1}, {1}, {1}, {1}},
       9e-8,
       {Fill(), Fill::Normal(0.5, 0.3), Fill(), Fill(), Fill::Uniform(0.2, 2)}},
      {"never_trained",
       Tag::kEdge,
       {},
       {{1, 2, 9}, {9}, {9}, {9}, {9}},
       1.8e-7,
       {Fill(), Fill::Uniform(0.541311, 0.541311), Fill::Uniform(0, 0), Fill::Uniform(0, 0),
        Fill::Uniform(0, 0)}},
      {"unconstrained_far_out",
       Tag::kEdge,
       {.inverse = true},
       {{1, 2, 40}, {40}, {40}, {40}, {40}},
       6.6e-7,
       {Fill(), Fill::Uniform(-9, 60), Fill(), Fill(), Fill::Uniform(0.2, 2)}},
  };
}

template <>
inline std::vector<WrongCase<FlowNorm>> WrongCasesOf<FlowNorm>() {
  return {
      {{}, {{2, 3, 4}, {3}, {4}, {4}, {4}}, "[4]", "[3]"},
      {{}, {{2, 3, 4}, {4}, {3}, {4}, {4}}, "[4]", "[3]"},
      {{}, {{2, 3, 4}, {4}, {4}, {3}, {4}}, "[4]", "[3]"},
      {{}, {{2, 3, 4}, {4}, {4}, {4}, {3}}, "[4]", "[3]"},
      {{}, {{2, 3}, {3}, {3}, {3}, {3}}, "[?,?,?]", "[2,3]"},
      {{.eps = -1.0f}, {{2, 3, 4}, {4}, {4}, {4}, {4}}, "at least 0", "-1"},
  };
}

}  // namespace mien
