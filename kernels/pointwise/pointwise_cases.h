// Test and bench cases of pointwise: what training makes of it. Tolerances: measured (every SIMD target of one machine)
// x 1.5, at least 2e-7, 30 November 2026.
#pragma once

#include "kernels/case.h"
#include "kernels/pointwise/pointwise.h"

namespace mien {

namespace pointwise_cases {

// A formula of the operands 0, 1, ....
template <class Make>
Formula FormulaOf(const Make& make) {
  Formula formula;
  formula = make(formula);
  return formula;
}

inline std::vector<Shape> Operands(std::vector<Shape> shapes) {
  shapes.resize(Pointwise::kInputs);
  return shapes;
}

// Every code once.
inline Formula EveryCode() {
  return FormulaOf([](Formula& f) {
    const Term a = f.In(0), b = f.In(1);
    return Exp(a * 0.3f) - Log(Sigmoid(b)) / (Sqrt(b * b + 1.0f) + Softplus(a)) + Relu(b) + Positive(a - b) * 0.25f;
  });
}
// (x - mean) / sqrt(var + eps) softplus(u) + bias
inline Formula Norm() {
  return FormulaOf(
      [](Formula& f) { return Softplus(f.In(3)) * (f.In(0) - f.In(1)) / Sqrt(f.In(2) * f.In(2) + 1e-5f) + f.In(4); });
}
inline Formula Product() {
  return FormulaOf([](Formula& f) { return f.In(0) * f.In(1); });
}
inline Formula Itself() {
  return FormulaOf([](Formula& f) { return f.In(0); });
}
// As many operands as have a derivative, the last among them.
inline Formula AllButOne() {
  return FormulaOf([](Formula& f) {
    Term sum = f.In(0) * f.In(Formula::kOperands - 1);
    for (int i = 1; i < Formula::kOperands - 2; ++i) sum = sum + f.In(i) * f.In(i - 1);
    return sum;
  });
}
inline Formula LogScale() {
  return FormulaOf([](Formula& f) { return Log(Sigmoid(f.In(0) + 2.0f) + 1e-3f); });
}

}  // namespace pointwise_cases

template <>
inline std::vector<OpCase<Pointwise>> CasesOf<Pointwise>() {
  using namespace pointwise_cases;
  const Pointwise::Params every = {EveryCode()}, norm = {Norm()}, product = {Product()};
  const auto summed = [](const Formula& formula, uint32_t by_row, int first, int last) {
    return Pointwise::Params{formula, by_row, first, last};
  };
  std::vector<Shape> but_one(Pointwise::kInputs, {3, 21});
  but_one[Pointwise::kInputs - 2] = Shape();
  return {
      {"every_code", Tag::kTiny, every, Operands({{5, 7, 19}, {5, 7, 19}}), 2e-7, {}, 0b11},
      {"table", Tag::kTiny, product, Operands({{3, 5, 40}, {5, 40}}), 4e-7},
      {"number", Tag::kTiny, product, Operands({{3, 150}, {1}}), 2e-7},
      {"per_row", Tag::kTiny, {Product(), 0b10}, Operands({{3, 5, 9}, {3, 5}}), 2e-7, {}, 0b11},
      {"per_sample", Tag::kTiny, {Product(), 0b10}, Operands({{3, 5, 9}, {3}}), 2.2e-7, {}, 0b11},
      {"norm", Tag::kTiny, norm, Operands({{4, 3, 33}, {33}, {33}, {33}, {33}}), 6.6e-7},
      {"sum_of_rows", Tag::kTiny, summed(Product(), 0, 0, 1), Operands({{3, 5, 130}, {5, 130}}), 2e-7},
      {"sum_of_samples", Tag::kTiny, summed(EveryCode(), 0, 0, 2), Operands({{3, 5, 19}, {19}}), 2e-7},
      {"sum_of_columns", Tag::kTiny, summed(Product(), 0, 2, 0), Operands({{7, 5, 40}, {7, 5, 40}}), 2e-7, {}, 0},
      {"sum_of_tables", Tag::kTiny, summed(Product(), 0b10, 1, 0), Operands({{70, 5, 7}, {70}}), 2e-7, {}, 0},
      {"sum_of_all", Tag::kTiny, summed(Product(), 0, 3, 0), Operands({{4, 5, 7}, {7}}), 2e-7, {}, 0},
      {"flow_norm",
       Tag::kModel,
       norm,
       Operands({{8, 18, 512}, {512}, {512}, {512}, {512}}),
       2.4e-6,
       {Fill(), Fill(), Fill::Uniform(0.5, 2)}},
      {"flow_log_scales", Tag::kModel, summed(LogScale(), 0, 3, 0), Operands({{64, 18, 256}}), 2e-7, {}, 0},
      {"flow_bias", Tag::kModel, summed(Itself(), 0, 2, 0), Operands({{64, 18, 512}}), 2e-7, {}, 0},
      {"one_number", Tag::kEdge, every, Operands({{1}, {1}}), 2e-7, {}, 0},
      {"all_but_one", Tag::kEdge, {AllButOne()}, but_one, 3.2e-7, {}, 0b10111111},
      {"itself", Tag::kEdge, {Itself()}, Operands({{3, 4}}), 0},
      {"far_out", Tag::kEdge, {LogScale()}, Operands({{2, 70}}), 2e-7, {Fill::Uniform(-130, 130)}},
  };
}

template <>
inline std::vector<WrongCase<Pointwise>> WrongCasesOf<Pointwise>() {
  using namespace pointwise_cases;
  const Pointwise::Params product = {Product()};
  Formula long_one;
  Term sum = long_one.In(0);
  for (int i = 0; i <= Formula::kMaxSteps; ++i) sum = sum + long_one.In(0);
  long_one = sum;
  return {
      {{Itself()}, Operands({Shape()}), "x0: [?]", "absent"},
      {product, Operands({{2, 3}}), "[?,?]", "absent"},
      {product, Operands({{2, 3}, {2}}), "[3]", "[2]"},
      {product, Operands({{2, 3}, {4, 3}}), "[2,3]", "[4,3]"},
      {{Product(), 0b10}, Operands({{2, 3}, {3}}), "[2]", "[3]"},
      {{Product(), 0, 3}, Operands({{2, 3}, {3}}), "at most 2", "3"},
      {{Product(), 0, 1, 1}, Operands({{2, 3}, {3}}), "at most 0", "1"},
      {{Product(), 0, 0, 3}, Operands({{2, 3}, {3}}), "at most 2", "3"},
      {{Product(), 0, -1}, Operands({{2, 3}, {3}}), "at least 0", "-1"},
      {{Product(), 0, 0, -1}, Operands({{2, 3}, {3}}), "at least 0", "-1"},
      {{long_one}, Operands({{2, 3}}), "at most 48 steps", "more"},
  };
}

}  // namespace mien
