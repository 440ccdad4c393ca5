// to_rgb on the device, the plain form: one thread per output, as in the formula of to_rgb.h.
#include "kernels/cuda/op.cuh"
#include "kernels/to_rgb/to_rgb.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct ToRgbParams {
  const float *x, *style, *weight, *bias, *skip, *filter;  // as in to_rgb.h; null: absent
  float* y;
  int inputs, outputs, height, width;
  ToRgb::Params op;
};

// upsample2x(skip) at (row, column): the 4x4 filter over the zero-stuffed plane, two zeros before and one
// behind.
__device__ float Upsampled(const ToRgbParams& p, const float* skip, int row, int column) {
  float sum = 0.0f;
  for (int a = row % 2; a < 4; a += 2) {
    for (int b = column % 2; b < 4; b += 2) {
      const int r = (row + a) / 2 - 1, c = (column + b) / 2 - 1;
      if (Inside(r, p.height / 2) && Inside(c, p.width / 2)) {
        sum = fmaf(p.filter[(3 - a) * 4 + (3 - b)], skip[r * (p.width / 2) + c], sum);
      }
    }
  }
  return sum * p.op.filter_gain;
}

// y = clamp(sum_i gain W_ci s_i x_i + bias_c) + upsample2x(skip). Grid (pixels / 128, C, N).
__global__ __launch_bounds__(128) void ToColours(ToRgbParams p) {
  const int pixel = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), pixels = p.height * p.width;
  const int o = static_cast<int>(blockIdx.y), n = static_cast<int>(blockIdx.z);
  if (!Inside(pixel, pixels)) return;
  float v = 0.0f;
  for (int i = 0; i < p.inputs; ++i) {
    const float w = p.op.weight_gain * p.weight[o * p.inputs + i] * p.style[n * p.inputs + i];
    v = fmaf(w, p.x[int64_t{n * p.inputs + i} * pixels + pixel], v);
  }
  if (p.bias != nullptr) v += p.bias[o];
  if (p.op.clamp > 0.0f) v = fminf(fmaxf(v, -p.op.clamp), p.op.clamp);
  const int64_t plane = n * p.outputs + o;
  if (p.skip != nullptr) v += Upsampled(p, p.skip + plane * (pixels / 4), pixel / p.width, pixel % p.width);
  p.y[plane * pixels + pixel] = v;
}

}  // namespace

template <>
Status RunGpu<ToRgb>(const ToRgb::Params& params, const GpuCall& call) {
  const auto in = [&](ToRgb::Input i) { return call.in[i].data; };
  const auto size = [](int64_t n) { return static_cast<int>(n); };
  const Shape &x = call.in[ToRgb::kX].shape, &y = call.out[0].shape;
  const ToRgbParams p = {in(ToRgb::kX),    in(ToRgb::kStyle),  in(ToRgb::kWeight), in(ToRgb::kBias),
                         in(ToRgb::kSkip), in(ToRgb::kFilter), call.out[0].data,   size(x[1]),
                         size(y[1]),       size(x[2]),         size(x[3]),         params};
  const dim3 grid(Blocks(y[2] * y[3], 128), static_cast<unsigned>(y[1]), static_cast<unsigned>(y[0]));
  return Launch<ToColours>(grid, 128, 0, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
