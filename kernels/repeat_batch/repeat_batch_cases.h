// Test and bench cases of repeat_batch. Copies: not a bit may change.
#pragma once

#include "kernels/case.h"
#include "kernels/repeat_batch/repeat_batch.h"

namespace mien {

template <>
inline std::vector<OpCase<RepeatBatch>> CasesOf<RepeatBatch>() {
  return {
      {"odd", Tag::kTiny, {.batch = 3}, {{2, 3, 5}}, 0, {}, 0},
      {"constant_512", Tag::kModel, {.batch = 2}, {{512, 4, 4}}, 0, {}, 0},
      {"one_number", Tag::kEdge, {.batch = 1}, {{1, 1, 1}}, 0, {}, 0},
  };
}

template <>
inline std::vector<WrongCase<RepeatBatch>> WrongCasesOf<RepeatBatch>() {
  return {
      {{.batch = 0}, {{2, 3, 4}}, "at least 1", "0"},
      {{.batch = 1}, {{2, 3}}, "[?,?,?]", "[2,3]"},
      {{.batch = 1 << 21}, {{2, 3, 4}}, "at most 1048576", "[2097152,2,3,4]"},
  };
}

}  // namespace mien
