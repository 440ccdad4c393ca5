// Test and bench cases of bias_act. Tolerances: measured (at least one rounding, 6e-8) x 1.5, 23 November 2026.
#pragma once

#include "kernels/bias_act/bias_act.h"
#include "kernels/case.h"

namespace mien {

template <>
inline std::vector<OpCase<BiasAct>> CasesOf<BiasAct>() {
  return {
      {"bias", Tag::kTiny, {}, {{2, 3, 5, 7}, Shape(), Shape(), {3}, Shape()}, 1.6e-7},
      {"relu", Tag::kTiny, {.act = Activation::kRelu}, {{2, 3, 5, 7}, Shape(), Shape(), {3}, Shape()}, 2e-7},
      {"leaky_noise",
       Tag::kTiny,
       {.act = Activation::kLeaky, .act_gain = 1.5f},
       {{2, 3, 5, 7}, {1, 1, 5, 7}, {1}, {3}, Shape()},
       4.8e-7},
      {"noise_per_sample",
       Tag::kTiny,
       {.act = Activation::kLeaky},
       {{2, 3, 5, 7}, {2, 1, 5, 7}, {1}, {3}, Shape()},
       3.2e-7,
       {},
       0b11},
      {"prelu",
       Tag::kTiny,
       {.act = Activation::kPRelu},
       {{2, 3, 4, 4}, Shape(), Shape(), Shape(), {3}},
       2.2e-7},
      {"sigmoid_rows",
       Tag::kTiny,
       {.act = Activation::kSigmoid},
       {{3, 17}, Shape(), Shape(), {17}, Shape()},
       1.6e-7},
      {"synthesis_256",
       Tag::kModel,
       {.act = Activation::kLeaky, .act_gain = 1.41421356f, .clamp = 256.0f},
       {{1, 128, 256, 256}, {1, 1, 256, 256}, {1}, {128}, Shape()},
       1.1e-6},
      {"encoder_prelu_256",
       Tag::kModel,
       {.act = Activation::kPRelu},
       {{1, 64, 256, 256}, Shape(), Shape(), Shape(), {64}},
       7.1e-7},
      {"nothing_but_gain",
       Tag::kEdge,
       {.act_gain = -3.0f},
       {{1, 1, 1, 1}, Shape(), Shape(), Shape(), Shape()},
       9e-8},
      {"clamped",
       Tag::kEdge,
       {.act_gain = 4.0f, .clamp = 1.0f},
       {{2, 2, 9, 9}, Shape(), Shape(), {2}, Shape()},
       9e-8},
      {"rows_of_several_tasks",
       Tag::kEdge,
       {.act = Activation::kLeaky},
       {{1, 2, 129, 129}, {1, 1, 129, 129}, {1}, {2}, Shape()},
       6.1e-7},
      {"sigmoid_saturates",
       Tag::kEdge,
       {.act = Activation::kSigmoid},
       {{2, 31}, Shape(), Shape(), Shape(), Shape()},
       1.6e-7,
       {Fill::Uniform(-120, 120)}},
  };
}

template <>
inline std::vector<WrongCase<BiasAct>> WrongCasesOf<BiasAct>() {
  return {
      {{}, {{2, 3, 4}, Shape(), Shape(), Shape(), Shape()}, "[?,?,?,?]", "[2,3,4]"},
      {{}, {{2, 3, 4, 4}, {3, 1, 4, 4}, {1}, Shape(), Shape()}, "[2,1,4,4]", "[3,1,4,4]"},
      {{}, {{2, 3, 4, 4}, {1, 1, 4, 5}, {1}, Shape(), Shape()}, "[1,1,4,4]", "[1,1,4,5]"},
      {{}, {{2, 3, 4, 4}, {1, 1, 4, 4}, Shape(), Shape(), Shape()}, "[1]", "absent"},
      {{}, {{2, 3, 4, 4}, Shape(), {1}, Shape(), Shape()}, "absent", "[1]"},
      {{}, {{2, 3}, {1, 1, 1, 1}, {1}, Shape(), Shape()}, "absent", "[1,1,1,1]"},
      {{}, {{2, 3, 4, 4}, Shape(), Shape(), {4}, Shape()}, "[3]", "[4]"},
      {{.act = Activation::kPRelu}, {{2, 3, 4, 4}, Shape(), Shape(), Shape(), Shape()}, "[3]", "absent"},
      {{.act = Activation::kRelu}, {{2, 3, 4, 4}, Shape(), Shape(), Shape(), {3}}, "absent", "[3]"},
      {{.clamp = -1.0f}, {{2, 3, 4, 4}, Shape(), Shape(), Shape(), Shape()}, "at least 0", "-1"},
      {{}, {{0, 3}, Shape(), Shape(), Shape(), Shape()}, "[?,?]", "[0,3]"},
  };
}

}  // namespace mien
