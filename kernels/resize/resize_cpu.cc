// resize on the CPU: rows first, then columns.
#include "kernels/resize/resize.h"

#include <algorithm>

namespace mien {

// Scratch: for every output column the left source column and the weight of its right neighbour (2 x width floats),
// then one source row per thread, already mixed vertically.
int64_t Resize::ScratchFloats(const Params& params, Shapes in, int threads) {
  return 2 * int64_t{params.width} + threads * in[kX][3];
}

namespace {

struct Tap {
  int64_t low, high;
  float fraction;  // weight of `high`
};

// In double: torch's float coordinates differ between its own code paths, and all of them lie around this one.
Tap TapOf(int64_t dst, int64_t size, int64_t out_size, bool align_corners) {
  const double i = static_cast<double>(dst);
  double src;
  if (align_corners) {
    const double scale = out_size > 1 ? static_cast<double>(size - 1) / static_cast<double>(out_size - 1) : 0.0;
    src = scale * i;
  } else {
    const double scale = static_cast<double>(size) / static_cast<double>(out_size);
    src = std::max(0.0, scale * (i + 0.5) - 0.5);
  }
  const int64_t low = std::min(static_cast<int64_t>(src), size - 1);
  return {low, std::min(low + 1, size - 1), static_cast<float>(src - static_cast<double>(low))};
}

}  // namespace

void Resize::Cpu(const Params& params, const CpuCall& call) {
  const Shape& shape = call.in[kX].shape;
  const int64_t h = shape[2], w = shape[3], height = params.height, width = params.width;
  float* left = call.scratch;
  float* fraction = left + width;
  for (int64_t j = 0; j < width; ++j) {
    const Tap tap = TapOf(j, w, width, params.align_corners);
    left[j] = static_cast<float>(tap.low);
    fraction[j] = tap.fraction;
  }
  const float* addend = call.in[kAddend].data;
  const int64_t lines = shape[0] * shape[1] * height;
  call.threads->ParallelFor(static_cast<int>(lines), [&](int line, int thread) {
    const Tap v = TapOf(line % height, h, height, params.align_corners);
    const float* top = call.in[kX].data + (line / height * h + v.low) * w;
    const float* bottom = call.in[kX].data + (line / height * h + v.high) * w;
    float* __restrict mixed = fraction + width + thread * w;
    for (int64_t i = 0; i < w; ++i) mixed[i] = (1.0f - v.fraction) * top[i] + v.fraction * bottom[i];
    float* y = call.out[0].data + line * width;
    for (int64_t j = 0; j < width; ++j) {
      const int64_t low = static_cast<int64_t>(left[j]), high = std::min(low + 1, w - 1);
      y[j] = (1.0f - fraction[j]) * mixed[low] + fraction[j] * mixed[high];
    }
    for (int64_t j = 0; addend != nullptr && j < width; ++j) y[j] += addend[line * width + j];
  });
}

}  // namespace mien
