// flow_norm on the CPU: everything that does not depend on x is packed.
#include "kernels/flow_norm/flow_norm.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/spans.h"

namespace mien {

// Packed: y = (x - subtracted) * factor + added for both directions, D floats each, then logabsdet of a row.
int64_t FlowNorm::PackedFloats(const Params&, Shapes in) { return 3 * in[kX][2] + 1; }

void FlowNorm::Pack(const Params& params, Inputs<float> in, float* packed) {
  const int64_t d = in[kX].shape[2];
  double logabsdet = 0.0;
  for (int64_t k = 0; k < d; ++k) {
    const double u = in[kUnconstrained].data[k];
    const double weight = std::max(u, 0.0) + std::log1p(std::exp(-std::abs(u))) + params.eps;  // softplus + eps
    const double deviation = std::sqrt(static_cast<double>(in[kVar].data[k]) + params.eps);
    const double factor = params.inverse ? deviation / weight : weight / deviation;
    packed[k] = in[params.inverse ? kBias : kMean].data[k];
    packed[d + k] = static_cast<float>(factor);
    packed[2 * d + k] = in[params.inverse ? kMean : kBias].data[k];
    logabsdet += std::log(factor);
  }
  packed[3 * d] = static_cast<float>(logabsdet);
}

void FlowNorm::Cpu(const Params&, const CpuCall& call) {
  const Shape& shape = call.in[kX].shape;
  const int64_t d = shape[2], rows = shape[0] * shape[1];
  const float* subtracted = call.packed;
  const float* factor = subtracted + d;
  const float* added = factor + d;
  ForSpans(call.threads, rows, d, [&](int64_t row, int64_t begin, int64_t end) {
    const float* __restrict x = call.in[kX].data + row * d;
    float* __restrict y = call.out[0].data + row * d;
    for (int64_t k = begin; k < end; ++k) y[k] = (x[k] - subtracted[k]) * factor[k] + added[k];
  });
  std::fill_n(call.out[1].data, rows, added[d]);
}

}  // namespace mien
