// A graph made ready to run on a device: lowered, planned, its steps with their final addresses, captured as one graph of
// the device. Inputs and outputs pass through pinned memory; their copies are part of what is captured.
#pragma once

#include <vector>

#include "graph/lowering/lowering.h"
#include "graph/planner.h"
#include "runtime/device_weights.h"

namespace mien {

class DeviceProgram {
 public:
  static Result<DeviceProgram> Create(Graph graph, Precision precision, const Executor& executor);

  const Graph& graph() const { return graph_; }
  const DeviceGraph& device_graph() const { return device_graph_; }
  const MemoryPlan& plan() const { return plan_; }
  uint64_t staging_bytes() const;  // pinned memory for inputs and outputs

  // Takes the weights; `staging` is pinned and has room for the largest.
  Status Load(const Device& device, DeviceWeights* weights, void* staging, void* stream);
  // `arena` has plan().arena_bytes bytes on the device, `staging` staging_bytes() of pinned memory. Both and the stream
  // outlive the program.
  void Bind(const Device& device, void* stream, void* arena, void* staging);
  // From then on Run replays one graph of the device. Run has succeeded before, so that all kernels are loaded.
  Status Capture();

  std::span<float> input(int i) const { return inputs_[static_cast<size_t>(i)]; }
  std::span<const float> output(int i) const { return outputs_[static_cast<size_t>(i)]; }
  // Copies the inputs, runs all steps, copies the outputs and waits for the end. The bits are those of the steps, whether
  // captured or not.
  Status Run() const;
  // Puts the kernels of one step into the stream.
  Status Enqueue(size_t step) const;
  const Stream& stream() const { return stream_; }

 private:
  struct Step {
    const FastOp* op = nullptr;
    std::span<void* const> in, out;
    void* scratch = nullptr;
  };
  uint64_t BytesOf(ValueId value) const { return device_graph_.values[static_cast<size_t>(value)].bytes; }
  void* AddressOf(ValueId value) const;
  void BindSteps();
  Status EnqueueAll() const;

  Graph graph_;
  DeviceGraph device_graph_;
  MemoryPlan plan_;
  const Executor* executor_ = nullptr;
  Stream stream_;
  int ordinal_ = 0;
  std::byte* arena_ = nullptr;
  std::vector<DeviceWeightHandle> weights_;  // by value
  std::vector<void*> pointers_;              // operands and results of all steps
  std::vector<Step> steps_;
  std::vector<std::span<float>> inputs_, outputs_;
  DeviceHandle captured_;
};

}  // namespace mien
