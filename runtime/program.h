// A graph made ready to run on the CPU: a flat array of steps whose operands have their final addresses.
// Create plans the memory and checks the plan; Bind fixes the addresses; Run only computes, it neither
// allocates nor checks.
#pragma once

#include <atomic>
#include <vector>

#include "graph/graph.h"
#include "graph/planner.h"
#include "runtime/base/thread_pool.h"
#include "runtime/weight_store.h"

namespace mien {

class Program {
 public:
  static Result<Program> Create(Graph graph, int threads);

  const Graph& graph() const { return graph_; }
  const MemoryPlan& plan() const { return plan_; }
  // Every form of a weight the steps need, in the order in which Bind takes the handles; may repeat.
  const std::vector<WeightUse>& weight_uses() const { return uses_; }

  // `arena` has plan().arena_bytes bytes; arena and weights outlive the program.
  void Bind(std::byte* arena, const std::vector<WeightHandle>& weights);

  std::span<float> input(int i) const { return inputs_[i]; }
  std::span<const float> output(int i) const { return outputs_[i]; }

  // kInterrupted when `stop` becomes true between steps; null: never.
  Status Run(ThreadPool* threads, const std::atomic<bool>* stop) const;
  void RunStep(size_t node, ThreadPool* threads) const;  // one of them, on what the steps before it left

 private:
  struct Step {
    const AnyOp* op = nullptr;
    std::span<const View<const float>> in;
    std::span<const View<float>> out;
    const float* packed = nullptr;
    float* scratch = nullptr;
  };
  void CollectWeights();
  float* AddressOf(ValueId value, std::byte* arena, const std::vector<WeightHandle>& weights) const;

  Graph graph_;
  MemoryPlan plan_;
  std::vector<WeightUse> uses_;
  std::vector<int> packed_use_;  // per node: index into uses_, -1: none
  std::vector<int> plain_use_;   // per value: index into uses_, -1: not read plain

  std::vector<View<const float>> in_views_;
  std::vector<View<float>> out_views_;
  std::vector<Step> steps_;
  std::vector<std::span<float>> inputs_;
  std::vector<std::span<const float>> outputs_;
};

}  // namespace mien
