// Formulas are put together and cleared of what nobody needs.
#include "kernels/pointwise/formula.h"

namespace mien {

Formula::Term Formula::Push(Step step) {
  const auto is = [&](uint8_t at, float value) {
    return at >= kOperands && steps_[at - kOperands].code == Code::kConstant && steps_[at - kOperands].value == value;
  };
  const auto at = [&](uint8_t known) { return Term{this, known}; };
  if (!HasTwo(step.code)) step.b = 0;
  const bool product = step.code == Code::kMultiply;
  if (product && (is(step.a, 0.0f) || is(step.b, 1.0f))) return at(step.a);
  if (product && (is(step.b, 0.0f) || is(step.a, 1.0f))) return at(step.b);
  if (step.code == Code::kDivide && is(step.b, 1.0f)) return at(step.a);
  if ((step.code == Code::kAdd || step.code == Code::kSubtract) && is(step.b, 0.0f)) return at(step.a);
  if (step.code == Code::kAdd && is(step.a, 0.0f)) return at(step.b);
  for (int i = 0; i < count_; ++i) {
    if (steps_[static_cast<size_t>(i)] == step) return at(static_cast<uint8_t>(kOperands + i));
  }
  if (count_ == kMaxSteps) {
    valid_ = false;
    return at(0);
  }
  steps_[count_] = step;
  return at(static_cast<uint8_t>(kOperands + count_++));
}

Formula& Formula::operator=(Term result) {
  const auto own = static_cast<const Formula*>(result.formula);
  const std::array<Step, kMaxSteps> from = own->steps_;
  const int count = own->count_;
  std::array<bool, kMaxSteps> needed = {};
  const auto need = [&](uint8_t at) {
    if (at >= kOperands) needed[at - kOperands] = true;
  };
  need(result.at);
  for (int i = count - 1; i >= 0; --i) {
    const Step& step = from[static_cast<size_t>(i)];
    if (!needed[static_cast<size_t>(i)] || step.code == Code::kConstant) continue;
    need(step.a);
    if (HasTwo(step.code)) need(step.b);
  }
  std::array<uint8_t, kMaxSteps> now = {};
  const auto moved = [&](uint8_t at) { return at < kOperands ? at : now[at - kOperands]; };
  valid_ = own->valid_;
  steps_ = {};
  count_ = 0;
  for (int i = 0; i < count; ++i) {
    if (!needed[static_cast<size_t>(i)]) continue;
    Step step = from[static_cast<size_t>(i)];
    if (step.code != Code::kConstant) step.a = moved(step.a);
    if (HasTwo(step.code)) step.b = moved(step.b);
    now[static_cast<size_t>(i)] = static_cast<uint8_t>(kOperands + count_);
    steps_[count_++] = step;
  }
  result_ = moved(result.at);
  return *this;
}

bool Formula::Reads(int operand) const {
  if (result_ == operand) return true;
  for (int i = 0; i < count_; ++i) {
    const Step& step = steps_[static_cast<size_t>(i)];
    if (step.code != Code::kConstant && (step.a == operand || (HasTwo(step.code) && step.b == operand))) return true;
  }
  return false;
}

}  // namespace mien
