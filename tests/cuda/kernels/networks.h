// Whole networks on the host runner: their weights, and how far two results are apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/cuda/kernels/device_runner.h"
#include "tests/graph/support.h"

namespace mien::simt {

inline std::vector<float> Floats(const DoubleTensor& doubles) { return {doubles.begin(), doubles.end()}; }

// Root of the mean square error over that of the exact values; infinite when anything is not finite.
template <class Exact>
double RelativeRms(const std::vector<float>& a, const Exact& b) {
  double error = 0.0, squares = 0.0;
  for (size_t i = 0; i < b.size(); ++i) {
    if (!std::isfinite(a[i])) return INFINITY;
    error += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    squares += double{b[i]} * b[i];
  }
  return std::sqrt(error / std::max(squares, 1e-30));
}

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
