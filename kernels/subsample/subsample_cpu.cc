// subsample on the CPU: strided copies.
#include "kernels/subsample/subsample.h"

#include "kernels/cpu/spans.h"

namespace mien {

void Subsample::Cpu(const Params& params, const CpuCall& call) {
  const Shape& in = call.in[kX].shape;
  const Shape& out = call.out[0].shape;
  const int64_t stride = params.stride;
  ForSpans(call.threads, out[0] * out[1] * out[2], out[3], [&](int64_t row, int64_t begin, int64_t end) {
    const int64_t plane = row / out[2], line = row % out[2];
    const float* x = call.in[kX].data + (plane * in[2] + line * stride) * in[3];
    float* y = call.out[0].data + row * out[3];
    for (int64_t j = begin; j < end; ++j) y[j] = x[j * stride];
  });
}

}  // namespace mien
