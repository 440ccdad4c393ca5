// conv2d on the device, the plain form: one thread per output, loops as in the formula of conv2d.h.
#include "kernels/conv2d/conv2d.h"
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/op.cuh"

namespace mien::MIEN_EXECUTOR {
namespace {

struct Conv2dParams {
  const float *x, *weight, *bias, *gamma, *beta, *mean, *var, *residual,
      *prelu;  // as in conv2d.h; null: absent
  float* y;
  int inputs, outputs, in_height, in_width, height, width, kernel;
  Conv2d::Params op;
};

// y = clamp(act(norm(conv(x, W) + bias) + residual)). Grid (pixels / 128, O, N).
__global__ __launch_bounds__(128) void ConvolvePlain(Conv2dParams p) {
  const int pixel = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int o = static_cast<int>(blockIdx.y), n = static_cast<int>(blockIdx.z);
  if (!Inside(pixel, p.height * p.width)) return;
  const int top = pixel / p.width * p.op.stride - p.op.pad, left = pixel % p.width * p.op.stride - p.op.pad;
  float t = 0.0f;
  for (int i = 0; i < p.inputs; ++i) {
    const float* x = p.x + int64_t{n * p.inputs + i} * p.in_height * p.in_width;
    const float* w = p.weight + (o * p.inputs + i) * p.kernel * p.kernel;
    for (int ky = 0; ky < p.kernel; ++ky) {
      for (int kx = 0; kx < p.kernel; ++kx) {
        const int row = top + ky, column = left + kx;
        if (Inside(row, p.in_height) && Inside(column, p.in_width)) {
          t = fmaf(w[ky * p.kernel + kx], x[row * p.in_width + column], t);
        }
      }
    }
  }
  if (p.bias != nullptr) t += p.bias[o];
  if (p.mean != nullptr) t = (t - p.mean[o]) / sqrtf(p.var[o] + p.op.eps);
  if (p.gamma != nullptr) t = t * p.gamma[o] + p.beta[o];
  const int64_t index = int64_t{n * p.outputs + o} * p.height * p.width + pixel;
  if (p.residual != nullptr) t += p.residual[index];
  t = Activate(p.op.act, p.prelu != nullptr ? p.prelu[o] : p.op.slope, t);
  p.y[index] = Clamp(t, p.op.clamp);
}

}  // namespace

template <>
Status RunGpu<Conv2d>(const Conv2d::Params& params, const GpuCall& call) {
  const auto in = [&](Conv2d::Input i) { return call.in[i].data; };
  const auto size = [](int64_t n) { return static_cast<int>(n); };
  const Shape &x = call.in[Conv2d::kX].shape, &y = call.out[0].shape;
  const Conv2dParams p = {in(Conv2d::kX),
                          in(Conv2d::kWeight),
                          in(Conv2d::kBias),
                          in(Conv2d::kGamma),
                          in(Conv2d::kBeta),
                          in(Conv2d::kMean),
                          in(Conv2d::kVar),
                          in(Conv2d::kResidual),
                          in(Conv2d::kPrelu),
                          call.out[0].data,
                          size(x[1]),
                          size(y[1]),
                          size(x[2]),
                          size(x[3]),
                          size(y[2]),
                          size(y[3]),
                          size(call.in[Conv2d::kWeight].shape[2]),
                          params};
  const dim3 grid(Blocks(y[2] * y[3], 128), static_cast<unsigned>(y[1]), static_cast<unsigned>(y[0]));
  return Launch<ConvolvePlain>(grid, 128, 0, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
