// zero_pad on the CPU: copies.
#include <algorithm>

#include "kernels/cpu/spans.h"
#include "kernels/zero_pad/zero_pad.h"

namespace mien {

void ZeroPad::Cpu(const Params&, const CpuCall& call) {
  const Shape &x = call.in[kX].shape, &y = call.out[0].shape;
  ForSpans(call.threads, y[0] * y[1] * y[2], y[3], [&](int64_t line, int64_t begin, int64_t end) {
    const int64_t row = line % y[2], c = line / y[2] % y[1], n = line / y[2] / y[1];
    const int64_t inside = c < x[1] && row < x[2] ? std::clamp(x[3], begin, end) : begin;
    const float* source = call.in[kX].data + ((n * x[1] + c) * x[2] + row) * x[3];
    float* target = call.out[0].data + line * y[3];
    std::copy(source + begin, source + inside, target + begin);
    std::fill(target + inside, target + end, 0.0f);
  });
}

}  // namespace mien
