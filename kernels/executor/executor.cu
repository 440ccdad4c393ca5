#include "kernels/executor/executor.h"

#include "kernels/executor/ops.cuh"
#include "kernels/tensor/run.cuh"

namespace mien::MIEN_EXECUTOR {

const DeviceApi& TheDeviceApi();  // runtime_api.cu, or kernels/device/simt
Status RunWrapper(Wrapper wrapper, const WrapperCall& call);
Status RunCeiling(Ceiling ceiling, const CeilingCall& call);

#define MIEN_FAST_OP(name) \
  template <>              \
  Status RunFast<name>(const name::Params& params, const FastCall& call);
#include "kernels/tensor/ops.def"
#undef MIEN_FAST_OP

namespace {

uint64_t PlainScratchBytes(const PlainOp& plain) {
  return std::visit(
      [&](const auto& call) -> uint64_t {
        using Call = std::decay_t<decltype(call)>;
        if constexpr (std::is_same_v<Call, std::monostate>) {
          return 0;
        } else {
          return sizeof(float) * static_cast<uint64_t>(GpuScratchFloats<typename Call::Type>(call.params, plain.in));
        }
      },
      plain.op);
}

Status RunPlain(const PlainOp& plain, const FastCall& call) {
  View<const float> in[StackRows::kMaxRows + 1];  // stack_rows has the most operands
  for (size_t i = 0; i < plain.in.size(); ++i) in[i] = {static_cast<const float*>(call.in[i]), plain.in[i]};
  return std::visit(
      [&](const auto& op) -> Status {
        using Call = std::decay_t<decltype(op)>;
        if constexpr (std::is_same_v<Call, std::monostate>) {
          return {};
        } else {
          View<float> out[Call::Type::kOutputs];
          for (size_t i = 0; i < plain.out.size(); ++i) out[i] = {static_cast<float*>(call.out[i]), plain.out[i]};
          const GpuCall gpu = {{in, plain.in.size()}, out, static_cast<float*>(call.scratch), call.stream};
          return RunGpu<typename Call::Type>(op.params, gpu);
        }
      },
      plain.op);
}

uint64_t ScratchBytes(const FastOp& op) {
  return std::visit(
      [](const auto& call) -> uint64_t {
        using Call = std::decay_t<decltype(call)>;
        if constexpr (std::is_same_v<Call, std::monostate>) {
          return 0;
        } else if constexpr (std::is_same_v<Call, PlainOp>) {
          return PlainScratchBytes(call);
        } else {
          return Call::Type::ScratchBytes(call.params);
        }
      },
      op);
}

Status Run(const FastOp& op, std::span<void* const> in, std::span<void* const> out, void* scratch, Stream stream) {
  const FastCall fast_call = {in, out, scratch, stream};
  return std::visit(
      [&](const auto& call) -> Status {
        using Call = std::decay_t<decltype(call)>;
        if constexpr (std::is_same_v<Call, std::monostate>) {
          return {};
        } else if constexpr (std::is_same_v<Call, PlainOp>) {
          return RunPlain(call, fast_call);
        } else {
          return RunFast<typename Call::Type>(call.params, fast_call);
        }
      },
      op);
}

}  // namespace

const Executor& TheExecutor() {
  static const Executor executor = {&TheDeviceApi(), ScratchBytes, Run, RunWrapper, RunCeiling};
  return executor;
}

}  // namespace mien::MIEN_EXECUTOR
