#include "runtime/check/op_call.h"

namespace mien {

Errors Compare(const std::vector<float>& found, const std::vector<double>& exact) {
  double largest = 0.0, error = 0.0, squares = 0.0;
  for (size_t i = 0; i < exact.size(); ++i) {
    if (!std::isfinite(found[i])) return {INFINITY, INFINITY};
    const double difference = found[i] - exact[i];
    largest = std::max(largest, std::fabs(difference));
    error += difference * difference;
    squares += exact[i] * exact[i];
  }
  const auto count = static_cast<double>(exact.size());
  const double rms = std::max(std::sqrt(squares / count), 1e-30);
  return {largest / rms, std::sqrt(error / count) / rms};
}

Status RunOnDevice(Graph one, const Device& device, void* stream, Precision precision, const Arrays& in, Arrays* out) {
  const DeviceApi& api = device.api();
  MIEN_ASSIGN(DeviceProgram program, DeviceProgram::Create(std::move(one), precision, *device.executor));
  DeviceWeights weights([&](const std::string& operand, std::span<float> floats) {
    const std::vector<float>& values = in[static_cast<size_t>(std::stoi(operand))];
    std::copy(values.begin(), values.end(), floats.begin());
    return Status();
  });
  uint64_t largest = 0;
  for (const DeviceValue& value : program.device_graph().values) largest = std::max(largest, value.bytes);
  MIEN_ASSIGN(const DeviceHandle packing, AllocatePinned(api, largest, "pinned memory of weights"));
  MIEN_ASSIGN(const DeviceHandle staging, AllocatePinned(api, program.staging_bytes(), "pinned memory"));
  MIEN_ASSIGN(const DeviceHandle arena, AllocateOnDevice(api, program.plan().arena_bytes, "activations"));
  MIEN_TRY(program.Load(device, &weights, packing.get(), stream));
  program.Bind(device, stream, arena.get(), staging.get());
  const Graph& graph = program.graph();
  for (size_t k = 0; k < graph.inputs.size(); ++k) {
    const auto operand = static_cast<size_t>(std::stoi(graph.values[static_cast<size_t>(graph.inputs[k])].name));
    std::copy(in[operand].begin(), in[operand].end(), program.input(static_cast<int>(k)).begin());
  }
  MIEN_TRY(program.Run());
  MIEN_TRY(program.Capture());
  MIEN_TRY(program.Run());
  for (size_t k = 0; k < out->size(); ++k) {
    const auto found = program.output(static_cast<int>(k));
    (*out)[k].assign(found.begin(), found.end());
  }
  return {};
}

}  // namespace mien
