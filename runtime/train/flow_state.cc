#include "runtime/train/flow_state.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/checked.h"
#include "base/split_mix.h"
#include "graph/gradient/flow_training.h"
#include "kernels/cpu/sums.h"
#include "weights/mask_columns.h"
#include "weights/schema.h"

namespace mien {
namespace {

constexpr std::string_view kPrefix = "flow.";
constexpr uint64_t kAlignedFloats = 16;    // every tensor on a cache line
constexpr uint64_t kTaskFloats = 1 << 14;  // of sums and steps

bool EndsWith(const std::string& name, std::string_view end) { return name.ends_with(end); }

}  // namespace

Result<FlowState> FlowState::Create(const FlowConfig& config, bool conditional) {
  FlowState state;
  ModelConfig model;
  model.flow = config;
  uint64_t floats = 0;
  const auto add = [&](const std::string& name, const Shape& shape, bool index) {
    const bool running = EndsWith(name, ".running_mean") || EndsWith(name, ".running_var");
    state.by_name_[name] = state.tensors_.size();
    state.tensors_.push_back({name, shape, !index && !running, index, floats});
    floats = *CheckedAlignUp(floats + static_cast<uint64_t>(shape.elements()), kAlignedFloats);
  };
  for (const TensorSpec& spec : ExpectedTensors(model))
    add(spec.name.substr(kPrefix.size()), spec.shape, spec.is_index);
  if (conditional) {
    add(kBaseWeight, {2 * int64_t{config.features}, config.contexts}, false);
    add(kBaseBias, {2 * int64_t{config.features}}, false);
  }
  for (Buffer* buffer : {&state.values_, &state.gradients_, &state.first_, &state.second_}) {
    MIEN_ASSIGN(*buffer, Buffer::Create(floats * sizeof(float), "parameters, gradients and moments"));
  }
  return state;
}

void FlowState::Initialise(uint32_t seed) {
  uint64_t random = SplitMix(seed);
  const auto uniform = [&](const Tensor& tensor, double bound) {
    for (float& value : Values(tensor)) {
      random += kSplitMixStep;
      value = static_cast<float>((std::ldexp(static_cast<double>(SplitMix(random) >> 11), -52) - 1) * bound);
    }
  };
  int couplings = 0;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const Tensor& tensor = tensors_[i];
    const std::span<float> values = Values(tensor);
    if (tensor.index) {
      const bool even = EndsWith(tensor.name, ".identity_features") == (couplings % 2 == 0);
      for (size_t k = 0; k < values.size(); ++k) values[k] = static_cast<float>(2 * k + (even ? 0 : 1));
      couplings += EndsWith(tensor.name, ".transform_features");
    } else if (EndsWith(tensor.name, ".unconstrained_weight")) {
      std::ranges::fill(values, static_cast<float>(std::log(std::expm1(1 - 1e-5))));
    } else if (tensor.shape.rank == 2) {  // a linear layer, its bias behind it
      const bool last = EndsWith(tensor.name, ".linear_layers.1.weight");
      const double bound = last ? 1e-3 : 1 / std::sqrt(static_cast<double>(tensor.shape[1]));
      uniform(tensor, bound);
      uniform(tensors_[++i], bound);
    } else {
      std::ranges::fill(values, 0.0f);
    }
  }
}

Status FlowState::CheckMasks() const {
  for (size_t i = 0; i + 1 < tensors_.size(); ++i) {
    if (!tensors_[i].index) continue;
    MaskColumns both(tensors_[i].shape[0] + tensors_[i + 1].shape[0]);
    for (const Tensor* list : {&tensors_[i], &tensors_[i + 1]}) {
      for (const float column : Values(*list)) {
        const bool whole = std::fabs(column) <= 1e6f && column == std::floor(column);
        if (whole && both.Take(static_cast<int64_t>(column))) continue;
        return Status::Error(Code::kRefused, "%s: column %g is out of range or there twice", list->name.c_str(),
                             double{column});
      }
    }
    ++i;
  }
  return {};
}

const FlowState::Tensor* FlowState::Find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

// Ranges of floats that the trained tensors have, the same for any number of threads.
void FlowState::ForTrained(ThreadPool* threads, const std::function<void(uint64_t, uint64_t)>& body) const {
  for (const Tensor& tensor : tensors_) {
    if (!tensor.trained) continue;
    const auto count = static_cast<uint64_t>(tensor.shape.elements());
    threads->ParallelFor(static_cast<int>((count + kTaskFloats - 1) / kTaskFloats), [&](int task, int) {
      const uint64_t begin = static_cast<uint64_t>(task) * kTaskFloats;
      body(tensor.offset + begin, tensor.offset + std::min(count, begin + kTaskFloats));
    });
  }
}

double FlowState::ClipGradients(double most, ThreadPool* threads) {
  float* const gradients = gradients_.as<float>();
  double squares = 0;
  for (const Tensor& tensor : tensors_) {
    if (tensor.trained) squares += SumOfSquares(Gradient(tensor).data(), tensor.shape.elements());
  }
  const double norm = std::sqrt(squares);
  const auto factor = static_cast<float>(most / (norm + 1e-6));
  if (factor >= 1.0f) return norm;
  ForTrained(threads, [&](uint64_t begin, uint64_t end) {
    for (uint64_t i = begin; i < end; ++i) gradients[i] *= factor;
  });
  return norm;
}

void FlowState::StepAdam(const AdamOptions& options, ThreadPool* threads) {
  ++steps;
  const AdamStep step(options, steps);
  float *const values = values_.as<float>(), *const gradients = gradients_.as<float>();
  float *const first = first_.as<float>(), *const second = second_.as<float>();
  ForTrained(threads, [&](uint64_t begin, uint64_t end) {
    step.Take(end - begin, gradients + begin, values + begin, first + begin, second + begin);
  });
}

}  // namespace mien
