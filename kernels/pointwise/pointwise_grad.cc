// pointwise: the derivative by an operand is a formula, too, summed over what the operand is repeated along. It is made
// by reverse accumulation over the steps of the formula, as AddGradients does over the nodes of a graph.
#include "graph/gradient/gradient.h"
#include "kernels/pointwise/pointwise.h"

namespace mien {
namespace {

using Operation = Formula::Code;

// The terms that a result's derivative d gives those of a and b.
struct Parts {
  Term a, b;
};

Parts PartsOf(Operation code, Term a, Term b, Term y, Term d) {
  switch (code) {
    case Operation::kConstant:
      return {};
    case Operation::kAdd:
      return {d, d};
    case Operation::kSubtract:
      return {d, 0.0f - d};
    case Operation::kMultiply:
      return {d * b, d * a};
    case Operation::kDivide:
      return {d / b, 0.0f - d * y / b};
    case Operation::kExp:
      return {d * y, {}};
    case Operation::kLog:
      return {d / a, {}};
    case Operation::kSqrt:
      return {d * 0.5f / y, {}};
    case Operation::kSigmoid:
      return {d * (y * (1.0f - y)), {}};
    case Operation::kSoftplus:
      return {d * Sigmoid(a), {}};
    case Operation::kRelu:
      return {d * Positive(a), {}};
    case Operation::kPositive:
      return {};
  }
  return {};
}

// The derivative of f by `operand` times operand `derivative`.
Formula DerivativeOf(const Formula& f, int operand, int derivative) {
  constexpr int kPlaces = Formula::kOperands + Formula::kMaxSteps;
  Formula made;
  Term value[kPlaces], d[kPlaces];
  for (int i = 0; i < Formula::kOperands; ++i) value[i] = made.In(i);
  for (int s = 0; s < f.steps(); ++s) {
    const Formula::Step& step = f.step(s);
    Formula::Step moved = {step.code, 0, 0, step.value};
    if (step.code != Operation::kConstant) moved.a = value[step.a].at;
    if (Formula::HasTwo(step.code)) moved.b = value[step.b].at;
    value[Formula::kOperands + s] = made.Push(moved);
  }
  const auto add = [&](int at, Term term) {
    if (term.formula == nullptr) return;
    d[at] = d[at].formula == nullptr ? term : d[at] + term;
  };
  // What leads to the operand.
  bool leads[kPlaces] = {};
  leads[operand] = true;
  for (int s = 0; s < f.steps(); ++s) {
    const Formula::Step& step = f.step(s);
    leads[Formula::kOperands + s] =
        step.code != Operation::kConstant && (leads[step.a] || (Formula::HasTwo(step.code) && leads[step.b]));
  }
  add(f.result(), made.In(derivative));
  for (int s = f.steps() - 1; s >= 0; --s) {
    const int at = Formula::kOperands + s;
    if (d[at].formula == nullptr || !leads[at]) continue;
    const Formula::Step& step = f.step(s);
    const bool two = Formula::HasTwo(step.code);
    const Parts parts = PartsOf(step.code, value[step.a], two ? value[step.b] : Term{}, value[at], d[at]);
    if (leads[step.a]) add(step.a, parts.a);
    if (two && leads[step.b]) add(step.b, parts.b);
  }
  made = d[operand].formula == nullptr ? made.Constant(0.0f) : d[operand];
  return made;
}

}  // namespace

void Pointwise::Grad(const Params& params, GradCall* call) {
  std::vector<Shape> shapes;
  for (const ValueId id : call->in) shapes.push_back(call->ShapeOf(id));
  const int rank = shapes[0].rank;
  int place = 1;  // of the derivative by the result among the operands
  while (place < kInputs && params.formula.Reads(place)) ++place;
  if (place == kInputs) {
    call->builder.Fail(Status::Error(Code::kUsage, "layer %s: a formula of at most %d operands has a derivative",
                                     call->layer.c_str(), kInputs - 1));
    return;
  }
  for (int i = 0; i < kInputs; ++i) {
    const auto at = static_cast<size_t>(i);
    if (!call->wanted[at] || !params.formula.Reads(i)) continue;
    Params derivative = {DerivativeOf(params.formula, i, place), params.by_row};
    // A sum over the last dimensions left the first ones.
    if (params.sum_last > 0) derivative.by_row |= 1u << place;
    std::vector<ValueId> operands = call->in;
    operands[static_cast<size_t>(place)] = call->d_out[0];
    switch (RepeatOf(params, shapes, i)) {
      case Repeat::kNone:
        break;
      case Repeat::kOne:
        derivative.sum_last = rank;
        break;
      case Repeat::kLast:
        derivative.sum_first = rank - shapes[at].rank;
        break;
      case Repeat::kFirst:
        derivative.sum_last = rank - shapes[at].rank;
        break;
    }
    for (int k = 1; k < kInputs; ++k) {
      if (!derivative.formula.Reads(k)) operands[static_cast<size_t>(k)] = kAbsent;
    }
    call->d_in[at] = call->Call<Pointwise>(derivative, operands);
  }
}

}  // namespace mien
