// A formula (formula.h) of up to eight operands, number by number, and the sums of its results:
//   y[i] = f(x0[i], x1[i], ...), summed over the first sum_first or the last sum_last dimensions of x0
// The shape of x0 is that of the formula's results. Another operand has the same shape, or it is repeated: one number;
// the last dimensions of x0 (the same numbers for every index before them); or, where its bit of `by_row` is set, the
// first dimensions of x0 (one number for all that follows). Summed over all dimensions y is [1].
// Activations, likelihoods, norms, biases and everything that is derived from them is one of these: the derivative of
// such a call by any operand is such a call again (pointwise_grad.cc). Sums are in double on the CPU.
//
// Inputs ("?": may be absent):
// x0                 any
// x1? .. x7?         see above; present as far as the formula reads them
#pragma once

#include "kernels/op.h"
#include "kernels/pointwise/formula.h"

namespace mien {

struct Pointwise : NoPacking {
  struct Params {
    Formula formula;
    uint32_t by_row = 0;  // bit i: operand i has the first dimensions
    int sum_first = 0, sum_last = 0;
    bool operator==(const Params&) const = default;
  };
  static constexpr int kInputs = Formula::kOperands;
  static constexpr const char* kName = "pointwise";
  static constexpr int kOutputs = 1;

  // How an operand lies below x0.
  enum class Repeat : uint8_t { kNone, kOne, kLast, kFirst };
  static Repeat RepeatOf(const Params& params, Shapes in, int operand);

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static int64_t ScratchFloats(const Params& params, Shapes in, int threads);
  static void Cpu(const Params& params, const CpuCall& call);
  static void Grad(const Params& params, GradCall* call);
};

}  // namespace mien
