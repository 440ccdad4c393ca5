#include <algorithm>
#include <cstring>

#include "base/buffer.h"
#include "runtime/backend.h"

namespace mien {
namespace {

struct Cpu {
  int count;
  ThreadPool* threads = nullptr;
};

Cpu& Of(void* state) { return *static_cast<Cpu*>(state); }

Result<Memory> Allocate(void*, uint64_t bytes, bool cleared, const char* what) {
  MIEN_ASSIGN(Buffer buffer, cleared ? Buffer::Create(bytes, what) : Buffer::Uninitialised(bytes, what));
  const auto owner = std::make_shared<const Buffer>(std::move(buffer));
  return Memory(owner, owner->data());
}

void MoveRows(const RowMove& move, ThreadPool* threads) {
  constexpr int64_t kTaskPlanes = 8;
  threads->ParallelFor(static_cast<int>((move.planes + kTaskPlanes - 1) / kTaskPlanes), [&](int task, int) {
    for (int64_t p = task * kTaskPlanes; p < std::min(move.planes, (task + 1) * kTaskPlanes); ++p) {
      std::byte* const plane = move.window + p * move.plane;
      std::memmove(plane, plane + move.from, static_cast<size_t>(move.bytes));
    }
  });
}

Status Run(void* state, const Kernel& kernel, const StepCall& call) {
  ThreadPool* const threads = Of(state).threads;
  if (call.move.window != nullptr) MoveRows(call.move, threads);
  RunOnCpu(std::get<CpuOp>(kernel), call.in, call.out, call.scratch, call.carry, call.rows, threads);
  return {};
}

}  // namespace

Backend CpuBackend(int threads) {
  Backend backend;
  backend.alignment = kHostAlignment;
  backend.runs_in_bands = true;
  backend.state = std::make_shared<Cpu>(Cpu{threads});
  backend.lower = [](void*, const Graph& graph, const CpuLowering& how) { return LowerForCpu(graph, how); };
  backend.scratch_bytes = [](void* state, const Kernel& kernel) {
    return CpuScratchBytes(std::get<CpuOp>(kernel), Of(state).count);
  };
  backend.open = [](void* state, ThreadPool* pool) {
    Of(state).threads = pool;
    return Status();
  };
  backend.enter = [](void*) { return Status(); };
  backend.allocate = Allocate;
  backend.free_bytes = [](void*) { return std::optional<size_t>(); };
  backend.run = Run;
  backend.synchronize = [](void*, const char*) { return Status(); };
  return backend;
}

}  // namespace mien
