// Whole networks on the host runner: their weights, and how far two results are apart.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/case_run.h"
#include "tests/cuda/kernels/device_runner.h"
#include "tests/graph/support.h"

namespace mien::simt {

inline std::vector<float> Floats(const DoubleTensor& doubles) { return {doubles.begin(), doubles.end()}; }

// The weights of the graph's model. Both must live on.
inline TensorSource TensorsOf(const Graph& graph, const WeightSource& weights) {
  return [&](const std::string& tensor) {
    for (const mien::Value& value : graph.values) {
      if (value.kind != Value::Kind::kWeight || value.name != tensor) continue;
      std::vector<float> floats(static_cast<size_t>(value.shape.elements()));
      REQUIRE(weights(tensor, floats).ok());
      return floats;
    }
    FAIL("no weight " << tensor);
    return std::vector<float>();
  };
}

}  // namespace mien::simt
