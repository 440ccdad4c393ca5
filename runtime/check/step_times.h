// How long the steps of a program take beside what bounds them, on the CPU as on a device: what `mien bench` says.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "kernels/tensor/fast.h"

namespace mien {

// Milliseconds of many runs of the same: a tenth of them took at most `low`, half at most `median`, a tenth more than
// `high`.
struct Spread {
  double low = 0.0, median = 0.0, high = 0.0;
};
// The smallest time that at least `share` of the runs did not exceed; of no runs 0.
double Quantile(std::vector<double> times, double share);
Spread SpreadOf(const std::vector<double>& times);

// Per second.
struct Ceilings {
  double memory = 0.0;           // bytes read and written by an addition of vectors that no cache holds
  double cache = 0.0;            // bytes read from the last cache before memory
  double multiply_adds[3] = {};  // by Precision: fp32; tf32 and halves on tensor cores, 0 on the CPU
};

// What a step cannot be faster than: the slowest of moving its bytes (from the cache when it holds all of
// them) and of its multiply-adds.
struct StepBound {
  const char* by = "";  // "memory", "cache", "fp32", "tf32", "fp16"
  double milliseconds = 0.0;
};
StepBound BoundOf(const FastCost& cost, const Ceilings& ceilings, size_t cache_bytes);

struct StepTime {
  int call = 0;  // of the executable
  std::string layer;
  const char* op = "";
  FastCost cost;  // on the CPU `launches` counts the ranges of rows, `multiply_adds` the products that are executed
  Spread milliseconds;
  StepBound bound;
};

// kUsage: of a program none of whose layers has the name asked for.
Status NoSuchLayer(const std::string& program, const std::string& layer);

}  // namespace mien
