// squeeze_excite on the CPU: the feature map is read twice, the small net between costs nothing and runs in
// double. Scratch: mean [N,C], excitation [N,C], hidden [C/r].
#include <cmath>

#include "kernels/cpu/spans.h"
#include "kernels/cpu/sums.h"
#include "kernels/squeeze_excite/squeeze_excite.h"

namespace mien {
namespace {

void Excite(const CpuCall& call, const float* mean, float* hidden, float* excitation) {
  const int64_t channels = call.in[SqueezeExcite::kU].shape[1];
  const int64_t hidden_size = call.in[SqueezeExcite::kFc1].shape[0];
  for (int64_t h = 0; h < hidden_size; ++h) {
    const float* weight = call.in[SqueezeExcite::kFc1].data + h * channels;
    const double sum = SumOf(channels, [&](int64_t c) { return double{weight[c]} * mean[c]; });
    hidden[h] = sum > 0 ? static_cast<float>(sum) : 0.0f;
  }
  for (int64_t c = 0; c < channels; ++c) {
    const float* weight = call.in[SqueezeExcite::kFc2].data + c * hidden_size;
    const double sum = SumOf(hidden_size, [&](int64_t h) { return double{weight[h]} * hidden[h]; });
    excitation[c] = static_cast<float>(1.0 / (1.0 + std::exp(-sum)));
  }
}

}  // namespace

int64_t SqueezeExcite::ScratchFloats(const Params&, Shapes in, int) {
  return 2 * in[kU][0] * in[kU][1] + in[kFc1][0];
}

void SqueezeExcite::Cpu(const Params&, const CpuCall& call) {
  const Shape& shape = call.in[kU].shape;
  const int64_t rows = shape[0] * shape[1], plane = shape[2] * shape[3];
  const float* u = call.in[kU].data;
  float *mean = call.scratch, *excitation = mean + rows, *hidden = excitation + rows;
  call.threads->ParallelFor(static_cast<int>(rows), [&](int row, int) {
    mean[row] = static_cast<float>(Sum(u + row * plane, plane) / static_cast<double>(plane));
  });
  for (int64_t n = 0; n < shape[0]; ++n) Excite(call, mean + n * shape[1], hidden, excitation + n * shape[1]);
  const View<const float>& shortcut = call.in[kShortcut];
  ForSpans(call.threads, rows, plane, [&](int64_t row, int64_t begin, int64_t end) {
    const float* source = u + row * plane;
    const float* added = shortcut.data + row * plane;
    float* y = call.out[0].data + row * plane;
    const float e = excitation[row];
    if (shortcut.present()) {
      for (int64_t i = begin; i < end; ++i) y[i] = source[i] * e + added[i];
    } else {
      for (int64_t i = begin; i < end; ++i) y[i] = source[i] * e;
    }
  });
}

}  // namespace mien
