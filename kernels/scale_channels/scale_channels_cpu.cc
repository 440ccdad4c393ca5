// scale_channels on the CPU: bound by memory; the compiler vectorizes the loop.
#include "kernels/scale_channels/scale_channels.h"

#include "kernels/cpu/spans.h"

namespace mien {

void ScaleChannels::Cpu(const Params&, const CpuCall& call) {
  const Shape& shape = call.in[kX].shape;
  const int64_t plane = shape[2] * shape[3];
  ForSpans(call.threads, shape[0] * shape[1], plane, [&](int64_t row, int64_t begin, int64_t end) {
    const float* __restrict x = call.in[kX].data + row * plane;
    float* __restrict y = call.out[0].data + row * plane;
    const float e = call.in[kE].data[row];
    for (int64_t i = begin; i < end; ++i) y[i] = x[i] * e;
  });
}

}  // namespace mien
