// A graph made ready to run: lowered for a backend, planned, a flat array of steps whose operands have their final
// addresses. Create plans the memory and checks the plan; Bind fixes the addresses; Run only computes, it neither
// allocates nor checks.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "graph/lowering/planner.h"
#include "runtime/profile.h"
#include "runtime/weight_store.h"

namespace mien {

// Where the floats of a parameter lie, by its name; aligned for the host.
using ParameterPlace = std::function<float*(const std::string& name)>;

class Program {
 public:
  // The backend outlives the program, and so does the profile, which is told of every run. Where the executable keeps
  // all values, a run computes only what depends on input that has changed.
  static Result<Program> Create(Graph graph, const CpuLowering& how, const Backend& backend,
                                Profile* profile = nullptr);

  const Graph& graph() const { return graph_; }
  const Executable& executable() const { return executable_; }
  const MemoryPlan& plan() const { return plan_; }
  const Backend& backend() const { return *backend_; }
  // Memory between the host and the backend, for inputs and outputs; 0: they lie in the arena.
  uint64_t staging_bytes() const;

  // `arena` has plan().arena_bytes bytes, `staging` staging_bytes(); both outlive the program. `weights`: by form of
  // the executable.
  void Bind(void* arena, void* staging, std::vector<WeightHandle> weights, ParameterPlace parameters = {});
  // From then on Run replays what was captured: copies of the inputs, all steps, copies of the outputs; the same bits.
  // Run has succeeded before, so that all kernels are loaded.
  Status Capture();

  // `numbers`: as many as the input has.
  void SetInput(int i, std::span<const float> numbers);
  std::span<float> input(int i) const { return inputs_[static_cast<size_t>(i)]; }
  std::span<const float> output(int i) const { return outputs_[static_cast<size_t>(i)]; }

  // kInterrupted when `stop` becomes true between steps, of what was captured before; null: never.
  Status Run(const std::atomic<bool>* stop);
  Status RunStep(size_t step) const;  // of the executable, on what the steps before it left; may run on behind the call
  // Steps of the last run, those left out not counted.
  size_t steps_run() const { return steps_run_; }

 private:
  struct BoundStep {
    const Kernel* kernel = nullptr;
    StepCall call;
    uint64_t parts = 0;  // of the input it depends on
  };
  static constexpr uint64_t kEverything = ~uint64_t{0}, kFirstRun = uint64_t{1} << Dependencies::kMostParts;

  const Executable::Call& CallOf(const Executable::Step& step) const {
    return executable_.calls[static_cast<size_t>(step.call)];
  }
  const Executable::Value& ValueOf(ValueId id) const { return executable_.values[static_cast<size_t>(id)]; }
  std::byte* AddressOf(ValueId id) const;
  void BindSteps();
  RowMove MoveBefore(ValueId id, RowRange held, const Executable::Step& step) const;
  Status Enqueue(uint64_t changed, const std::atomic<bool>* stop);
  Status RunProfiled(size_t step) const;
  Status ProfileDevice(Profile::Clock::time_point start) const;

  Graph graph_;
  Executable executable_;
  MemoryPlan plan_;
  const Backend* backend_ = nullptr;
  std::byte* arena_ = nullptr;
  ParameterPlace parameters_;
  std::vector<WeightHandle> weights_;  // by form
  std::vector<void*> pointers_;        // operands and results of all steps
  std::vector<BoundStep> steps_;
  std::vector<std::span<float>> inputs_, outputs_;
  Memory captured_;
  Profile* profile_ = nullptr;
  int first_label_ = 0;
  std::vector<size_t> sent_;        // steps of the last run, where a device is profiled
  uint64_t changed_ = kEverything;  // parts of the input since the last run
  size_t steps_run_ = 0;
};

}  // namespace mien
