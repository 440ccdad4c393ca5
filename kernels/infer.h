// What the Infer and Count functions of all ops share: one form of complaint, "op: operand: [2,?] expected, [3]
// found", and the sum of bytes.
#pragma once

#include "kernels/op.h"

namespace mien {

constexpr int64_t kAny = -1;  // in a pattern: any dimension of at least 1

// A parameter with a lower or upper bound.
Status ExpectAtLeast(const char* op, const char* parameter, double least, double found);
Status ExpectAtMost(const char* op, const char* parameter, double most, double found);
// The number of operands, absent ones included.
Status ExpectInputs(const char* op, Shapes in, int expected);
// A present operand whose dimensions match the pattern.
Status ExpectShape(const char* op, const char* operand, const Shape& pattern, const Shape& found);
// The same, or absent.
Status ExpectShapeIfPresent(const char* op, const char* operand, const Shape& pattern, const Shape& found);
// An operand that has no place in this call.
Status ExpectAbsent(const char* op, const char* operand, const Shape& found);
// The operands of a norm behind a convolution, `norm[0]` on: gamma and beta together or not at all, mean and var with
// them together or not at all.
Status ExpectNorm(const char* op, Shapes norm, int64_t channels);
// For outputs larger than the inputs: dimensions and their product within the limits of Shape.
Status ExpectWithinLimits(const char* op, const Shape& output);

// A square window that moves over the rows and columns of an image: with `pad` more on all four sides, and `end_pad`
// more below and to the right.
struct SlidingWindow {
  int64_t kernel, stride, pad, end_pad;

  int64_t Places(int64_t size) const { return (size + 2 * pad + end_pad - kernel) / stride + 1; }
};
// Strides of 1 or 2, an image that is large enough, and a pixel of it under the window everywhere.
Status ExpectWindow(const char* op, const SlidingWindow& window, const Shape& x);

// A cost with the bytes of all operands and results, each touched once. `in` has passed Infer.
template <class Op>
Cost CostOf(const typename Op::Params& params, Shapes in, int64_t multiply_adds) {
  Shape out[Op::kOutputs];
  int64_t elements = 0;
  if (Op::Infer(params, in, out).ok()) {
    for (const Shape& shape : in) elements += shape.elements();
    for (const Shape& shape : out) elements += shape.elements();
  }
  return {multiply_adds, elements * static_cast<int64_t>(sizeof(float)), multiply_adds};
}

}  // namespace mien
