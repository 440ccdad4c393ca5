// A formula of a few operands as plain data: steps that are computed one after the other, each from operands, constants
// and steps before it. Written with Term, which reads like the mathematics:
//   Formula f;
//   f = Log(Sigmoid(f.In(0) + 2.0f) + 1e-3f);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mien {

class Formula {
 public:
  static constexpr int kOperands = 8, kMaxSteps = 48;

  enum class Code : uint8_t {
    kConstant,
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kExp,
    kLog,
    kSqrt,
    kSigmoid,
    kSoftplus,  // log(1 + e^x)
    kRelu,
    kPositive,  // 1 where x > 0, else 0
  };
  static bool HasTwo(Code code) { return Code::kAdd <= code && code <= Code::kDivide; }

  // What a step reads: operands from 0 on, then the results of steps.
  struct Step {
    Code code = Code::kConstant;
    uint8_t a = 0, b = 0;
    float value = 0.0f;  // of a constant
    bool operator==(const Step&) const = default;
  };

  // Its functions are found by the terms that they are given; they are no names of the project.
  struct Term {
    Formula* formula = nullptr;
    uint8_t at = 0;

    Term Of(Code code) const { return formula->Push({code, at, 0, 0.0f}); }
    Term Of(Code code, Term b) const { return formula->Push({code, at, b.at, 0.0f}); }
    friend Term operator+(Term a, Term b) { return a.Of(Code::kAdd, b); }
    friend Term operator-(Term a, Term b) { return a.Of(Code::kSubtract, b); }
    friend Term operator*(Term a, Term b) { return a.Of(Code::kMultiply, b); }
    friend Term operator/(Term a, Term b) { return a.Of(Code::kDivide, b); }
    friend Term operator+(Term a, float b) { return a + a.formula->Constant(b); }
    friend Term operator-(Term a, float b) { return a - a.formula->Constant(b); }
    friend Term operator*(Term a, float b) { return a * a.formula->Constant(b); }
    friend Term operator/(Term a, float b) { return a / a.formula->Constant(b); }
    friend Term operator-(float a, Term b) { return b.formula->Constant(a) - b; }
    friend Term Exp(Term a) { return a.Of(Code::kExp); }
    friend Term Log(Term a) { return a.Of(Code::kLog); }
    friend Term Sqrt(Term a) { return a.Of(Code::kSqrt); }
    friend Term Sigmoid(Term a) { return a.Of(Code::kSigmoid); }
    friend Term Softplus(Term a) { return a.Of(Code::kSoftplus); }
    friend Term Relu(Term a) { return a.Of(Code::kRelu); }
    friend Term Positive(Term a) { return a.Of(Code::kPositive); }
  };

  Term In(int operand) { return {this, static_cast<uint8_t>(operand)}; }
  Term Constant(float value) { return Push({Code::kConstant, 0, 0, value}); }
  // The step itself, or what is the same as it: a step from before, or one of its operands where the other changes
  // nothing. A formula that grows too long is no formula any more: valid() is false from then on.
  Term Push(Step step);
  // This is the result; steps that it does not need go.
  Formula& operator=(Term result);

  Formula() = default;
  Formula(const Formula&) = default;
  Formula& operator=(const Formula&) = default;
  bool operator==(const Formula&) const = default;

  bool valid() const { return valid_; }
  int steps() const { return count_; }
  const Step& step(int i) const { return steps_[static_cast<size_t>(i)]; }
  int result() const { return result_; }  // an operand, or kOperands + a step
  bool Reads(int operand) const;

 private:
  std::array<Step, kMaxSteps> steps_ = {};
  uint8_t count_ = 0, result_ = 0;
  bool valid_ = true;
};

using Term = Formula::Term;

}  // namespace mien
