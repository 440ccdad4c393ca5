// All kernels of a build behind a few functions: what a device program calls, and what selftest and bench ask of a
// device.
#pragma once

#include "kernels/device/device_api.h"
#include "kernels/executor/ceilings.h"
#include "kernels/executor/instruction_probes.h"
#include "kernels/tensor/ops.h"

namespace mien {

// An executor: a device and the kernels compiled for it. kernels/executor/executor.cu defines mien::cuda::TheExecutor()
// and, for the host runner, mien::simt::TheExecutor().
struct Executor {
  const DeviceApi* api;
  uint64_t (*scratch_bytes)(const FastOp& op);
  // Puts the op's kernels into the stream. Pointers by operand and result; null: absent.
  Status (*run)(const FastOp& op, std::span<void* const> in, std::span<void* const> out, void* scratch, Stream stream);
  Status (*run_wrapper)(Wrapper wrapper, const WrapperCall& call);
  Status (*run_ceiling)(Ceiling ceiling, const CeilingCall& call);
};

namespace cuda {
const Executor& TheExecutor();
}
namespace simt {
const Executor& TheExecutor();
}

}  // namespace mien
