// One op as a step on the CPU, as PlainOp (kernels/tensor/ops.h) is one on a device. Its pointers: those of the op's
// inputs, null where an input is absent or read only packed, and behind them what Pack made.
#pragma once

#include <vector>

#include "kernels/ops.h"

namespace mien {

struct CpuOp {
  AnyCpuOp op;
  bool in_rows = false;            // computed a range of rows at a time
  std::vector<Shape> in, out;      // of operands and results
  std::vector<int64_t> planes;     // View::plane of operands, then of results; empty: no windows
};

uint64_t CpuScratchBytes(const CpuOp& cpu, int threads);
uint64_t CpuCarryBytes(const CpuOp& cpu);  // what is kept from one range of rows for the next
uint64_t CpuPackedBytes(const CpuOp& cpu);

// Null pointers: absent. `rows`: of the result, where it is computed in ranges.
void RunOnCpu(const CpuOp& cpu, std::span<void* const> in, std::span<void* const> out, void* scratch, void* carry,
              RowRange rows, ThreadPool* threads);

}  // namespace mien
