// Test and bench cases of scale_channels. Tolerances: measured (at least one rounding, 6e-8) x 1.5, 23 November 2026.
#pragma once

#include "kernels/case.h"
#include "kernels/scale_channels/scale_channels.h"

namespace mien {

template <>
inline std::vector<OpCase<ScaleChannels>> CasesOf<ScaleChannels>() {
  return {
      {"odd", Tag::kTiny, {}, {{2, 3, 5, 7}, {2, 3}}, 1.7e-7, {}, 0b11},
      {"encoder_64", Tag::kModel, {}, {{1, 128, 64, 64}, {1, 128}}, 7.2e-7, {}, 0b11},
      {"one_number", Tag::kEdge, {}, {{1, 1, 1, 1}, {1, 1}}, 9e-8, {}, 0b11},
  };
}

template <>
inline std::vector<WrongCase<ScaleChannels>> WrongCasesOf<ScaleChannels>() {
  return {
      {{}, {{2, 3, 4, 4}, {2, 4}}, "[2,3]", "[2,4]"},
      {{}, {{2, 3, 4}, {2, 3}}, "[?,?,?,?]", "[2,3,4]"},
  };
}

}  // namespace mien
