// How fast a device is at the most, measured on it, and how long each step of a program takes beside that:
// what `mien bench` says of a device.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/program.h"

namespace mien {

// Median milliseconds between two events around what `enqueue` puts into the stream; a run before does not
// count.
Result<double> TimeOnDevice(const DeviceApi& api, void* stream, const std::function<Status()>& enqueue);

// Per second.
struct Ceilings {
  double memory = 0.0;           // bytes read and written by an addition of vectors that no cache holds
  double cache = 0.0;            // bytes read from the L2 cache
  double multiply_adds[3] = {};  // by Precision: fmaf; mma.sync on tf32, on halves
};
Result<Ceilings> MeasureCeilings(const Device& device, void* stream);

// What a step cannot be faster than: the slowest of moving its bytes (from the cache when it holds all of
// them) and of its multiply-adds.
struct StepBound {
  const char* by = "";  // "memory", "cache", "fp32", "tf32", "fp16"
  double milliseconds = 0.0;
};
StepBound BoundOf(const FastCost& cost, const Ceilings& ceilings, size_t cache_bytes);

struct StepTime {
  std::string layer;
  const char* op;
  FastCost cost;
  double milliseconds;
  StepBound bound;
};
// Every step alone, on the numbers that the last run left.
Result<std::vector<StepTime>> TimeSteps(const Device& device, const Program& program, const Ceilings& ceilings);

}  // namespace mien
