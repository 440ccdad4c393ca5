// How fast this processor is at the most, measured on it, and how long each call of a program takes beside that.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "runtime/check/step_times.h"
#include "runtime/program.h"

namespace mien {

// Bytes; 0 where the system does not say.
struct CpuCaches {
  size_t own = 0;   // the second-level cache of one core
  size_t last = 0;  // the last-level cache, shared
};
CpuCaches CachesOfThisCpu();

// "Intel(R) Xeon(R) ..." as the system says it; empty where it does not.
std::string ProcessorName();

// By all threads at once: multiply-adds in registers, sums of vectors that no cache holds, and of such as the last
// cache holds but the caches of the cores do not. The best of a few rounds, since others may use the machine.
Result<Ceilings> MeasureCpuCeilings(ThreadPool& threads);

// Every call of a program, timed within `repeat` runs of the whole (after one that does not count), so that it finds
// the caches as it does in use; in bands the sum of its ranges. With `only`, the calls of that layer alone, repeated
// on what the run before left, so that a profiler sees nothing else; kUsage where no layer has that name.
// `inputs`: in the order of the program's.
Result<std::vector<StepTime>> TimeCalls(const Program& program, std::span<const std::vector<float>> inputs, int repeat,
                                        const std::optional<std::string>& only, const Ceilings& ceilings, int threads);

}  // namespace mien
