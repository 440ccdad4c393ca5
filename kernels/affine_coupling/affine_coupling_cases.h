// Test and bench cases of affine_coupling. Tolerances: measured (at least one rounding, 6e-8) x 1.5, 23 November 2026.
#pragma once

#include "kernels/affine_coupling/affine_coupling.h"
#include "kernels/case.h"

namespace mien {

template <>
inline std::vector<OpCase<AffineCoupling>> CasesOf<AffineCoupling>() {
  return {
      {"forward",
       Tag::kTiny,
       {},
       {{2, 3, 7}, {2, 3, 6}, {3}},
       9.3e-8,
       {Fill(), Fill(), Fill::Indices(7)},
       0b11},
      {"inverse",
       Tag::kTiny,
       {.inverse = true},
       {{2, 3, 7}, {2, 3, 8}, {4}},
       1.6e-7,
       {Fill(), Fill(), Fill::Indices(7)},
       0b11},
      {"additive",
       Tag::kTiny,
       {.additive = true},
       {{2, 3, 7}, {2, 3, 3}, {3}},
       1.4e-7,
       {Fill(), Fill(), Fill::Indices(7)},
       0b11},
      {"additive_inverse",
       Tag::kTiny,
       {.inverse = true, .additive = true},
       {{2, 3, 7}, {2, 3, 3}, {3}},
       1.5e-7,
       {Fill(), Fill(), Fill::Indices(7)},
       0b11},
      {"flow_512",
       Tag::kModel,
       {},
       {{2, 18, 512}, {2, 18, 512}, {256}},
       4.3e-7,
       {Fill(), Fill(), Fill::Indices(512)},
       0b11},
      {"flow_512_inverse",
       Tag::kModel,
       {.inverse = true},
       {{2, 18, 512}, {2, 18, 512}, {256}},
       1.1e-6,
       {Fill(), Fill(), Fill::Indices(512)},
       0b11},
      {"one_number",
       Tag::kEdge,
       {},
       {{1, 1, 1}, {1, 1, 2}, {1}},
       9.6e-8,
       {Fill(), Fill(), Fill::Indices(1)},
       0b11},
      {"smallest_scales",
       Tag::kEdge,
       {},
       {{1, 2, 130}, {1, 2, 260}, {130}},
       1.1e-7,
       {Fill(), Fill::Uniform(-130, -60), Fill::Indices(130)},
       0b11},
      {"smallest_scales_inverse",
       Tag::kEdge,
       {.inverse = true},
       {{1, 2, 130}, {1, 2, 260}, {130}},
       2e-7,
       {Fill(), Fill::Uniform(-130, -60), Fill::Indices(130)},
       0b11},
      {"more_smallest_scales_than_one_product_holds",
       Tag::kEdge,
       {},
       {{1, 1, 1024}, {1, 1, 2048}, {1024}},
       1.2e-7,
       {Fill(), Fill::Uniform(-130, -60), Fill::Indices(1024)},
       0b11},
      {"largest_scales",
       Tag::kEdge,
       {},
       {{1, 2, 130}, {1, 2, 260}, {130}},
       1.2e-7,
       {Fill(), Fill::Uniform(60, 130), Fill::Indices(130)},
       0b11},
  };
}

template <>
inline std::vector<WrongCase<AffineCoupling>> WrongCasesOf<AffineCoupling>() {
  return {
      {{}, {{2, 3, 8}, {2, 3, 4}, {4}}, "[2,3,8]", "[2,3,4]"},
      {{.additive = true}, {{2, 3, 8}, {2, 3, 8}, {4}}, "[2,3,4]", "[2,3,8]"},
      {{}, {{2, 3, 8}, {2, 2, 8}, {4}}, "[2,3,8]", "[2,2,8]"},
      {{}, {{2, 3, 8}, {2, 3, 8}, {2, 2}}, "[?]", "[2,2]"},
      {{}, {{2, 3}, {2, 3, 8}, {4}}, "[?,?,?]", "[2,3]"},
      {{}, {{2, 3, 8}, {2, 3, 18}, {9}}, "at most 8", "9"},
  };
}

}  // namespace mien
