// pixel_norm on the CPU: a row of 512 is too little to share or to vectorize by hand.
#include "kernels/pixel_norm/pixel_norm.h"

#include <cmath>

#include "kernels/cpu/sums.h"

namespace mien {

void PixelNorm::Cpu(const Params& params, const CpuCall& call) {
  const int64_t n = call.in[kX].shape[0], d = call.in[kX].shape[1];
  for (int64_t i = 0; i < n; ++i) {
    const float* x = call.in[kX].data + i * d;
    float* y = call.out[0].data + i * d;
    const double mean = SumOfSquares(x, d) / static_cast<double>(d);
    const float scale = static_cast<float>(1.0 / std::sqrt(mean + params.eps));
    for (int64_t k = 0; k < d; ++k) y[k] = x[k] * scale;
  }
}

}  // namespace mien
