#include "runtime/train/adam.h"

#include <cmath>

namespace mien {

AdamStep::AdamStep(const AdamOptions& options, int64_t steps)
    : step_(static_cast<float>(options.learning_rate / (1 - std::pow(options.beta1, static_cast<double>(steps))))),
      root_(static_cast<float>(std::sqrt(1 - std::pow(options.beta2, static_cast<double>(steps))))),
      decay_(static_cast<float>(options.weight_decay)),
      eps_(static_cast<float>(options.eps)),
      beta1_(static_cast<float>(options.beta1)),
      beta2_(static_cast<float>(options.beta2)),
      rest1_(static_cast<float>(1 - options.beta1)),
      rest2_(static_cast<float>(1 - options.beta2)) {}

void AdamStep::Take(size_t count, const float* gradients, float* values, float* first, float* second) const {
  for (size_t i = 0; i < count; ++i) {
    const float gradient = gradients[i] + decay_ * values[i];
    first[i] = first[i] * beta1_ + gradient * rest1_;
    second[i] = second[i] * beta2_ + gradient * gradient * rest2_;
    values[i] -= step_ * (first[i] / (std::sqrt(second[i]) / root_ + eps_));
  }
}

}  // namespace mien
