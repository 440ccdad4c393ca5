// batch_norm on the CPU: bound by memory; the compiler vectorizes the loops.
#include "kernels/batch_norm/batch_norm.h"

#include <cmath>
#include <limits>

#include "kernels/cpu/spans.h"

namespace mien {

// Packed: mean, factor = gamma / sqrt(var + eps), beta, C floats each. The mean is taken off before the factor, so
// that a mean far from zero costs no digits.
int64_t BatchNorm::PackedFloats(const Params&, Shapes in) { return 3 * in[kGamma][0]; }

void BatchNorm::Pack(const Params& params, Inputs<float> in, float* packed) {
  const int64_t c = in[kGamma].shape[0];
  for (int64_t j = 0; j < c; ++j) {
    const double deviation = std::sqrt(static_cast<double>(in[kVar].data[j]) + params.eps);
    packed[j] = in[kMean].data[j];
    packed[c + j] = static_cast<float>(in[kGamma].data[j] / deviation);
    packed[2 * c + j] = in[kBeta].data[j];
  }
}

void BatchNorm::Cpu(const Params& params, const CpuCall& call) {
  const Shape& shape = call.in[kX].shape;
  const int64_t c = call.in[kGamma].shape[0];
  const float* mean = call.packed;
  const float* factor = mean + c;
  const float* beta = factor + c;
  const float floor = params.relu ? 0.0f : -std::numeric_limits<float>::infinity();
  // Channels are planes of [N,C,H,W], columns of everything else.
  const bool planes = shape.rank == 4;
  const int64_t length = planes ? shape[2] * shape[3] : c;
  ForSpans(call.threads, shape.elements() / length, length, [&](int64_t row, int64_t begin, int64_t end) {
    const float* __restrict x = call.in[kX].data + row * length;
    float* __restrict y = call.out[0].data + row * length;
    if (planes) {
      const float m = mean[row % c], f = factor[row % c], b = beta[row % c];
      for (int64_t i = begin; i < end; ++i) {
        const float t = (x[i] - m) * f + b;
        y[i] = t < floor ? floor : t;
      }
    } else {
      for (int64_t i = begin; i < end; ++i) {
        const float t = (x[i] - mean[i]) * factor[i] + beta[i];
        y[i] = t < floor ? floor : t;
      }
    }
  });
}

}  // namespace mien
