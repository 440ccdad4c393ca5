// l2_normalize on the CPU: plain loops, one embedding per picture.
#include "kernels/l2_normalize/l2_normalize.h"

#include <cmath>

#include "kernels/cpu/sums.h"

namespace mien {

void L2Normalize::Cpu(const Params&, const CpuCall& call) {
  const int64_t n = call.in[kX].shape[0], d = call.in[kX].shape[1];
  for (int64_t i = 0; i < n; ++i) {
    const float* x = call.in[kX].data + i * d;
    float* y = call.out[0].data + i * d;
    const double squares = SumOfSquares(x, d);
    const double scale = squares == 0 ? 0.0 : 1.0 / std::sqrt(squares);
    for (int64_t k = 0; k < d; ++k) y[k] = static_cast<float>(x[k] * scale);
  }
}

}  // namespace mien
