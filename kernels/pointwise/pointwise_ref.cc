// pointwise: shape rules, cost and the double reference.
#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/infer.h"
#include "kernels/pointwise/pointwise.h"

namespace mien {
namespace {

constexpr const char* kOp = Pointwise::kName;
constexpr const char* kNames[Pointwise::kInputs] = {"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7"};

// Dimensions [begin, begin + count) of x, or [1] for none.
Shape Part(const Shape& x, int begin, int count) {
  if (count == 0) return {1};
  Shape part;
  part.rank = count;
  std::copy_n(x.dim + begin, count, part.dim);
  return part;
}

double Value(const Formula::Step& step, double a, double b) {
  using Code = Formula::Code;
  switch (step.code) {
    case Code::kConstant:
      return step.value;
    case Code::kAdd:
      return a + b;
    case Code::kSubtract:
      return a - b;
    case Code::kMultiply:
      return a * b;
    case Code::kDivide:
      return a / b;
    case Code::kExp:
      return std::exp(a);
    case Code::kLog:
      return std::log(a);
    case Code::kSqrt:
      return std::sqrt(a);
    case Code::kSigmoid:
      return 1 / (1 + std::exp(-a));
    case Code::kSoftplus:
      return std::max(a, 0.0) + std::log1p(std::exp(-std::fabs(a)));
    case Code::kRelu:
      return std::max(a, 0.0);
    case Code::kPositive:
      return a > 0 ? 1 : 0;
  }
  return 0;
}

}  // namespace

Pointwise::Repeat Pointwise::RepeatOf(const Params& params, Shapes in, int operand) {
  const Shape& shape = in[static_cast<size_t>(operand)];
  if (shape == in[0]) return Repeat::kNone;
  if (shape.elements() == 1) return Repeat::kOne;
  return HasInput(params.by_row, static_cast<size_t>(operand)) ? Repeat::kFirst : Repeat::kLast;
}

Status Pointwise::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  const Shape& x = in[0];
  Shape any;
  any.rank = std::max(x.rank, 1);
  std::fill_n(any.dim, any.rank, kAny);
  MIEN_TRY(ExpectShape(kName, "x0", any, x));
  if (!params.formula.valid()) {
    return Status::Error(Code::kUsage, "%s: formula: at most %d steps expected, more found", kOp, Formula::kMaxSteps);
  }
  for (int i = 1; i < kInputs; ++i) {
    const Shape& operand = in[static_cast<size_t>(i)];
    const char* const name = kNames[i];
    if (!operand.present()) {
      if (params.formula.Reads(i)) return ExpectShape(kName, name, any, operand);
      continue;
    }
    if (RepeatOf(params, in, i) <= Repeat::kOne) continue;
    const bool first = RepeatOf(params, in, i) == Repeat::kFirst;
    const int rank = std::min(operand.rank, x.rank);
    MIEN_TRY(ExpectShape(kName, name, Part(x, first ? 0 : x.rank - rank, rank), operand));
  }
  MIEN_TRY(ExpectAtLeast(kName, "sum_first", 0, params.sum_first));
  MIEN_TRY(ExpectAtLeast(kName, "sum_last", 0, params.sum_last));
  MIEN_TRY(ExpectAtMost(kName, "sum_first", params.sum_last > 0 ? 0 : x.rank, params.sum_first));
  MIEN_TRY(ExpectAtMost(kName, "sum_last", x.rank, params.sum_last));
  out[0] = params.sum_first + params.sum_last == 0
               ? x
               : Part(x, params.sum_first, x.rank - params.sum_first - params.sum_last);
  return {};
}

void Pointwise::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const Formula& f = params.formula;
  std::array<Shape, kInputs> shapes;
  for (size_t i = 0; i < shapes.size(); ++i) shapes[i] = in[i].shape;
  const int64_t count = shapes[0].elements(), outputs = out[0].shape.elements(), group = count / outputs;
  std::fill_n(out[0].data, outputs, 0.0);
  std::array<double, Formula::kOperands + Formula::kMaxSteps> value = {};
  for (int64_t i = 0; i < count; ++i) {
    for (int k = 0; k < kInputs; ++k) {
      if (!f.Reads(k)) continue;
      const int64_t elements = shapes[static_cast<size_t>(k)].elements();
      const bool first = RepeatOf(params, shapes, k) == Repeat::kFirst;
      value[static_cast<size_t>(k)] = in[static_cast<size_t>(k)].data[first ? i / (count / elements) : i % elements];
    }
    for (int s = 0; s < f.steps(); ++s) {
      const Formula::Step& step = f.step(s);
      value[static_cast<size_t>(kInputs + s)] = Value(step, value[step.a], value[step.b]);
    }
    out[0].data[params.sum_last > 0 ? i / group : i % outputs] += value[static_cast<size_t>(f.result())];
  }
}

}  // namespace mien
