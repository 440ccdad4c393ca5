// What training changes: every tensor of a flow as plain floats in one block of memory, beside them what Adam keeps of
// each (arXiv:1412.6980), and the step that changes them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/tensor.h"
#include "base/thread_pool.h"
#include "runtime/train/adam.h"
#include "weights/config.h"

namespace mien {

class FlowState {
 public:
  struct Tensor {
    std::string name;  // as in a checkpoint, without "flow."
    Shape shape;
    bool trained = false, index = false;
    uint64_t offset = 0;  // floats
  };

  // Zeros. The tensors of the flow in their order in a model file, then those of the conditional base.
  static Result<FlowState> Create(const FlowConfig& config, bool conditional);
  // As the public code begins: masks that take turns; linear layers uniform within 1/sqrt(inputs), the last one of a
  // residual block within 1e-3; norms that change nothing, with running statistics of zero.
  void Initialise(uint32_t seed);

  // kRefused: the masks of a coupling do not name every column once. For values that come from a file.
  Status CheckMasks() const;

  const std::vector<Tensor>& tensors() const { return tensors_; }
  const Tensor* Find(const std::string& name) const;  // null: not there
  std::span<float> Values(const Tensor& tensor) const { return Of(values_, tensor); }
  std::span<float> Gradient(const Tensor& tensor) const { return Of(gradients_, tensor); }
  std::span<float> FirstMoment(const Tensor& tensor) const { return Of(first_, tensor); }
  std::span<float> SecondMoment(const Tensor& tensor) const { return Of(second_, tensor); }

  int64_t steps = 0;  // taken by Adam
  // The L2 norm of all gradients together; they are scaled to a norm of `most` where it is larger (the factor is
  // most / (norm + 1e-6), as torch's clip_grad_norm_ has it).
  double ClipGradients(double most, ThreadPool* threads);
  void StepAdam(const AdamOptions& options, ThreadPool* threads);

 private:
  std::span<float> Of(const Buffer& buffer, const Tensor& tensor) const {
    return {buffer.as<float>() + tensor.offset, static_cast<size_t>(tensor.shape.elements())};
  }
  void ForTrained(ThreadPool* threads, const std::function<void(uint64_t begin, uint64_t end)>& body) const;

  std::vector<Tensor> tensors_;
  std::map<std::string, size_t> by_name_;
  Buffer values_, gradients_, first_, second_;
};

}  // namespace mien
