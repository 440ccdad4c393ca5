// add on the CPU: bound by memory; the compiler vectorizes the loop.
#include "kernels/add/add.h"

#include "kernels/cpu/spans.h"

namespace mien {

void Add::Cpu(const Params&, const CpuCall& call) {
  const int64_t sample = call.in[kB].shape.elements();
  const int64_t samples = call.in[kA].shape.elements() / sample;
  ForSpans(call.threads, samples, sample, [&](int64_t row, int64_t begin, int64_t end) {
    const float* __restrict a = call.in[kA].data + row * sample;
    const float* __restrict b = call.in[kB].data;
    float* __restrict y = call.out[0].data + row * sample;
    for (int64_t i = begin; i < end; ++i) y[i] = a[i] + b[i];
  });
}

}  // namespace mien
