// Adam (arXiv:1412.6980), with torch's numbers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mien {

struct AdamOptions {
  double learning_rate = 1e-3, weight_decay = 5e-5;  // the decay is added to the gradient
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
};

// What a step needs besides the numbers, from its options and how many steps it is the last of.
class AdamStep {
 public:
  AdamStep(const AdamOptions& options, int64_t steps);
  void Take(size_t count, const float* gradients, float* values, float* first, float* second) const;

 private:
  float step_, root_, decay_, eps_, beta1_, beta2_, rest1_, rest2_;
};

}  // namespace mien
