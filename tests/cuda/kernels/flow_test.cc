// The flow's fast form: launches, weights shared by both directions, the way there and back, thread orders,
// samples.
#include <doctest/doctest.h>

#include <cstdio>

#include "tests/cuda/kernels/networks.h"
#include "tests/cuda/kernels/support.h"
#include "tests/kernels/op_runner.h"

namespace mien::simt {
namespace {

constexpr Precision kFast[] = {Precision::kTf32, Precision::kHalf};
const char* NameOf(Precision precision) { return precision == Precision::kHalf ? "fp16" : "tf32"; }

// Both directions of a flow, lowered.
struct DeviceFlow {
  Result<Graph> graph[2];
  Result<Executable> device[2];
  WeightSource weights;

  DeviceFlow(const ModelConfig& config, int batch, Precision precision, WeightSource source)
      : graph{BuildFlow(config, {}, {.batch = batch}), BuildFlowInverse(config, {}, {.batch = batch})},
        device{LowerForDevice(*graph[0], precision), LowerForDevice(*graph[1], precision)},
        weights(std::move(source)) {
    REQUIRE((device[0].ok() && device[1].ok()));
  }
  // [rows, logabsdet]
  std::vector<std::vector<float>> Run(bool inverse, const std::vector<float>& rows) const {
    return DeviceRunner(*device[inverse], TensorsOf(*graph[inverse], weights)).Run({rows});
  }
};

std::vector<float> MadeUpRows(size_t n) {
  std::vector<float> rows(n);
  for (size_t i = 0; i < n; ++i) rows[i] = Value(i);
  return rows;
}

// Even sizes, whole vectors, more tiles than one of columns, of rows and of K.
ModelConfig MiddleFlow(bool norm_within) {
  ModelConfig config = testing::SmallFlow(false, norm_within, true);
  config.flow->features = 36;
  config.flow->hidden = 40;
  config.flow->contexts = 21;  // odd numbers of rows
  config.flow->layers = 2;
  return config;
}

std::vector<ModelConfig> Configs() {
  return {testing::SmallFlow(false, false, true),
          testing::SmallFlow(true, false, true),
          testing::SmallFlow(false, true, true),
          testing::SmallFlow(false, false, false),
          MiddleFlow(false),
          MiddleFlow(true)};
}

TEST_CASE("the full-size flow takes 61 launches a direction, and both share their weights") {
  for (const Precision precision : kFast) {
    for (const int batch : {1, 8}) {
      const ModelConfig config = testing::FullFlow();
      const DeviceFlow flow(config, batch, precision, testing::MadeUpWeights(config));
      int weights = 0;
      for (const Result<Executable>& device : flow.device) CHECK(device->TotalCost().launches == 61);
      for (const WeightForm& form : flow.device[0]->forms) {
        ++weights;
        const auto& others = flow.device[1]->forms;
        CHECK(std::find(others.begin(), others.end(), form) != others.end());
      }
      CHECK(weights == 60);
    }
  }
}

// The relative rms error of rows there and back: both directions make the same shifts and scales, whatever
// the precision of the weights. Measured on 2026-11-23, x 1.5.
constexpr double kThereAndBack = 2.6e-7;

TEST_CASE("forward and then inverse gives the rows back") {
  for (const Precision precision : kFast) {
    double worst = 0.0;
    for (const ModelConfig& config : Configs()) {
      const DeviceFlow flow(config, 2, precision,
                            testing::HashWeights(config, "flow.", "there_and_back", hashgen::Rule::kFlow));
      const std::vector<float> x = MadeUpRows(static_cast<size_t>(flow.graph[0]->values[0].shape.elements()));
      const auto there = flow.Run(false, x);
      const auto back = flow.Run(true, there[0]);
      worst = std::max(worst, Compare(back[0], x).rms);
      for (size_t r = 0; r < there[1].size(); ++r)
        CHECK(std::abs(there[1][r] + back[1][r]) <= 1e-6 * std::max(1.0f, std::abs(there[1][r])));
    }
    CHECK(worst <= kThereAndBack);
    std::printf("flow, there and back %s  relative rms %8.2e  bound %8.2e\n", NameOf(precision), worst,
                kThereAndBack);
  }
}

TEST_CASE("columns that a coupling does not transform are kept bit for bit where no norm follows") {
  ModelConfig config = testing::SmallFlow(false, false, false);
  config.flow->layers = 1;
  constexpr int kManyRows = 73;  // more than a block of few rows takes
  for (const Precision precision : kFast) {
    for (const int batch : {3, kManyRows / config.flow->contexts + 1}) {
      const DeviceFlow flow(config, batch, precision, testing::MadeUpWeights(config));
      const size_t features = static_cast<size_t>(config.flow->features);
      const std::vector<float> x = MadeUpRows(static_cast<size_t>(batch * config.flow->contexts) * features);
      for (const bool inverse : {false, true}) {
        const std::vector<float> y = flow.Run(inverse, x)[0];
        for (size_t i = 0; i < x.size(); ++i) CHECK((x[i] == y[i]) == (i % features % 2 == 0));
      }
    }
  }
}

TEST_CASE("a flow's bits depend on neither thread order nor the other samples") {
  constexpr int kBatch = 4;
  for (const ModelConfig& config : Configs()) {
    for (const Precision precision : kFast) {
      const DeviceFlow flow(config, kBatch, precision, testing::MadeUpWeights(config));
      const DeviceFlow of_one(config, 1, precision, flow.weights);
      const std::vector<float> x = MadeUpRows(static_cast<size_t>(flow.graph[0]->values[0].shape.elements()));
      for (const bool inverse : {false, true}) {
        const auto expected = flow.Run(inverse, x);
        for (int64_t n = 0; n < kBatch; ++n) {
          const auto alone = of_one.Run(inverse, Samples(x, kBatch, {n}));
          for (size_t i = 0; i < alone.size(); ++i) CHECK(SameBits(alone[i], Samples(expected[i], kBatch, {n})));
        }
        if (HooksPresent()) continue;
        ForEachOrder([&] {
          const auto again = flow.Run(inverse, x);
          for (size_t i = 0; i < again.size(); ++i) CHECK(SameBits(again[i], expected[i]));
        });
      }
    }
  }
}

// Relative rms errors against the values recorded from the public code, and there and back: measured on
// 2026-11-23, x 1.5.
TEST_CASE("the public flow, 512 features and 10 couplings, in the fast forms" * doctest::skip()) {
  const ModelConfig config = testing::FullFlow();
  const testing::Tensors golden = testing::Golden("sh_flow512.io.safetensors");
  const DoubleTensor x = testing::HashInput("sh_flow512/in/x", 18 * 512, 1.4);
  for (const Precision precision : kFast) {
    const bool half = precision == Precision::kHalf;
    const DeviceFlow flow(config, 1, precision,
                          testing::HashWeights(config, "flow.", "sh_flow512", hashgen::Rule::kFlow));
    const auto there = flow.Run(false, Floats(x));
    const double latent = Compare(there[0], golden.at("z")).rms;
    const double logabsdet = Compare(there[1], golden.at("logabsdet")).rms;
    const double returned = Compare(flow.Run(true, there[0])[0], x).rms;
    std::vector<float> edits = there[0];
    for (size_t row = 0; row < 18; ++row) {
      edits[row * 512] = -2;
      edits[row * 512 + 5] = 2;
    }
    const double edited = Compare(flow.Run(true, edits)[0], golden.at("x_edit_attr0_m2_attr5_p2")).rms;
    CHECK(latent <= (half ? 3.9e-5 : 9.1e-7));
    CHECK(logabsdet <= (half ? 1.7e-6 : 2.1e-7));
    CHECK(returned <= 3.6e-6);
    CHECK(edited <= (half ? 4.4e-5 : 4.2e-6));
    std::printf("flow512 %s  latent %8.2e  logabsdet %8.2e  there and back %8.2e  edited %8.2e\n",
                NameOf(precision), latent, logabsdet, returned, edited);
  }
}

}  // namespace
}  // namespace mien::simt
