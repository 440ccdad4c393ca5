// A graph made ready to run on the CPU: a flat array of steps whose operands have their final addresses.
// Create plans the memory and checks the plan; Bind fixes the addresses; Run only computes, it neither
// allocates nor checks.
#pragma once

#include <atomic>
#include <vector>

#include "graph/dependencies.h"
#include "graph/graph.h"
#include "graph/planner.h"
#include "base/thread_pool.h"
#include "runtime/weight_store.h"

namespace mien {

class Program {
 public:
  // Where the schedule keeps all values, a run computes only what depends on input that has changed.
  static Result<Program> Create(Graph graph, Schedule schedule, int threads);

  const Graph& graph() const { return graph_; }
  const Schedule& schedule() const { return schedule_; }
  const MemoryPlan& plan() const { return plan_; }
  // Every form of a weight the steps need, in the order in which Bind takes the handles; may repeat.
  const std::vector<WeightUse>& weight_uses() const { return uses_; }

  // `arena` has plan().arena_bytes bytes; arena and weights outlive the program.
  void Bind(std::byte* arena, const std::vector<WeightHandle>& weights);

  // `numbers`: as many as the input has.
  void SetInput(int i, std::span<const float> numbers);
  std::span<float> input(int i) const { return inputs_[i]; }
  std::span<const float> output(int i) const { return outputs_[i]; }

  // kInterrupted when `stop` becomes true between steps; null: never.
  Status Run(ThreadPool* threads, const std::atomic<bool>* stop);
  void RunStep(size_t step, ThreadPool* threads) const;  // of the schedule, on what the steps before it left
  // Steps of the last run, those left out not counted.
  size_t steps_run() const { return steps_run_; }

 private:
  // Rows of a window that go to its beginning before a step writes behind them.
  struct Move {
    float* window = nullptr;  // null: nothing moves
    int64_t planes = 0, plane = 0, from = 0, floats = 0;
  };
  struct BoundStep {
    const AnyOp* op = nullptr;
    std::span<const View<const float>> in;
    std::span<const View<float>> out;
    const float* packed = nullptr;
    float *scratch = nullptr, *carry = nullptr;
    RowRange rows;
    Move move;
    uint64_t parts = 0;  // of the input it depends on
  };
  static constexpr uint64_t kEverything = ~uint64_t{0}, kFirstRun = uint64_t{1} << Dependencies::kMostParts;

  void CollectWeights();
  void FindParts();
  float* AddressOf(ValueId value, std::byte* arena, const std::vector<WeightHandle>& weights) const;
  static void MoveRows(const Move& move, ThreadPool* threads);

  Graph graph_;
  Schedule schedule_;
  MemoryPlan plan_;
  std::vector<InputPart> parts_;
  std::vector<uint64_t> moment_parts_;  // parts of the input that a moment's nodes depend on
  std::vector<WeightUse> uses_;
  std::vector<int> packed_use_;  // per node: index into uses_, -1: none
  std::vector<int> plain_use_;   // per value: index into uses_, -1: not read plain

  std::vector<View<const float>> in_views_;
  std::vector<View<float>> out_views_;
  std::vector<BoundStep> steps_;
  std::vector<std::span<float>> inputs_;
  std::vector<std::span<const float>> outputs_;
  uint64_t changed_ = kEverything;  // parts of the input since the last run
  size_t steps_run_ = 0;
};

}  // namespace mien
