#include "runtime/check/op_call.h"

namespace mien {

Status RunOnDevice(Graph one, const Device& device, Precision precision, const Arrays& in, Arrays* out) {
  const Backend on_device = DeviceBackend(device, precision);
  void* const state = on_device.state.get();
  MIEN_TRY(on_device.open(state, nullptr));
  MIEN_ASSIGN(Program program, Program::Create(std::move(one), {}, on_device));
  WeightStore store({}, [&](const std::string& operand, std::span<float> floats) {
    const std::vector<float>& values = in[static_cast<size_t>(std::stoi(operand))];
    std::copy(values.begin(), values.end(), floats.begin());
    return Status();
  });
  MIEN_ASSIGN(const Memory staging, on_device.allocate_staging(state, program.staging_bytes(), "pinned memory"));
  MIEN_ASSIGN(const Memory arena, on_device.allocate(state, program.plan().arena_bytes, true, "activations"));
  MIEN_ASSIGN(auto weights, store.Get(on_device, program.executable().forms, [] { return Status(); }, {}));
  program.Bind(arena.get(), staging.get(), std::move(weights));
  const Graph& graph = program.graph();
  for (size_t k = 0; k < graph.inputs.size(); ++k) {
    const auto operand = static_cast<size_t>(std::stoi(graph.values[static_cast<size_t>(graph.inputs[k])].name));
    program.SetInput(static_cast<int>(k), in[operand]);
  }
  MIEN_TRY(program.Run(nullptr));
  MIEN_TRY(program.Capture());
  MIEN_TRY(program.Run(nullptr));
  for (size_t k = 0; k < out->size(); ++k) {
    const auto found = program.output(static_cast<int>(k));
    (*out)[k].assign(found.begin(), found.end());
  }
  return {};
}

}  // namespace mien
