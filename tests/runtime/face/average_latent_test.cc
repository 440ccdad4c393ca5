// The average latent against the double reference; labels; interruption.
#include "runtime/face/average_latent.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "graph/networks/networks.h"
#include "runtime/face/random.h"
#include "tests/support/hashgen.h"
#include "weights/schema.h"

namespace mien {
namespace {

ModelConfig Generator(int labels) {
  ModelConfig config;
  GeneratorConfig& g = config.generator.emplace();
  g.convention = Convention::kNvidia;
  g.resolution = 8;
  g.z_dim = 5;
  g.w_dim = 6;
  g.label_dim = labels;
  g.mapping_layers = 2;
  g.channels = {3, 3};
  return config;
}

WeightSource Weights(const ModelConfig& config) {
  return [config](const std::string& name, std::span<float> out) -> Status {
    const std::string key = name.substr(std::string("generator.").size());
    for (const TensorSpec& spec : ExpectedTensors(config)) {
      if (spec.name != name) continue;
      const auto values = hashgen::WeightValues("average", {key, spec.shape}, hashgen::Rule::kNvidia);
      std::copy(values.begin(), values.end(), out.begin());
    }
    return {};
  };
}

// Over all seeds in one batch of the double reference.
std::vector<double> Expected(const ModelConfig& config) {
  const GeneratorConfig& g = *config.generator;
  const auto z_dim = static_cast<size_t>(g.z_dim), w_dim = static_cast<size_t>(g.w_dim),
             labels = static_cast<size_t>(g.label_dim);
  const auto graph = BuildMapping(config, {}, {.batch = kAverageSeeds});
  REQUIRE_MESSAGE(graph.ok(), graph.status().message());
  std::map<std::string, DoubleTensor> inputs;
  for (uint32_t seed = 0; seed < kAverageSeeds; ++seed) {
    std::vector<float> z(z_dim);
    RandomState(seed).Normals(z);
    inputs["z"].insert(inputs["z"].end(), z.begin(), z.end());
    for (size_t k = 0; k < labels; ++k) inputs["label"].push_back(seed % labels == k);
  }
  const auto outputs = RunReference(*graph, inputs, Weights(config));
  REQUIRE_MESSAGE(outputs.ok(), outputs.status().message());
  const DoubleTensor& w_plus = outputs->at("w_plus");
  std::vector<double> mean(w_dim);
  for (size_t i = 0; i < kAverageSeeds; ++i) {
    for (size_t k = 0; k < w_dim; ++k)
      mean[k] += w_plus[i * static_cast<size_t>(g.rows()) * w_dim + k] / kAverageSeeds;
  }
  return mean;
}

TEST_CASE("the average latent is the mean of w over the seeds") {
  for (const int labels : {0, 3}) {
    const ModelConfig config = Generator(labels);
    const std::vector<double> expected = Expected(config);
    std::vector<float> first;
    for (const int threads : {1, 2, 5}) {
      const auto average = AverageLatent(config, Weights(config), threads, nullptr);
      REQUIRE_MESSAGE(average.ok(), average.status().message());
      REQUIRE(average->size() == expected.size());
      for (size_t k = 0; k < expected.size(); ++k)
        CHECK(std::abs(static_cast<double>((*average)[k]) - expected[k]) < 1e-6);
      CHECK((first.empty() || first == *average));
      first = *average;
    }
  }
  const std::atomic<bool> stop = true;
  const ModelConfig config = Generator(0);
  CHECK(AverageLatent(config, Weights(config), 1, &stop).status().code() == Code::kInterrupted);
}

}  // namespace
}  // namespace mien
