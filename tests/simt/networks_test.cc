// Whole small networks on the host runner, by the plain kernels and by the fast forms, against the double reference.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>

#include "tests/graph/support.h"
#include "tests/simt/device_runner.h"

namespace mien::simt {
namespace {

using testing::NamedConfig;

std::vector<float> Floats(const DoubleTensor& doubles) { return {doubles.begin(), doubles.end()}; }

// Root of the mean square error over that of the exact values; infinite when anything is not finite.
double RelativeRms(const std::vector<float>& a, const DoubleTensor& b) {
  double error = 0.0, squares = 0.0;
  for (size_t i = 0; i < b.size(); ++i) {
    if (!std::isfinite(a[i])) return INFINITY;
    error += (a[i] - b[i]) * (a[i] - b[i]);
    squares += b[i] * b[i];
  }
  return std::sqrt(error / std::max(squares, 1e-30));
}

// 60 dB and 50 dB below the signal (DESIGN.md, precisions); plain kernels as exact as floats are.
double Gate(Precision precision) {
  return precision == Precision::kHalf ? 3.2e-3 : precision == Precision::kTf32 ? 1e-3 : 2e-5;
}

void TestNetworks(Precision precision, const char* name, bool trace = false) {
  for (const NamedConfig& config : testing::SmallConfigs()) {
    for (const Result<Graph>& graph : testing::BuildAll(config.config, 2, trace)) {
      REQUIRE(graph.ok());
      CAPTURE(config.name);
      CAPTURE(graph->name);
      const testing::Tensors inputs = testing::MadeUpInputs(*graph);
      const WeightSource weights = testing::MadeUpWeights(config.config);
      const testing::Tensors expected = testing::Run(graph, inputs, weights);
      const Result<DeviceGraph> device = Lower(*graph, precision);
      REQUIRE(device.ok());
      DeviceRunner runner(*device, [&](const std::string& tensor) {
        for (const Value& value : graph->values) {
          if (value.kind != Value::Kind::kWeight || value.name != tensor) continue;
          std::vector<float> floats(static_cast<size_t>(value.shape.elements()));
          REQUIRE(weights(tensor, floats).ok());
          return floats;
        }
        FAIL("no weight " << tensor);
        return std::vector<float>();
      });
      std::vector<std::vector<float>> in;
      for (const ValueId v : graph->inputs)
        in.push_back(Floats(inputs.at(graph->values[static_cast<size_t>(v)].name)));
      const auto outputs = runner.Run(in);
      double worst = 0.0;
      for (size_t i = 0; i < outputs.size(); ++i)
        worst = std::max(worst, RelativeRms(outputs[i], expected.at(graph->outputs[i].name)));
      CHECK(worst <= Gate(precision));
      const FastCost cost = device->TotalCost();
      std::printf("%-5s %-28s %-14s %3d steps %3d launches  relative rms %8.2e\n", name, config.name.c_str(),
                  graph->name.c_str(), static_cast<int>(device->nodes.size()), cost.launches, worst);
    }
  }
}

TEST_CASE("networks by plain kernels") { TestNetworks(Precision::kFloat, "fp32"); }
TEST_CASE("networks with every trace") { TestNetworks(Precision::kFloat, "trace", true); }
TEST_CASE("networks in tf32") { TestNetworks(Precision::kTf32, "tf32"); }
TEST_CASE("networks in fp16") { TestNetworks(Precision::kHalf, "fp16"); }

}  // namespace
}  // namespace mien::simt
