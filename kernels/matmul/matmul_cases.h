// Test and bench cases of matmul. Tolerances: measured (every SIMD target of one machine) x 1.5, at least 2e-7,
// 30 November 2026.
#pragma once

#include "kernels/case.h"
#include "kernels/matmul/matmul.h"

namespace mien {

template <>
inline std::vector<OpCase<MatMul>> CasesOf<MatMul>() {
  const MatMul::Params plain, right = {MatMul::Form::kRightTransposed}, left = {MatMul::Form::kLeftTransposed};
  constexpr uint32_t kOfA = 1u << MatMul::kA, kNone = 0;
  return {
      {"plain", Tag::kTiny, plain, {{7, 19}, {19, 21}}, 5.3e-7, {}, kOfA},
      {"plain_images", Tag::kTiny, plain, {{5, 5}, {5, 3, 4}}, 4.5e-7, {}, kOfA},
      {"right", Tag::kTiny, right, {{2, 5, 24}, {20, 24}}, 5.8e-7, {}, kOfA},
      {"right_of_three", Tag::kTiny, right, {{4, 3, 5}, {6, 3, 5}}, 2.8e-7, {}, kOfA},
      {"left", Tag::kTiny, left, {{30, 17}, {30, 33}}, 8.7e-7, {}, kNone},
      {"left_of_three", Tag::kTiny, left, {{3, 5, 7}, {3, 5, 18}}, 4.7e-7, {}, kNone},
      {"left_of_images", Tag::kTiny, left, {{6, 5}, {6, 2, 9}}, 3.2e-7, {}, kNone},
      {"deep", Tag::kTiny, plain, {{3, 1100}, {1100, 18}}, 1.1e-6, {}, kOfA},
      {"flow_layer", Tag::kModel, right, {{4, 18, 512}, {512, 512}}, 3.5e-6, {}, kOfA},
      {"flow_layer_back", Tag::kModel, plain, {{4, 18, 512}, {512, 274}}, 2.8e-6, {}, kOfA},
      {"flow_weights", Tag::kModel, left, {{64, 18, 274}, {64, 18, 512}}, 2.6e-6, {}, kNone},
      {"one_number", Tag::kEdge, plain, {{1, 1}, {1, 1}}, 2e-7, {}, kOfA},
      {"one_column", Tag::kEdge, left, {{1, 40}, {1, 1}}, 2e-7, {}, kNone},
  };
}

template <>
inline std::vector<WrongCase<MatMul>> WrongCasesOf<MatMul>() {
  const MatMul::Params plain, right = {MatMul::Form::kRightTransposed}, left = {MatMul::Form::kLeftTransposed};
  return {
      {plain, {{8}, {8, 2}}, "[?,?]", "[8]"},
      {plain, {{2, 8}, {7, 4}}, "[8,?]", "[7,4]"},
      {plain, {{2, 8}, {8}}, "[8,?]", "[8]"},
      {right, {{2, 8}, {4, 7}}, "[?,8]", "[4,7]"},
      {right, {{2, 8}, {4, 2, 8}}, "[?,8]", "[4,2,8]"},
      {right, {{2, 3, 8}, {4, 2, 8}}, "[?,3,8]", "[4,2,8]"},
      {left, {{8, 2}, {7, 4}}, "[8,?]", "[7,4]"},
      {left, {{8, 3, 2}, {8, 4}}, "[8,3,?]", "[8,4]"},
      {plain, {{1, 1, 1, 1, 1}, {1, 2, 3}}, "at most 5", "6"},
      {plain, {{1 << 20, 1}, {1, 1 << 20}}, "at most 2147483647 elements", "[1048576,1048576]"},
  };
}

}  // namespace mien
