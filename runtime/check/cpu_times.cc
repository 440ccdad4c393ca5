#include "runtime/check/cpu_times.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>

#include "base/buffer.h"
#include "base/interrupt.h"
#include "kernels/cpu/peak.h"

namespace mien {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 7;
constexpr size_t kMiB = size_t{1} << 20;
// Where the system says nothing of its caches.
constexpr size_t kUsualOwn = kMiB, kUsualLast = 32 * kMiB;
// Vectors for the speed of memory: twice the last cache, within what a small machine can spare.
constexpr size_t kLeastVectors = 64 * kMiB, kMostVectors = 256 * kMiB;

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

size_t SystemSays(int name, size_t otherwise) {
  const long bytes = sysconf(name);
  return bytes > 0 ? static_cast<size_t>(bytes) : otherwise;
}

// Work per second: the best of a few rounds in which each thread does `work` once.
template <class Work>
double BestRate(ThreadPool& threads, double work_of_all, const Work& work) {
  double best = 0.0;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = Clock::now();
    threads.ParallelFor(threads.threads(), work);
    best = std::max(best, 1e3 * work_of_all / MillisecondsSince(start));
  }
  return best;
}

double MeasureProducts(ThreadPool& threads) {
  constexpr int64_t kSteps = int64_t{1} << 21;
  const int64_t one = ChainsOfMultiplyAdds(1);
  return BestRate(threads, static_cast<double>(one * kSteps * threads.threads()),
                  [](int, int) { ChainsOfMultiplyAdds(kSteps); });
}

// Bytes per second of sums; each thread reads its own part of `floats` numbers, `times` times.
double MeasureReading(ThreadPool& threads, const float* numbers, int64_t floats, int times) {
  const int64_t part = floats / threads.threads();
  std::vector<float> sums(static_cast<size_t>(threads.threads()));
  return BestRate(threads, static_cast<double>(sizeof(float)) * static_cast<double>(part) * times * threads.threads(),
                  [&](int task, int) {
                    for (int t = 0; t < times; ++t)
                      sums[static_cast<size_t>(task)] += SumOf(numbers + task * part, part);
                  });
}

struct TimedCall {
  const Executable::Call* call = nullptr;
  std::vector<size_t> steps;
  std::vector<double> times;  // by run
};

std::vector<TimedCall> CallsOf(const Executable& executable, const std::optional<std::string>& only) {
  std::vector<TimedCall> calls(executable.calls.size());
  for (size_t c = 0; c < calls.size(); ++c) calls[c].call = &executable.calls[c];
  for (size_t s = 0; s < executable.steps.size(); ++s)
    calls[static_cast<size_t>(executable.steps[s].call)].steps.push_back(s);
  if (only) std::erase_if(calls, [&](const TimedCall& timed) { return timed.call->layer != *only; });
  return calls;
}

Status RunTimed(const Program& program, size_t step, double* milliseconds) {
  const auto start = Clock::now();
  MIEN_TRY(program.RunStep(step));
  *milliseconds += MillisecondsSince(start);
  return {};
}

// All steps in their order, `times` by call.
Status RunAll(const Program& program, std::span<const std::vector<float>> inputs, std::vector<double>* times) {
  for (size_t i = 0; i < inputs.size(); ++i)
    std::copy(inputs[i].begin(), inputs[i].end(), program.input(static_cast<int>(i)).begin());
  const auto& steps = program.executable().steps;
  for (size_t s = 0; s < steps.size(); ++s)
    MIEN_TRY(RunTimed(program, s, &(*times)[static_cast<size_t>(steps[s].call)]));
  return CheckInterrupt();
}

FastCost CostOf(const TimedCall& timed) {
  const CpuOp& cpu = timed.call->cpu();
  const Cost cost = OpCount(cpu.op, cpu.in);
  return {static_cast<int>(timed.steps.size()), cost.products, cost.bytes, Precision::kFloat};
}

}  // namespace

CpuCaches CachesOfThisCpu() {
  CpuCaches caches;
#ifdef _SC_LEVEL2_CACHE_SIZE
  caches.own = SystemSays(_SC_LEVEL2_CACHE_SIZE, 0);
  caches.last = SystemSays(_SC_LEVEL3_CACHE_SIZE, caches.own);
#endif
  return caches;
}

std::string ProcessorName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(std::min(line.find(": ") + 2, line.size()));
  }
  return "";
}

Result<Ceilings> MeasureCpuCeilings(ThreadPool& threads) {
  const CpuCaches caches = CachesOfThisCpu();
  const size_t own = caches.own == 0 ? kUsualOwn : caches.own, last = caches.last == 0 ? kUsualLast : caches.last;
  const size_t bytes = std::clamp(2 * last, kLeastVectors, kMostVectors);
  // Uninitialised pages are all the same page of zeros: they have to be written before they are memory.
  MIEN_ASSIGN(const Buffer buffer, Buffer::Create(bytes, "vectors for the speed of memory"));
  std::memset(buffer.data(), 0x3c, bytes);
  const auto* const numbers = reinterpret_cast<const float*>(buffer.data());
  const auto floats = static_cast<int64_t>(bytes / sizeof(float));
  const size_t held = std::min({2 * own * static_cast<size_t>(threads.threads()), bytes, std::max(last / 2, own)});
  Ceilings ceilings;
  MIEN_TRY(CheckInterrupt());
  ceilings.multiply_adds[0] = MeasureProducts(threads);
  MIEN_TRY(CheckInterrupt());
  ceilings.memory = MeasureReading(threads, numbers, floats, 1);
  ceilings.cache = MeasureReading(threads, numbers, static_cast<int64_t>(held / sizeof(float)), 8);
  return ceilings;
}

Result<std::vector<StepTime>> TimeCalls(const Program& program, std::span<const std::vector<float>> inputs, int repeat,
                                        const std::optional<std::string>& only, const Ceilings& ceilings, int threads) {
  std::vector<TimedCall> calls = CallsOf(program.executable(), only);
  if (calls.empty()) return NoSuchLayer(program.executable().name, *only);
  std::vector<double> all(program.executable().calls.size());
  MIEN_TRY(RunAll(program, inputs, &all));
  for (int run = 0; run < repeat; ++run) {
    std::fill(all.begin(), all.end(), 0.0);
    if (!only) MIEN_TRY(RunAll(program, inputs, &all));
    for (TimedCall& timed : calls) {
      double& milliseconds = all[static_cast<size_t>(timed.call - program.executable().calls.data())];
      for (const size_t step : timed.steps) {
        if (only) MIEN_TRY(RunTimed(program, step, &milliseconds));
      }
      timed.times.push_back(milliseconds);
    }
    MIEN_TRY(CheckInterrupt());
  }
  const CpuCaches caches = CachesOfThisCpu();
  std::vector<StepTime> times;
  for (const TimedCall& timed : calls) {
    const FastCost cost = CostOf(timed);
    FastCost bounding = cost;  // what the cores' own caches hold need not come from anywhere
    if (static_cast<uint64_t>(cost.bytes) <= caches.own * static_cast<size_t>(threads)) bounding.bytes = 0;
    times.push_back({static_cast<int>(timed.call - program.executable().calls.data()), timed.call->layer,
                     OpName(timed.call->cpu().op), cost, SpreadOf(timed.times),
                     BoundOf(bounding, ceilings, caches.last)});
  }
  return times;
}

}  // namespace mien
