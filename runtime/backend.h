// Everything that programs, weights and engines ask of what computes, as one table: the CPU is one, a device with its
// executor another (CUDA, the host runner, what tests put in front of them). Nothing above asks which it is.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/thread_pool.h"
#include "graph/lowering/lower.h"
#include "runtime/device.h"

namespace mien {

// Owned by the backend it was taken from; null: nothing.
using Memory = std::shared_ptr<void>;

// Rows of a window that go to its beginning before a step writes behind them; bytes.
struct RowMove {
  std::byte* window = nullptr;  // null: nothing moves
  int64_t planes = 0, plane = 0, from = 0, bytes = 0;
};

// One step with its final addresses.
struct StepCall {
  std::span<void* const> in, out;  // null: absent
  void *scratch = nullptr, *carry = nullptr;
  RowRange rows;
  RowMove move;
};

struct Backend {
  uint64_t alignment = 0;
  bool runs_in_bands = false;
  // Engines whose backends agree here share weights.
  const void* place = nullptr;
  int ordinal = 0;
  std::shared_ptr<void> state;  // the first argument of all functions

  Result<Executable> (*lower)(void* state, const Graph& graph, const CpuLowering& how) = nullptr;
  uint64_t (*scratch_bytes)(void* state, const Kernel& kernel) = nullptr;
  // Before all that follows; until then nothing is taken.
  Status (*open)(void* state, ThreadPool* threads) = nullptr;
  Status (*enter)(void* state) = nullptr;  // whatever thread calls
  // Where kernels work. `cleared`: zeroed where the host reads it.
  Result<Memory> (*allocate)(void* state, uint64_t bytes, bool cleared, const char* what) = nullptr;
  std::optional<size_t> (*free_bytes)(void* state) = nullptr;
  Status (*run)(void* state, const Kernel& kernel, const StepCall& call) = nullptr;
  Status (*synchronize)(void* state, const char* what) = nullptr;

  // Null where kernels work in memory of the host: nothing is staged then, and nothing copied.
  Result<Memory> (*allocate_staging)(void* state, uint64_t bytes, const char* what) = nullptr;
  Status (*upload)(void* state, void* to, const void* from, size_t bytes, const char* what) = nullptr;
  Status (*download)(void* state, void* to, const void* from, size_t bytes, const char* what) = nullptr;

  // Null where nothing can be captured: what `enqueue` puts into the queue of the backend, to be replayed.
  Result<Memory> (*capture)(void* state, const std::function<Status()>& enqueue) = nullptr;
  Status (*replay)(void* state, const Memory& captured) = nullptr;

  // Null where a step has ended when `run` returns. A mark in the queue, by its number from 0 on; and, after
  // synchronize, the milliseconds between two.
  Status (*mark)(void* state, size_t number) = nullptr;
  Result<double> (*between)(void* state, size_t first, size_t second) = nullptr;
};

Backend CpuBackend(int threads);
Backend DeviceBackend(const Device& device, Precision precision);
// Where the steps of a device's backend run, once it is open.
Stream StreamOf(const Backend& on_device);

}  // namespace mien
