// What mien bench measures on the CPU, and what it concludes from it.
#include <doctest/doctest.h>

#include <cmath>

#include "runtime/check/cpu_times.h"
#include "runtime/engine.h"
#include "tests/support/tiny_model.h"

namespace mien::testing {
namespace {

TEST_CASE("a step is bound by the slowest of what it does") {
  const Ceilings ceilings = {1e9, 4e9, {1e12, 2e12, 4e12}};
  const auto bound = [&](int64_t multiply_adds, int64_t bytes, Precision unit) {
    return BoundOf({1, multiply_adds, bytes, unit}, ceilings, 1000);
  };
  const auto check = [](const StepBound& found, const char* by, double milliseconds) {
    CHECK(std::string(found.by) == by);
    CHECK(found.milliseconds == doctest::Approx(milliseconds));
  };
  check(bound(0, 1'000'000, Precision::kFloat), "memory", 1.0);
  check(bound(0, 1000, Precision::kHalf), "cache", 0.25e-3);
  check(bound(1'000'000'000'000, 1'000'000, Precision::kFloat), "fp32", 1000.0);
  check(bound(1'000'000'000'000, 1'000'000, Precision::kTf32), "tf32", 500.0);
  check(bound(1'000'000'000'000, 1'000'000, Precision::kHalf), "fp16", 250.0);
}

TEST_CASE("this processor's ceilings, and every call of a program beside the one that bounds it") {
  auto pool = ThreadPool::Create(2);
  REQUIRE(pool.ok());
  const auto ceilings = MeasureCpuCeilings(**pool);
  REQUIRE_MESSAGE(ceilings.ok(), ceilings.status().message());
  for (const double ceiling : {ceilings->memory, ceilings->cache, ceilings->multiply_adds[0]}) {
    CHECK(std::isfinite(ceiling));
    CHECK(ceiling > 1e6);
  }
  const auto store = std::make_shared<WeightStore>(WideModel());
  for (const char* memory : {"layers", "bands"}) {
    CAPTURE(memory);
    EngineOptions options;
    options.backend = "cpu";
    options.memory = memory;
    options.threads = 2;
    options.programs = {{*NetworkNamed("synthesis")}};
    const auto engine = Engine::Create(store, options);
    REQUIRE_MESSAGE(engine.ok(), engine.status().message());
    const Executable& executable = (*engine)->program(0).executable();
    std::vector<std::vector<float>> inputs;
    for (const ValueId id : (*engine)->graph(0).inputs)
      inputs.emplace_back((*engine)->graph(0).values[static_cast<size_t>(id)].shape.elements(), 0.5f);
    const auto time = [&](const std::optional<std::string>& only) {
      return TimeCalls((*engine)->program(0), inputs, 3, only, *ceilings, 2);
    };
    const auto times = time({});
    REQUIRE(times.ok());
    CHECK(times->size() == executable.calls.size());
    size_t ranges = 0;
    for (const StepTime& step : *times) {
      CAPTURE(step.layer);
      CHECK(step.layer == executable.calls[static_cast<size_t>(step.call)].layer);
      CHECK(step.milliseconds.low > 0.0);
      CHECK(step.milliseconds.high < 1e4);
      CHECK(std::isfinite(step.bound.milliseconds));
      ranges += static_cast<size_t>(step.cost.launches);
    }
    CHECK(ranges == executable.steps.size());
    CHECK((ranges > executable.calls.size()) == (std::string(memory) == "bands"));
    // What was timed is the network: the numbers left are those of a run.
    const std::vector<std::span<const float>> in(inputs.begin(), inputs.end());
    const auto left = (*engine)->output(0, 0);
    const std::vector<float> timed(left.begin(), left.end());
    std::vector<float> image(left.size());
    const std::span<float> out[] = {image};
    REQUIRE((*engine)->Run(0, in, out).ok());
    CHECK(timed == image);

    const std::string& layer = executable.calls.back().layer;
    const auto one = time(layer);
    REQUIRE(one.ok());
    CHECK(one->size() < times->size());
    for (const StepTime& step : *one) CHECK(step.layer == layer);
    CHECK(time("nobody").status().code() == Code::kUsage);
  }
}

TEST_CASE("quantiles are times that were measured") {
  CHECK(Quantile({}, 0.5) == 0.0);
  CHECK(Quantile({3.0}, 0.1) == 3.0);
  const std::vector<double> ten = {10, 1, 9, 2, 8, 3, 7, 4, 6, 5};
  CHECK(Quantile(ten, 0.5) == 5.0);
  const Spread spread = SpreadOf(ten);
  CHECK(spread.low == 1.0);
  CHECK(spread.median == 5.0);
  CHECK(spread.high == 9.0);
  CHECK(Quantile(ten, 0.99) == 10.0);
}

}  // namespace
}  // namespace mien::testing
