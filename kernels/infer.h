// What the Infer functions of all ops share: one form of complaint, "op: operand: [2,?] expected, [3] found".
#pragma once

#include "kernels/op.h"

namespace mien {

constexpr int64_t kAny = -1;  // in a pattern: any dimension of at least 1

// The number of operands, absent ones included.
Status ExpectInputs(const char* op, Shapes in, int expected);
// A present operand whose dimensions match the pattern.
Status ExpectShape(const char* op, const char* operand, const Shape& pattern, const Shape& found);
// The same, or absent.
Status ExpectShapeIfPresent(const char* op, const char* operand, const Shape& pattern, const Shape& found);
// An operand that has no place in this call.
Status ExpectAbsent(const char* op, const char* operand, const Shape& found);
// For outputs larger than the inputs: dimensions and their product within the limits of Shape.
Status ExpectWithinLimits(const char* op, const Shape& output);

}  // namespace mien
