// The gradients of a whole generator, both conventions, in double: a step of inversion against central differences at
// some numbers of every input, and along a direction through all of them.
#include "graph/gradient/inversion_step.h"

#include <doctest/doctest.h>

#include <cmath>

#include "graph/gradient/derived_weights.h"
#include "tests/graph/support.h"

namespace mien {
namespace {

using namespace testing;

constexpr const char* kGradient = "gradient/";

class Step {
 public:
  Step(const ModelConfig& config, const InversionStepOptions& options) : scales_(options.scales) {
    Result<Graph> graph = BuildInversionStep(config, options);
    REQUIRE_MESSAGE(graph.ok(), std::string(graph.status().message()));
    graph_ = std::move(*graph);
    weights_ = WithDerivedWeights(config, PublicFilters(MadeUpWeights(config)));
    in_ = MadeUpInputs(graph_);
  }

  void Check() {
    const Tensors exact = Evaluate(in_);
    Tensors direction;
    double along = 0, largest = 0;
    for (const auto& [name, gradient] : exact) {
      if (!name.starts_with(kGradient)) continue;
      const std::string input = name.substr(std::string(kGradient).size());
      for (const double g : gradient) largest = std::max(largest, std::fabs(g));
      DoubleTensor& way = direction[input];
      for (size_t i = 0; i < gradient.size(); ++i) {
        way.push_back(std::sin(1.7 * static_cast<double>(i) + static_cast<double>(direction.size())));
        along += way.back() * gradient[i];
      }
    }
    CHECK(direction.size() >= 2);
    const double found = Difference(direction);
    CHECK_MESSAGE(std::fabs(found - along) <= 1e-6 * std::fabs(along), "along: " << along << ", " << found << " found");
    for (const auto& [name, way] : direction) {
      for (size_t i = way.size() / 3; i < way.size(); i += way.size() / 2 + 1) {
        DoubleTensor unit(way.size(), 0.0);
        unit[i] = 1;
        const double one = Difference({{name, unit}}), expected = exact.at(kGradient + name)[i];
        CHECK_MESSAGE(std::fabs(one - expected) <= 1e-6 * largest,
                      name << " number " << i << ": " << expected << ", " << one << " found");
      }
    }
  }

 private:
  // Filters of upsampling are outer products in every public network.
  static WeightSource PublicFilters(WeightSource made_up) {
    return [made_up](const std::string& name, std::span<float> out) -> Status {
      if (!name.ends_with(".kernel") && !name.ends_with(".resample_filter")) return made_up(name, out);
      constexpr float kTaps[] = {1, 3, 2, 0.5f};
      for (size_t i = 0; i < 16; ++i) out[i] = kTaps[i / 4] * kTaps[i % 4] / 16;
      return {};
    };
  }
  Tensors Evaluate(const Tensors& in) const { return Run(graph_, in, weights_); }
  double Loss(const Tensors& in) const {
    const Tensors out = Evaluate(in);
    double loss = 0;
    for (size_t k = 0; k < scales_.size(); ++k) loss += scales_[k] * out.at("mse/" + std::to_string(k))[0];
    return loss;
  }
  double Difference(const Tensors& direction) const {
    constexpr double kStep = 1e-6;
    double value[2];
    for (const int side : {0, 1}) {
      Tensors moved = in_;
      for (const auto& [name, way] : direction) {
        for (size_t i = 0; i < way.size(); ++i) moved[name][i] += (side == 0 ? kStep : -kStep) * way[i];
      }
      value[side] = Loss(moved);
    }
    return (value[0] - value[1]) / (2 * kStep);
  }

  const std::vector<double> scales_;
  Graph graph_;
  WeightSource weights_;
  Tensors in_;
};

}  // namespace

TEST_CASE("inversion: gradients of a generator") {
  Step(SmallGenerator(), {.batch = 2, .scales = {1.0, 0.5, 2.0}}).Check();
  Step(SmallGenerator(), {.batch = 2, .noise_per_sample = true}).Check();
  Step(SmallConditionalGenerator(), {.batch = 1, .scales = {0.25, 3.0}}).Check();
}

TEST_CASE("inversion: what cannot be built") {
  const auto none = BuildInversionStep(SmallAttributes(), {});
  REQUIRE(!none.ok());
  CHECK(std::string(none.status().message()) == "the model has no generator");
  const auto many = BuildInversionStep(SmallGenerator(), {.scales = {1, 1, 1, 1}});
  REQUIRE(!many.ok());
  CHECK(std::string(many.status().message()) == "inversion: 1 to 3 scales expected, 4 found");
}

TEST_CASE("inversion: a filter that is no outer product") {
  std::vector<float> filter(16, 1.0f), out(9);
  filter[5] = 2.0f;
  const Status status = Derive("filter3", {4, 4}, filter, out);
  CHECK(status.code() == Code::kRefused);
  CHECK(std::string(status.message()).find("an outer product expected") != std::string::npos);
}

TEST_CASE("inversion: the two factors of a filter") {
  constexpr float kTaps[][4] = {{1, 3, 3, 1}, {0, 1, 1, 0}, {0, 0, 2, 5}, {3, -1, 0, 0}, {1, -2, 0.25f, 4}};
  for (const auto& taps : kTaps) {
    CAPTURE(taps[0]);
    std::vector<float> filter(16), three(9), two(9);
    for (size_t i = 0; i < 16; ++i) filter[i] = taps[i / 4] * kTaps[0][i % 4];
    REQUIRE(Derive("filter3", {4, 4}, filter, three).ok());
    REQUIRE(Derive("filter2", {4, 4}, filter, two).ok());
    for (size_t y = 0; y < 4; ++y) {
      for (size_t x = 0; x < 4; ++x) {
        double sum = 0;
        for (size_t a = y < 2 ? 0 : y - 2; a <= std::min<size_t>(y, 2); ++a) {
          for (size_t b = x < 2 ? 0 : x - 2; b <= std::min<size_t>(x, 2); ++b)
            sum += double{two[a * 3 + b]} * three[(y - a) * 3 + x - b];
        }
        CHECK(std::fabs(sum - filter[y * 4 + x]) <= 1e-5);
      }
    }
  }
}

}  // namespace mien
