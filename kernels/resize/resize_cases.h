// Test and bench cases of resize. Tolerances: measured (at least one rounding, 6e-8) x 1.5, 23 November 2026.
#pragma once

#include "kernels/case.h"
#include "kernels/resize/resize.h"

namespace mien {

template <>
inline std::vector<OpCase<Resize>> CasesOf<Resize>() {
  return {
      {"up_aligned",
       Tag::kTiny,
       {.height = 9, .width = 13, .align_corners = true},
       {{2, 3, 5, 7}, Shape()},
       2.4e-7,
       {},
       0b11},
      {"up", Tag::kTiny, {.height = 9, .width = 13}, {{2, 3, 5, 7}, {2, 3, 9, 13}}, 3.2e-7, {}, 0b11},
      {"down", Tag::kTiny, {.height = 4, .width = 3}, {{2, 3, 11, 10}, Shape()}, 4e-7, {}, 0b11},
      {"pyramid_64",
       Tag::kModel,
       {.height = 64, .width = 64, .align_corners = true},
       {{1, 512, 32, 32}, {1, 512, 64, 64}},
       6.6e-7,
       {},
       0b11},
      {"photo_to_256",
       Tag::kModel,
       {.height = 256, .width = 256},
       {{1, 3, 1000, 750}, Shape()},
       9.5e-7,
       {},
       0b11},
      {"same_size", Tag::kEdge, {.height = 5, .width = 7}, {{1, 2, 5, 7}, Shape()}, 0, {}, 0b11},
      {"same_size_aligned",
       Tag::kEdge,
       {.height = 5, .width = 7, .align_corners = true},
       {{1, 2, 5, 7}, Shape()},
       9e-8,
       {},
       0b11},
      {"from_one_pixel", Tag::kEdge, {.height = 3, .width = 4}, {{1, 2, 1, 1}, Shape()}, 1.2e-7, {}, 0b11},
      {"to_one_pixel_aligned",
       Tag::kEdge,
       {.height = 1, .width = 1, .align_corners = true},
       {{1, 2, 5, 4}, Shape()},
       9e-8,
       {},
       0b11},
      {"to_one_pixel", Tag::kEdge, {.height = 1, .width = 1}, {{1, 2, 5, 4}, Shape()}, 9e-8, {}, 0b11},
  };
}

template <>
inline std::vector<WrongCase<Resize>> WrongCasesOf<Resize>() {
  return {
      {{.height = 0, .width = 4}, {{1, 2, 4, 4}, Shape()}, "at least 1", "0"},
      {{.height = 4, .width = -4}, {{1, 2, 4, 4}, Shape()}, "at least 1", "-4"},
      {{.height = 4, .width = 4}, {{1, 2, 4}, Shape()}, "[?,?,?,?]", "[1,2,4]"},
      {{.height = 4, .width = 4}, {{1, 2, 8, 8}, {1, 2, 8, 8}}, "[1,2,4,4]", "[1,2,8,8]"},
      {{.height = 1 << 21, .width = 4}, {{1, 2, 4, 4}, Shape()}, "at most 1048576", "[1,2,2097152,4]"},
  };
}

}  // namespace mien
