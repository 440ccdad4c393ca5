// Test and bench cases of zero_pad. Copies: not a bit may change.
#pragma once

#include "kernels/case.h"
#include "kernels/zero_pad/zero_pad.h"

namespace mien {

template <>
inline std::vector<OpCase<ZeroPad>> CasesOf<ZeroPad>() {
  return {
      {"everywhere", Tag::kTiny, {2, 3, 4}, {{2, 3, 5, 7}}, 0},
      {"channels", Tag::kTiny, {.channels = 3}, {{2, 3, 5, 7}}, 0},
      {"recognizer_128_4", Tag::kModel, {.channels = 128}, {{1, 128, 4, 4}}, 0},
      {"recognizer_256_3", Tag::kModel, {.rows = 1, .columns = 1}, {{1, 256, 3, 3}}, 0},
      {"nothing", Tag::kEdge, {}, {{2, 2, 3, 3}}, 0},
      {"a_row_of_several_spans", Tag::kEdge, {.columns = 20000}, {{1, 1, 2, 17000}}, 0},
  };
}

template <>
inline std::vector<WrongCase<ZeroPad>> WrongCasesOf<ZeroPad>() {
  return {
      {{}, {{2, 3, 4}}, "[?,?,?,?]", "[2,3,4]"},
      {{.channels = -1}, {{2, 3, 4, 4}}, "at least 0", "-1"},
      {{.rows = -1}, {{2, 3, 4, 4}}, "at least 0", "-1"},
      {{.columns = -1}, {{2, 3, 4, 4}}, "at least 0", "-1"},
      {{.columns = 1 << 20}, {{1, 1, 1, 1}}, "at most 1048576", "[1,1,1,1048577]"},
  };
}

}  // namespace mien
