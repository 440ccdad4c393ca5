// Engines on the host runner, on the tiny model; and their inputs.
#pragma once

#include <doctest/doctest.h>

#include <cstring>
#include <limits>

#include "runtime/engine.h"
#include "tests/support/hashgen.h"
#include "tests/support/tiny_model.h"

namespace mien::testing {

using Arrays = std::vector<std::vector<float>>;

inline EngineOptions OnHostRunner(const std::vector<ProgramOptions>& programs, const char* precision = "fp32",
                                  int batch = 1) {
  EngineOptions options;
  options.backend = "cuda";
  options.executor = &simt::TheExecutor();
  options.precision = precision;
  options.threads = 1;
  options.batch = batch;
  options.programs = programs;
  return options;
}

inline std::unique_ptr<Engine> Make(std::shared_ptr<WeightStore> store, const EngineOptions& options) {
  auto engine = Engine::Create(std::move(store), options);
  REQUIRE_MESSAGE(engine.ok(), engine.status().message());
  return std::move(*engine);
}

// Inputs of a batch made of the given samples; noise maps that the batch shares are those of sample 0.
inline Arrays InputsOf(const Graph& graph, const std::vector<int>& samples) {
  Arrays inputs;
  for (const ValueId id : graph.inputs) {
    const Value& value = graph.values[static_cast<size_t>(id)];
    auto& input = inputs.emplace_back();
    for (int64_t n = 0; n < value.shape[0]; ++n) {
      const bool shared = value.name.starts_with("noise.");
      const auto one = hashgen::Values(
          "input/" + value.name + "/" + std::to_string(shared ? 0 : samples[static_cast<size_t>(n)]),
          value.shape.elements() / value.shape[0], 1.2);
      input.insert(input.end(), one.begin(), one.end());
    }
  }
  return inputs;
}

// Outputs start as NaN.
inline Status RunInto(Engine& engine, int program, const Arrays& inputs, Arrays* outputs) {
  outputs->clear();
  const Graph& graph = engine.graph(program);
  for (const NamedValue& output : graph.outputs) {
    outputs->emplace_back(static_cast<size_t>(graph.values[static_cast<size_t>(output.value)].shape.elements()),
                          std::numeric_limits<float>::quiet_NaN());
  }
  const std::vector<std::span<const float>> in(inputs.begin(), inputs.end());
  const std::vector<std::span<float>> out(outputs->begin(), outputs->end());
  return engine.Run(program, in, out);
}

inline Arrays RunBatch(Engine& engine, int program, const std::vector<int>& samples) {
  Arrays outputs;
  const Status status = RunInto(engine, program, InputsOf(engine.graph(program), samples), &outputs);
  REQUIRE_MESSAGE(status.ok(), status.message());
  return outputs;
}

inline bool SameBits(const Arrays& a, const Arrays& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].size() != b[i].size() || std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(float)) != 0)
      return false;
  }
  return true;
}

// Sample n of a batch of `batch`.
inline Arrays Sample(const Arrays& outputs, int n, int batch) {
  Arrays one;
  for (const auto& output : outputs) {
    const auto each = static_cast<std::ptrdiff_t>(output.size()) / batch;
    one.emplace_back(output.begin() + n * each, output.begin() + (n + 1) * each);
  }
  return one;
}

}  // namespace mien::testing
