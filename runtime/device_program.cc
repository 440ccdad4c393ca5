#include "runtime/device_program.h"

#include <utility>

#include "base/checked.h"

namespace mien {
namespace {

// Inputs and outputs start at cache lines of the host.
uint64_t Padded(uint64_t bytes) { return *CheckedAlignUp(bytes, kHostAlignment); }

}  // namespace

Result<DeviceProgram> DeviceProgram::Create(Graph graph, Precision precision, const Executor& executor) {
  DeviceProgram program;
  program.graph_ = std::move(graph);
  program.executor_ = &executor;
  MIEN_ASSIGN(program.device_graph_, Lower(program.graph_, precision));
  MIEN_ASSIGN(program.plan_, PlanMemory(program.device_graph_, executor));
  MIEN_TRY(CheckPlan(program.device_graph_, executor, program.plan_));
  program.weights_.resize(program.device_graph_.values.size());
  return program;
}

uint64_t DeviceProgram::staging_bytes() const {
  uint64_t total = 0;
  for (const ValueId id : device_graph_.inputs) total += Padded(BytesOf(id));
  for (const NamedValue& output : device_graph_.outputs) total += Padded(BytesOf(output.value));
  return total;
}

Status DeviceProgram::Load(const Device& device, DeviceWeights* weights, void* staging, void* stream) {
  for (size_t v = 0; v < weights_.size(); ++v) {
    const DeviceValue& value = device_graph_.values[v];
    if (value.kind != Value::Kind::kWeight) continue;
    MIEN_ASSIGN(weights_[v], weights->Get(device, value, staging, stream));
  }
  return {};
}

void* DeviceProgram::AddressOf(ValueId id) const {
  if (id == kAbsent) return nullptr;
  const auto v = static_cast<size_t>(id);
  const bool weight = device_graph_.values[v].kind == Value::Kind::kWeight;
  return weight ? weights_[v].get() : arena_ + plan_.values[v].offset;
}

void DeviceProgram::Bind(const Device& device, void* stream, void* arena, void* staging) {
  stream_ = {&device.api(), stream};
  ordinal_ = device.ordinal;
  arena_ = static_cast<std::byte*>(arena);
  auto* place = static_cast<std::byte*>(staging);
  const auto take = [&](ValueId id) {
    const std::span<float> span = {reinterpret_cast<float*>(place), BytesOf(id) / sizeof(float)};
    place += Padded(BytesOf(id));
    return span;
  };
  for (const ValueId id : device_graph_.inputs) inputs_.push_back(take(id));
  for (const NamedValue& output : device_graph_.outputs) outputs_.push_back(take(output.value));
  BindSteps();
}

void DeviceProgram::BindSteps() {
  size_t count = 0;
  for (const DeviceNode& node : device_graph_.nodes) count += node.in.size() + node.out.size();
  pointers_.reserve(count);  // the spans below stay valid
  const auto take = [&](const std::vector<ValueId>& ids) {
    const size_t first = pointers_.size();
    for (const ValueId id : ids) pointers_.push_back(AddressOf(id));
    return std::span<void* const>(pointers_.data() + first, ids.size());
  };
  for (size_t n = 0; n < device_graph_.nodes.size(); ++n) {
    const DeviceNode& node = device_graph_.nodes[n];
    Step step;
    step.op = &node.op;
    step.in = take(node.in);
    step.out = take(node.out);
    if (plan_.scratch[n].bytes > 0) step.scratch = arena_ + plan_.scratch[n].offset;
    steps_.push_back(step);
  }
}

Status DeviceProgram::Enqueue(size_t n) const {
  const Step& step = steps_[n];
  const Status status = executor_->run(*step.op, step.in, step.out, step.scratch, stream_);
  return status.ok() ? status : status.Within("%s", device_graph_.nodes[n].layer.c_str());
}

Status DeviceProgram::EnqueueAll() const {
  const DeviceApi& api = *stream_.api;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    MIEN_TRY(DeviceStatus(api, api.upload(AddressOf(device_graph_.inputs[i]), inputs_[i].data(),
                                          inputs_[i].size_bytes(), stream_.handle), "uploading inputs"));
  }
  for (size_t n = 0; n < steps_.size(); ++n) MIEN_TRY(Enqueue(n));
  for (size_t i = 0; i < outputs_.size(); ++i) {
    MIEN_TRY(DeviceStatus(api, api.download(outputs_[i].data(), AddressOf(device_graph_.outputs[i].value),
                                            outputs_[i].size_bytes(), stream_.handle), "downloading outputs"));
  }
  return {};
}

Status DeviceProgram::Capture() {
  const DeviceApi& api = *stream_.api;
  MIEN_TRY(DeviceStatus(api, api.begin_capture(stream_.handle), "beginning to capture"));
  const Status enqueued = EnqueueAll();
  void *graph = nullptr, *executable = nullptr;
  const int ended = api.end_capture(stream_.handle, &graph);  // also after a failure: the stream must leave the capture
  const DeviceHandle owned(graph, {api.destroy_graph});
  MIEN_TRY(enqueued);
  MIEN_TRY(DeviceStatus(api, ended, "capturing"));
  MIEN_TRY(DeviceStatus(api, api.instantiate(&executable, graph), "instantiating what was captured"));
  captured_ = DeviceHandle(executable, {api.destroy_executable});
  return {};
}

Status DeviceProgram::Run() const {
  const DeviceApi& api = *stream_.api;
  MIEN_TRY(DeviceStatus(api, api.select(ordinal_), "selecting the device"));  // whatever thread calls
  if (captured_ == nullptr) {
    MIEN_TRY(EnqueueAll());
  } else {
    MIEN_TRY(DeviceStatus(api, api.run_graph(captured_.get(), stream_.handle), "running"));
  }
  return DeviceStatus(api, api.synchronize(stream_.handle), "running");
}

}  // namespace mien
