// Every op with a rule for gradients, all its small cases, in double through the reference: the gradient of <u, f(x)>
// against central differences at some numbers of every operand, and the adjoint identity <J v, u> = <v, J' u> along a
// direction through all of them.
#include "graph/gradient/gradient.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "graph/gradient/derived_weights.h"
#include "graph/reference.h"
#include "kernels/all_cases.h"
#include "kernels/case_run.h"

namespace mien {
namespace {

constexpr int64_t kMostMultiplyAdds = 1000000;
using Tensors = std::map<std::string, DoubleTensor>;

// Outer products, as the rules of upsampling want them.
template <class Op>
OpCase<Op> WithOuterFilter(OpCase<Op> c) {
  if constexpr (std::is_same_v<Op, ModConv>) c.fill[ModConv::kFilter] = Fill::Outer();
  return c;
}

double Dot(const DoubleTensor& a, const DoubleTensor& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

template <class Op>
class GradientOf {
 public:
  explicit GradientOf(const OpCase<Op>& c) : case_(WithOuterFilter(c)) {
    const Arrays drawn = DrawInputs(case_);
    for (size_t i = 0; i < drawn.size(); ++i) {
      if (c.in[i].present()) in_[std::to_string(i)].assign(drawn[i].begin(), drawn[i].end());
    }
    Build();
  }

  // Whether the op has a rule for these parameters.
  bool has_rule() const { return has_rule_; }

  void Check() {
    const Tensors exact = Run(in_);
    const DoubleTensor& u = in_.at("u");
    const double scale = std::sqrt(Dot(exact.at("y"), exact.at("y")) * Dot(u, u)) + 1e-12;
    Tensors direction;
    double adjoint = 0;
    for (const auto& [name, x] : in_) {
      const auto gradient = exact.find("d" + name);
      if (gradient == exact.end()) continue;
      std::vector<float> drawn(x.size());
      FillValues(Fill(), 77, static_cast<int>(direction.size()), drawn);
      direction[name].assign(drawn.begin(), drawn.end());
      adjoint += Dot(direction[name], gradient->second);
      CheckNumbers(name, gradient->second, scale);
    }
    const double along = Difference(direction, 1e-6);
    CHECK_MESSAGE(std::fabs(along - adjoint) <= 1e-6 * (std::fabs(adjoint) + scale),
                  "adjoint: " << adjoint << ", " << along << " found");
    CHECK(!direction.empty());
  }

 private:
  void Build() {
    Builder builder("gradient", ModelConfig(), false);
    std::vector<ValueId> operands, by;
    std::vector<std::string> names;
    for (size_t i = 0; i < case_.in.size(); ++i) {
      operands.push_back(case_.in[i].present() ? builder.Input(std::to_string(i), case_.in[i]) : kAbsent);
      if (operands.back() == kAbsent || HasInput(ConstantOperands<Op>(), i)) continue;
      by.push_back(operands.back());
      names.push_back(std::to_string(i));
    }
    const ValueId y = builder.Call<Op>("op", case_.params, operands);
    const ValueId u = builder.Input("u", builder.ShapeOf(y));
    std::vector<float> drawn(static_cast<size_t>(builder.ShapeOf(y).elements()));
    FillValues(Fill(), 5, 0, drawn);
    in_["u"].assign(drawn.begin(), drawn.end());
    const std::vector<ValueId> gradients = AddGradients(&builder, {y}, {u}, by);
    builder.Output("y", y);
    for (size_t i = 0; i < by.size(); ++i) {
      if (gradients[i] == kAbsent) continue;
      CHECK(builder.ShapeOf(gradients[i]) == builder.ShapeOf(by[i]));
      builder.Output("d" + names[i], gradients[i]);
    }
    Result<Graph> graph = builder.Finish();
    has_rule_ = graph.ok() || std::string(graph.status().message()).find("no rule for gradients") == std::string::npos;
    if (!has_rule_) return;
    REQUIRE_MESSAGE(graph.ok(), std::string(graph.status().message()));
    graph_ = std::move(*graph);
    DeriveWeights();
  }

  // Weights are inputs here, and so is what rules derive of them.
  void DeriveWeights() {
    for (const ValueId id : graph_.inputs) {
      const Value& value = graph_.values[static_cast<size_t>(id)];
      const size_t bar = value.name.find('|');
      if (bar == std::string::npos) continue;
      const std::string source = value.name.substr(0, bar);
      const std::vector<float> in(in_.at(source).begin(), in_.at(source).end());
      std::vector<float> out(static_cast<size_t>(value.shape.elements()));
      const Status derived = Derive(value.name.substr(bar + 1), case_.in[std::stoul(source)], in, out);
      REQUIRE_MESSAGE(derived.ok(), std::string(derived.message()));
      in_[value.name].assign(out.begin(), out.end());
    }
  }

  Tensors Run(const Tensors& in) const {
    auto out = RunReference(graph_, in, [](const std::string&, std::span<float>) { return Status(); });
    REQUIRE_MESSAGE(out.ok(), std::string(out.status().message()));
    return *out;
  }

  // (<u, f(x + h v)> - <u, f(x - h v)>) / 2h.
  double Difference(const Tensors& direction, double h) const {
    double value[2];
    for (const int side : {0, 1}) {
      Tensors moved = in_;
      for (const auto& [name, v] : direction) {
        for (size_t i = 0; i < v.size(); ++i) moved[name][i] += (side == 0 ? h : -h) * v[i];
      }
      value[side] = Dot(Run(moved).at("y"), in_.at("u"));
    }
    return (value[0] - value[1]) / (2 * h);
  }

  // At some of the numbers of an operand.
  void CheckNumbers(const std::string& name, const DoubleTensor& gradient, double scale) const {
    constexpr size_t kNumbers = 6;
    const size_t step = std::max<size_t>(1, gradient.size() / kNumbers);
    for (size_t i = 0; i < gradient.size(); i += step) {
      DoubleTensor unit(gradient.size(), 0.0);
      unit[i] = 1.0;
      const double found = Difference({{name, unit}}, 1e-5);
      CHECK_MESSAGE(std::fabs(found - gradient[i]) <= 1e-6 * (std::fabs(found) + scale),
                    "operand " << name << " number " << i << ": " << gradient[i] << ", " << found << " found");
    }
  }

  const OpCase<Op> case_;
  Tensors in_;
  Graph graph_;
  bool has_rule_ = false;
};

template <class Op>
void TestGradients() {
  if constexpr (HasGradient<Op>) {
    int cases = 0;
    for (const OpCase<Op>& c : CasesOf<Op>()) {
      // What is large is so for the algorithms of the CPU, which the reference knows nothing of.
      if (c.tag == Tag::kModel || Op::Count(c.params, c.in).multiply_adds > kMostMultiplyAdds) continue;
      CAPTURE(std::string(c.name));
      GradientOf<Op> gradient(c);
      if (!gradient.has_rule()) continue;
      gradient.Check();
      ++cases;
    }
    CHECK(cases > 2);
  }
}

#define MIEN_OP(name, folder) \
  TEST_CASE(#folder ": gradients") { TestGradients<name>(); }
#include "kernels/ops.def"
#undef MIEN_OP

TEST_CASE("an op without a rule is named") {
  Builder builder("network", ModelConfig(), false);
  const ValueId x = builder.Input("x", {1, 4});
  AddGradients(&builder, {builder.Call<PixelNorm>("norm", {}, {x})}, {x}, {x});
  const Result<Graph> graph = builder.Finish();
  REQUIRE(!graph.ok());
  CHECK(std::string(graph.status().message()) == "network: layer norm: pixel_norm has no rule for gradients");
}

TEST_CASE("a weight that is packed is no parameter and nothing computed") {
  for (const bool computed : {false, true}) {
    Builder builder("network", ModelConfig(), false);
    const ValueId x = builder.Input("x", {2, 4}), w = builder.Parameter("w", {4, 4});
    const ValueId weight = computed ? builder.Call<Add>("sum", {}, {w, w}) : w;
    builder.Call<Linear>("layer", {}, {x, weight, kAbsent, kAbsent, kAbsent, kAbsent});
    const Result<Graph> graph = builder.Finish();
    REQUIRE(!graph.ok());
    const std::string message = graph.status().message();
    CHECK(message.find(computed ? "sum is computed" : "w is trainable") != std::string::npos);
    CHECK(message.find("layer layer on [2,4], [4,4]") != std::string::npos);
  }
}

}  // namespace
}  // namespace mien
