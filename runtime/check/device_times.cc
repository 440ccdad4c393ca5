#include "runtime/check/device_times.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/interrupt.h"

namespace mien {
namespace {

constexpr double kLongEnough = 5.0;     // milliseconds: what launching takes is nothing beside it
constexpr int kBlocksPerProcessor = 4;  // of kCeilingThreads: all resident at once
constexpr size_t kLeastCache = size_t{64} << 10;

// Bytes per second of y = a + b.
Result<double> MeasureMemory(const Device& device, void* stream) {
  const DeviceApi& api = device.api();
  const uint64_t bytes = 4 * std::max(device.info.l2, kLeastCache);
  const Shape shape = {1, static_cast<int64_t>(bytes / sizeof(float))};
  MIEN_ASSIGN(const DeviceHandle memory, AllocateOnDevice(api, 3 * bytes, "vectors for the speed of memory"));
  auto* const start = static_cast<std::byte*>(memory.get());
  const std::array<void*, 2> in = {start, start + bytes};
  const std::array<void*, 1> out = {start + 2 * bytes};
  const FastOp add = PlainOp{OpCall<Add>{}, {shape, shape}, {shape}};
  const auto enqueue = [&] { return device.executor->run(add, in, out, nullptr, {&api, stream}); };
  MIEN_ASSIGN(const Spread milliseconds, TimeOnDevice(api, stream, enqueue));
  return 3e3 * static_cast<double>(bytes) / milliseconds.median;
}

// Work per second, in as many rounds as take long enough.
Result<double> MeasureCeiling(const Device& device, void* stream, Ceiling ceiling) {
  const DeviceApi& api = device.api();
  const int blocks = kBlocksPerProcessor * std::max(device.info.processors, 1);
  const size_t bytes = std::bit_floor(std::max(device.info.l2 / 2, kLeastCache));
  const uint64_t out_bytes = sizeof(float) * kCeilingThreads * static_cast<uint64_t>(blocks);
  MIEN_ASSIGN(const DeviceHandle memory,
              AllocateOnDevice(api, bytes + out_bytes, "memory for the speed of the cache"));
  auto* const numbers = static_cast<float*>(memory.get());
  CeilingCall call = {blocks, 1, numbers, bytes, numbers + bytes / sizeof(float), {&api, stream}};
  for (;; call.rounds *= 2) {
    MIEN_TRY(CheckInterrupt());
    const auto enqueue = [&] { return device.executor->run_ceiling(ceiling, call); };
    MIEN_ASSIGN(const Spread milliseconds, TimeOnDevice(api, stream, enqueue));
    if (milliseconds.median >= kLongEnough || call.rounds >= 1 << 20)
      return 1e3 * CeilingWork(ceiling, blocks, call.rounds, bytes) / milliseconds.median;
  }
}

}  // namespace

Result<Spread> TimeOnDevice(const DeviceApi& api, void* stream, const std::function<Status()>& enqueue) {
  constexpr int kRuns = 9;
  void *first = nullptr, *second = nullptr;
  MIEN_TRY(DeviceStatus(api, api.create_event(&first), "creating an event"));
  const DeviceHandle own_first(first, {api.destroy_event});
  MIEN_TRY(DeviceStatus(api, api.create_event(&second), "creating an event"));
  const DeviceHandle own_second(second, {api.destroy_event});
  std::vector<double> times;
  for (int run = -1; run < kRuns; ++run) {
    float milliseconds = 0.0f;
    MIEN_TRY(DeviceStatus(api, api.record(first, stream), "recording an event"));
    MIEN_TRY(enqueue());
    MIEN_TRY(DeviceStatus(api, api.record(second, stream), "recording an event"));
    MIEN_TRY(DeviceStatus(api, api.synchronize(stream), "timing"));
    MIEN_TRY(DeviceStatus(api, api.elapsed(&milliseconds, first, second), "timing"));
    if (run >= 0) times.push_back(milliseconds);
  }
  return SpreadOf(times);
}

Result<Ceilings> MeasureCeilings(const Device& device, void* stream) {
  Ceilings ceilings;
  MIEN_ASSIGN(ceilings.memory, MeasureMemory(device, stream));
  MIEN_ASSIGN(ceilings.cache, MeasureCeiling(device, stream, Ceiling::kCache));
  const auto measure = [&](Precision unit, Ceiling ceiling) -> Status {
    MIEN_ASSIGN(ceilings.multiply_adds[static_cast<size_t>(unit)], MeasureCeiling(device, stream, ceiling));
    return {};
  };
  MIEN_TRY(measure(Precision::kFloat, Ceiling::kFloat));
  MIEN_TRY(measure(Precision::kTf32, Ceiling::kTf32));
  MIEN_TRY(measure(Precision::kHalf, Ceiling::kHalf));
  return ceilings;
}

Result<std::vector<StepTime>> TimeSteps(const Device& device, const Program& program,
                                        const std::optional<std::string>& only, const Ceilings& ceilings) {
  std::vector<StepTime> times;
  const Executable& executable = program.executable();
  for (size_t s = 0; s < executable.steps.size(); ++s) {
    const Executable::Call& call = executable.calls[static_cast<size_t>(executable.steps[s].call)];
    if (only && call.layer != *only) continue;
    MIEN_TRY(CheckInterrupt());
    const auto enqueue = [&] { return program.RunStep(s); };
    MIEN_ASSIGN(const Spread milliseconds, TimeOnDevice(device.api(), StreamOf(program.backend()).handle, enqueue));
    const FastCost cost = FastCount(call.fast());
    times.push_back({executable.steps[s].call, call.layer, FastName(call.fast()), cost, milliseconds,
                     BoundOf(cost, ceilings, device.info.l2)});
  }
  if (times.empty()) return NoSuchLayer(program.executable().name, *only);
  return times;
}

}  // namespace mien
