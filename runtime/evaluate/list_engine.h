// Networks of one model on lists of any length: whole batches together, what is left over one by one. The bits are
// those of every batch size.
#pragma once

#include <memory>
#include <vector>

#include "runtime/engine.h"

namespace mien {

class ListEngine {
 public:
  // Errors are those of the engine; `run.max_memory` counts both batch sizes.
  static Result<ListEngine> Create(const std::shared_ptr<WeightStore>& weights, const RunOptions& run,
                                   const std::vector<NetworkOptions>& networks, int batch);

  // Inputs and outputs of `count` samples, each after the other; an empty output is not wanted.
  Status Run(int network, size_t count, std::span<const std::span<const float>> inputs,
             std::span<const std::span<float>> outputs);

  const Engine& engine() const { return *one_; }
  int batch() const { return batch_; }
  uint64_t multiply_adds(int network) const;  // of one sample
  uint64_t bytes() const;
  // What is left of max_memory.
  RunOptions Beside(const RunOptions& run) const;

 private:
  int batch_ = 1;
  std::unique_ptr<Engine> one_, many_;  // many_: null where a batch is one
};

}  // namespace mien
