// Whole small networks on the host runner, by the plain kernels and by the fast forms, against the double
// reference.
#include "tests/cuda/kernels/networks.h"

#include <doctest/doctest.h>

#include <cstdio>

namespace mien::simt {
namespace {

using testing::NamedConfig;

// Of the small configs, traced ones among them: measured on 2026-11-29, x 1.5.
constexpr testing::DeviceGate kGates[] = {
    {"mapping", 1.1e-7, 8.7e-8, 8.7e-8},    {"synthesis", 4.1e-7, 5.3e-4, 5.9e-4},
    {"conditional", 7e-7, 3.2e-5, 3.3e-5},  {"encoder", 3.7e-6, 3.2e-3, 3.2e-3},
    {"flow", 1.4e-6, 3.7e-7, 3e-5},         {"flow_inverse", 7.3e-7, 1.9e-6, 6.9e-5},
    {"attributes", 1.7e-6, 3.2e-3, 3.2e-3}, {"recognizer", 9.8e-7, 2e-3, 2e-3},
    {"face_detector", 4.3e-7, 1.2e-3, 1.2e-3},   {"face_detector_ssd", 5.3e-7, 8.5e-4, 8.5e-4},
    {"face_landmarks", 4.8e-7, 8.8e-4, 1.2e-3},  {"face_recognizer", 9.6e-7, 1.3e-3, 7.5e-4},
    {"face_expression", 5e-7, 1.3e-3, 1.4e-3},   {"face_age_gender", 4.4e-7, 2.7e-3, 8.9e-4},
};

void TestNetworks(Precision precision, const char* name, bool trace = false) {
  for (const NamedConfig& config : testing::SmallConfigs()) {
    for (const Result<Graph>& graph : testing::BuildAll(config.config, 2, trace)) {
      REQUIRE(graph.ok());
      CAPTURE(config.name);
      CAPTURE(graph->name);
      const testing::Tensors inputs = testing::MadeUpInputs(*graph);
      const WeightSource weights = testing::MadeUpWeights(config.config);
      const testing::Tensors expected = testing::Run(graph, inputs, weights);
      const Result<Executable> device = LowerForDevice(*graph, precision);
      REQUIRE(device.ok());
      DeviceRunner runner(*device, TensorsOf(*graph, weights));
      std::vector<std::vector<float>> in;
      for (const ValueId v : graph->inputs)
        in.push_back(Floats(inputs.at(graph->values[static_cast<size_t>(v)].name)));
      const auto outputs = runner.Run(in);
      double worst = 0.0;
      for (size_t i = 0; i < outputs.size(); ++i)
        worst = std::max(worst, Compare(outputs[i], expected.at(graph->outputs[i].name)).rms);
      const bool conditional = config.name == "conditional generator" && graph->name == "synthesis";
      CHECK(worst <= testing::GateOf(kGates, precision, conditional ? "conditional" : graph->name));
      const FastCost cost = device->TotalCost();
      std::printf("%-5s %-28s %-14s %3d steps %3d launches  relative rms %8.2e\n", name, config.name.c_str(),
                  graph->name.c_str(), static_cast<int>(device->calls.size()), cost.launches, worst);
    }
  }
}

TEST_CASE("networks by plain kernels") { TestNetworks(Precision::kFloat, "fp32"); }
TEST_CASE("networks with every trace") { TestNetworks(Precision::kFloat, "trace", true); }
TEST_CASE("networks in tf32") { TestNetworks(Precision::kTf32, "tf32"); }
TEST_CASE("networks in fp16") { TestNetworks(Precision::kHalf, "fp16"); }

}  // namespace
}  // namespace mien::simt
