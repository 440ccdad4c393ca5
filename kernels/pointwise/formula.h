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

  struct Term {
    Formula* formula = nullptr;
    uint8_t at = 0;
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
  int OperandsRead() const;  // one more than the last operand that is read

 private:
  std::array<Step, kMaxSteps> steps_ = {};
  uint8_t count_ = 0, result_ = 0;
  bool valid_ = true;
};

using Term = Formula::Term;

inline Term Of(Formula::Code code, Term a, Term b = {}) { return a.formula->Push({code, a.at, b.at, 0.0f}); }
inline Term operator+(Term a, Term b) { return Of(Formula::Code::kAdd, a, b); }
inline Term operator-(Term a, Term b) { return Of(Formula::Code::kSubtract, a, b); }
inline Term operator*(Term a, Term b) { return Of(Formula::Code::kMultiply, a, b); }
inline Term operator/(Term a, Term b) { return Of(Formula::Code::kDivide, a, b); }
inline Term operator+(Term a, float b) { return a + a.formula->Constant(b); }
inline Term operator-(Term a, float b) { return a - a.formula->Constant(b); }
inline Term operator*(Term a, float b) { return a * a.formula->Constant(b); }
inline Term operator/(Term a, float b) { return a / a.formula->Constant(b); }
inline Term operator-(float a, Term b) { return b.formula->Constant(a) - b; }
inline Term Exp(Term a) { return Of(Formula::Code::kExp, a); }
inline Term Log(Term a) { return Of(Formula::Code::kLog, a); }
inline Term Sqrt(Term a) { return Of(Formula::Code::kSqrt, a); }
inline Term Sigmoid(Term a) { return Of(Formula::Code::kSigmoid, a); }
inline Term Softplus(Term a) { return Of(Formula::Code::kSoftplus, a); }
inline Term Relu(Term a) { return Of(Formula::Code::kRelu, a); }
inline Term Positive(Term a) { return Of(Formula::Code::kPositive, a); }

}  // namespace mien
