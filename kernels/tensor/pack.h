// What Pack functions share.
#pragma once

#include <cmath>

#include "kernels/tensor/fast.h"

namespace mien {

// Bytes of a table of floats in front of packed elements: what follows is aligned.
constexpr uint64_t BiasBytes(int64_t floats) {
  return (static_cast<uint64_t>(floats) * sizeof(float) + 15) / 16 * 16;
}

// A batch norm in inference is one multiply-add per channel.
struct Affine {
  double scale = 1.0, shift = 0.0;
};

// norm: gamma, beta, mean and var; absent: nothing is changed, or by gamma and beta alone.
inline Affine NormOf(Inputs<float> norm, int64_t channel, double eps) {
  if (!norm[0].present()) return {};
  if (!norm[2].present()) return {norm[0].data[channel], norm[1].data[channel]};
  const double scale = norm[0].data[channel] / std::sqrt(norm[3].data[channel] + eps);
  return {scale, norm[1].data[channel] - norm[2].data[channel] * scale};
}

}  // namespace mien
