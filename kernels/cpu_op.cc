#include "kernels/cpu_op.h"

namespace mien {
namespace {

constexpr size_t kMostOperands = StackRows::kMaxRows + 1, kMostResults = 4;

uint64_t BytesOf(int64_t floats) { return sizeof(float) * static_cast<uint64_t>(floats); }

}  // namespace

uint64_t CpuScratchBytes(const CpuOp& cpu, int threads) {
  return BytesOf((cpu.in_rows ? OpRangeScratchFloats : OpScratchFloats)(cpu.op, cpu.in, threads));
}

uint64_t CpuCarryBytes(const CpuOp& cpu) { return cpu.in_rows ? BytesOf(OpCarryFloats(cpu.op, cpu.in)) : 0; }

uint64_t CpuPackedBytes(const CpuOp& cpu) { return BytesOf(OpPackedFloats(cpu.op, cpu.in)); }

void RunOnCpu(const CpuOp& cpu, std::span<void* const> in, std::span<void* const> out, void* scratch, void* carry,
              RowRange rows, ThreadPool* threads) {
  View<const float> operands[kMostOperands];
  View<float> results[kMostResults];
  const size_t count = cpu.in.size();
  const auto plane = [&](size_t i) { return cpu.planes.empty() ? 0 : cpu.planes[i]; };
  for (size_t i = 0; i < count; ++i) operands[i] = {static_cast<const float*>(in[i]), cpu.in[i], plane(i)};
  for (size_t i = 0; i < out.size(); ++i) results[i] = {static_cast<float*>(out[i]), cpu.out[i], plane(count + i)};
  CpuCall call = {{operands, count}, {results, out.size()}, static_cast<const float*>(in[count]),
                  static_cast<float*>(scratch), threads};
  if (cpu.in_rows) {
    call.rows = rows;
    call.carry = static_cast<float*>(carry);
  }
  OpCpu(cpu.op, call);
}

}  // namespace mien
