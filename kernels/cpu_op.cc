#include "kernels/cpu_op.h"

namespace mien {
namespace {

// Most ops have few operands: views that nobody needs would be cleared for them at every step.
constexpr size_t kFewOperands = 12, kMostOperands = StackRows::kMaxRows + 1, kMostResults = 4;

uint64_t BytesOf(int64_t floats) { return sizeof(float) * static_cast<uint64_t>(floats); }

template <size_t kOperands>
void Run(const CpuOp& cpu, std::span<void* const> in, std::span<void* const> out, CpuCall call) {
  View<const float> operands[kOperands];
  View<float> results[kMostResults];
  const size_t count = cpu.in.size();
  const auto plane = [&](size_t i) { return cpu.planes.empty() ? 0 : cpu.planes[i]; };
  for (size_t i = 0; i < count; ++i) operands[i] = {static_cast<const float*>(in[i]), cpu.in[i], plane(i)};
  for (size_t i = 0; i < out.size(); ++i) results[i] = {static_cast<float*>(out[i]), cpu.out[i], plane(count + i)};
  call.in = {operands, count};
  call.out = {results, out.size()};
  call.packed = static_cast<const float*>(in[count]);
  OpCpu(cpu.op, call);
}

}  // namespace

uint64_t CpuScratchBytes(const CpuOp& cpu, int threads) {
  return BytesOf((cpu.in_rows ? OpRangeScratchFloats : OpScratchFloats)(cpu.op, cpu.in, threads));
}

uint64_t CpuCarryBytes(const CpuOp& cpu) { return cpu.in_rows ? BytesOf(OpCarryFloats(cpu.op, cpu.in)) : 0; }

uint64_t CpuPackedBytes(const CpuOp& cpu) { return BytesOf(OpPackedFloats(cpu.op, cpu.in)); }

void RunOnCpu(const CpuOp& cpu, std::span<void* const> in, std::span<void* const> out, void* scratch, void* carry,
              RowRange rows, ThreadPool* threads) {
  CpuCall call;
  call.scratch = static_cast<float*>(scratch);
  call.threads = threads;
  if (cpu.in_rows) {
    call.rows = rows;
    call.carry = static_cast<float*>(carry);
  }
  (cpu.in.size() <= kFewOperands ? Run<kFewOperands> : Run<kMostOperands>)(cpu, in, out, call);
}

}  // namespace mien
