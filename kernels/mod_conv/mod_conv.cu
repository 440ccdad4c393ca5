// mod_conv on the device, the plain form: one thread per output, loops as in the formula of mod_conv.h. The
// weights are modulated where they are read and the demodulation d [N,O] is computed once, before.
#include "kernels/cuda/block.cuh"
#include "kernels/cuda/op.cuh"
#include "kernels/mod_conv/mod_conv.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct DemodulateParams {
  const float *style, *weight;  // [N,I], [O,I,3,3]
  float* d;                     // [N,O]
  int inputs, outputs;
  float weight_gain, eps;
};

// d_no = rsqrt(sum_ik (gain W_oik s_ni)^2 + eps). Grid (O, N), one block per number.
__global__ __launch_bounds__(128) void Demodulate(DemodulateParams p) {
  const int o = static_cast<int>(blockIdx.x), n = static_cast<int>(blockIdx.y);
  float squares = 0.0f;
  for (int k = ThreadIndex(); k < p.inputs * 9; k += static_cast<int>(blockDim.x)) {
    const float w = p.weight_gain * p.weight[o * p.inputs * 9 + k] * p.style[n * p.inputs + k / 9];
    squares = fmaf(w, w, squares);
  }
  squares = BlockSum(squares);
  if (ThreadIndex() == 0) p.d[n * p.outputs + o] = rsqrtf(squares + p.eps);
}

struct ConvolveParams {
  const float *x, *style, *weight, *filter, *noise, *noise_strength, *bias,
      *d;  // as in mod_conv.h; null: absent
  float* y;
  int inputs, outputs, in_height, in_width, height, width;
  int noise_stride;  // from one sample's map to the next; 0: one map for all
  ModConv::Params op;
};

// conv(x, W s) at (row, column) of output channel o; zero padding 1.
__device__ float Convolved(const ConvolveParams& p, int n, int o, int row, int column) {
  float sum = 0.0f;
  for (int i = 0; i < p.inputs; ++i) {
    const float* x = p.x + int64_t{n * p.inputs + i} * p.in_height * p.in_width;
    const float* w = p.weight + (o * p.inputs + i) * 9;
    const float s = p.style[n * p.inputs + i];
    for (int ky = 0; ky < 3; ++ky) {
      for (int kx = 0; kx < 3; ++kx) {
        const int y = row + ky - 1, c = column + kx - 1;
        if (Inside(y, p.in_height) && Inside(c, p.in_width))
          sum = fmaf(w[ky * 3 + kx] * s, x[y * p.in_width + c], sum);
      }
    }
  }
  return sum * p.op.weight_gain;
}

// conv_transpose(x, W s, stride 2) at (row, column) of its [2H+1,2W+1]: t[2y+ky,2x+kx] += w[ky,kx] x[y,x].
__device__ float Transposed(const ConvolveParams& p, int n, int o, int row, int column) {
  float sum = 0.0f;
  for (int i = 0; i < p.inputs; ++i) {
    const float* x = p.x + int64_t{n * p.inputs + i} * p.in_height * p.in_width;
    const float* w = p.weight + (o * p.inputs + i) * 9;
    const float s = p.style[n * p.inputs + i];
    for (int ky = row % 2; ky < 3; ky += 2) {
      for (int kx = column % 2; kx < 3; kx += 2) {
        const int y = (row - ky) / 2, c = (column - kx) / 2;
        const bool inside = row >= ky && column >= kx && Inside(y, p.in_height) && Inside(c, p.in_width);
        if (inside) sum = fmaf(w[ky * 3 + kx] * s, x[y * p.in_width + c], sum);
      }
    }
  }
  return sum * p.op.weight_gain;
}

// The 4x4 filter over the transposed convolution with one pixel of zeros around it.
__device__ float Filtered(const ConvolveParams& p, int n, int o, int row, int column) {
  float sum = 0.0f;
  for (int a = 0; a < 4; ++a) {
    for (int b = 0; b < 4; ++b) {
      const int r = row + a - 1, c = column + b - 1;
      if (Inside(r, p.height + 1) && Inside(c, p.width + 1)) {
        sum = fmaf(p.filter[(3 - a) * 4 + (3 - b)], Transposed(p, n, o, r, c), sum);
      }
    }
  }
  return sum * p.op.filter_gain;
}

// y = clamp(act(t d + noise_strength noise + bias) act_gain). Grid (pixels / 128, O, N).
__global__ __launch_bounds__(128, 8) void Convolve(ConvolveParams p) {
  const int pixel = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int o = static_cast<int>(blockIdx.y), n = static_cast<int>(blockIdx.z);
  if (!Inside(pixel, p.height * p.width)) return;
  const int row = pixel / p.width, column = pixel % p.width;
  float v = p.op.up ? Filtered(p, n, o, row, column) : Convolved(p, n, o, row, column);
  if (p.op.demodulate) v *= p.d[n * p.outputs + o];
  if (p.noise != nullptr) v = fmaf(p.noise_strength[0], p.noise[int64_t{n} * p.noise_stride + pixel], v);
  if (p.bias != nullptr) v += p.bias[o];
  if (p.op.act == Activation::kLeaky && v < 0.0f) v *= p.op.slope;
  v *= p.op.act_gain;
  if (p.op.clamp > 0.0f) v = fminf(fmaxf(v, -p.op.clamp), p.op.clamp);
  p.y[int64_t{n * p.outputs + o} * p.height * p.width + pixel] = v;
}

}  // namespace

template <>
int64_t GpuScratchFloats<ModConv>(const ModConv::Params& params, Shapes in) {
  return params.demodulate ? in[ModConv::kX][0] * in[ModConv::kWeight][0] : 0;
}

template <>
Status RunGpu<ModConv>(const ModConv::Params& params, const GpuCall& call) {
  const auto in = [&](ModConv::Input i) { return call.in[i].data; };
  const Shape &x = call.in[ModConv::kX].shape, &y = call.out[0].shape;
  const int inputs = static_cast<int>(x[1]), outputs = static_cast<int>(y[1]);
  const auto samples = static_cast<unsigned>(x[0]);
  if (params.demodulate) {
    const DemodulateParams demodulate = {
        in(ModConv::kStyle), in(ModConv::kWeight), call.scratch, inputs, outputs, params.weight_gain,
        params.eps};
    MIEN_TRY(
        Launch<Demodulate>(dim3(static_cast<unsigned>(outputs), samples), 128, 0, call.stream, demodulate));
  }
  ConvolveParams p = {};
  p.x = in(ModConv::kX);
  p.style = in(ModConv::kStyle);
  p.weight = in(ModConv::kWeight);
  p.filter = in(ModConv::kFilter);
  p.noise = in(ModConv::kNoise);
  p.noise_strength = in(ModConv::kNoiseStrength);
  p.bias = in(ModConv::kBias);
  p.d = call.scratch;
  p.y = call.out[0].data;
  p.inputs = inputs;
  p.outputs = outputs;
  p.in_height = static_cast<int>(x[2]);
  p.in_width = static_cast<int>(x[3]);
  p.height = static_cast<int>(y[2]);
  p.width = static_cast<int>(y[3]);
  p.noise_stride =
      call.in[ModConv::kNoise].present() && call.in[ModConv::kNoise].shape[0] > 1 ? p.height * p.width : 0;
  p.op = params;
  return Launch<Convolve>(dim3(Blocks(y[2] * y[3], 128), static_cast<unsigned>(outputs), samples), 128, 0,
                          call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
