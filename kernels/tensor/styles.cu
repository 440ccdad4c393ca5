// Both launches are grouped: a table in the packed weights says which layer a block works for. One warp makes
// one number at a time, its lanes reading the row of weights 16 bytes each.
#include <algorithm>

#include "kernels/cuda/block.cuh"
#include "kernels/tensor/element.cuh"
#include "kernels/tensor/run.cuh"
#include "kernels/tensor/styles.h"

namespace mien::MIEN_EXECUTOR {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;

// sum_k a[k] b[k] over the warp, in every lane; n is a multiple of 4.
__device__ float WarpDot(const float* a, const float* b, int n) {
  float sum = 0.0f;
  for (int k = 4 * LaneIndex(); k < n; k += 4 * kWarpSize) {
    const float4 x = LoadVector<float4>(a + k), y = LoadVector<float4>(b + k);
    sum = fmaf(x.x, y.x, fmaf(x.y, y.y, fmaf(x.z, y.z, fmaf(x.w, y.w, sum))));
  }
  return WarpSum(sum);
}

struct AffineParams {
  const float* packed;
  const float* w_plus;
  float* styles;  // raw, [N][style_floats]
  int64_t layer_table, job_table;
  int w_dim, w_stride, rows, style_floats;
};

// s = w A^T + a. Grid (jobs, N).
__global__ __launch_bounds__(kThreads, 4) void StyleAffines(AffineParams p) {
  MIEN_DYNAMIC_SHARED(float, w);
  const int n = static_cast<int>(blockIdx.y);
  const auto job = reinterpret_cast<const StylesLayout::Job*>(p.packed + p.job_table)[blockIdx.x];
  const auto& layer = reinterpret_cast<const StylesLayout::Layer*>(p.packed + p.layer_table)[job.layer];
  const float* row = p.w_plus + (n * p.rows + layer.row) * p.w_dim;
  for (int k = ThreadIndex(); k < p.w_stride; k += kThreads) w[k] = Inside(k, p.w_dim) ? row[k] : 0.0f;
  __syncthreads();  // w: written by all threads | read by every warp
  const int i = job.first + WarpIndex();
  if (!Inside(i, layer.inputs)) return;
  const float sum = WarpDot(p.packed + layer.affine + int64_t{i} * p.w_stride, w, p.w_stride);
  if (LaneIndex() == 0) p.styles[n * p.style_floats + layer.style + i] = sum + p.packed[layer.bias + i];
}

struct FactorParams {
  const float* packed;
  const float* styles;
  void* results[Styles::kResults];
  int64_t layer_table, job_table, constant;
  int style_floats, constant_pixels;
};

// The largest |s| of the block's threads, in every thread; not a number where one is not. `of_warp`: one per
// warp.
__device__ float BlockMagnitude(float magnitude, int* of_warp) {
  int bits = WarpMax(kFullWarp, static_cast<int>(__float_as_uint(magnitude)));
  if (LaneIndex() == 0) of_warp[WarpIndex()] = bits;
  __syncthreads();  // of_warp: written by every warp | read by all threads
  for (int w = 0; w < kWarps; ++w) bits = max(bits, of_warp[w]);
  return __uint_as_float(static_cast<unsigned>(bits));
}

// Each thread writes four channels at a time.
template <class Element>
__device__ void StoreConstant(const FactorParams& p, int n, const float* style, int stored, int part,
                              int parts) {
  const int elements = p.constant_pixels * stored;
  Element* const map = static_cast<Element*>(p.results[Styles::kConstantMap]) + int64_t{n} * elements;
  for (int first = 4 * (part * kThreads + ThreadIndex()); first < elements; first += 4 * parts * kThreads) {
    for (int e = first; e < first + 4; ++e)
      map[e] = ToElement<Element>(p.packed[p.constant + e] * style[e % stored]);
  }
}

// Styles and factors of a layer, and the constant. Grid (jobs, N).
template <class Element>
__global__ __launch_bounds__(kThreads, 2) void StyleFactors(FactorParams p) {
  MIEN_DYNAMIC_SHARED(float, style);
  MIEN_SHARED(int, of_warp, [kWarps]);
  const int n = static_cast<int>(blockIdx.y);
  const auto job = reinterpret_cast<const StylesLayout::Job*>(p.packed + p.job_table)[blockIdx.x];
  const auto& layer = reinterpret_cast<const StylesLayout::Layer*>(p.packed + p.layer_table)[job.layer];
  const float* raw = p.styles + n * p.style_floats + layer.style;
  const int stored = static_cast<int>(MapChannels(layer.inputs));
  float magnitude = 0.0f;
  for (int i = ThreadIndex(); i < layer.inputs; i += kThreads) {
    const float s = fabsf(raw[i]);
    if (!(s <= magnitude)) magnitude = s;
  }
  magnitude = BlockMagnitude(magnitude, of_warp);
  const float scale = layer.gain * magnitude;
  float* const to = static_cast<float*>(p.results[Styles::StyleOf(job.layer)]) + n * stored;
  for (int i = ThreadIndex(); i < stored; i += kThreads) {
    float s = Inside(i, layer.inputs) ? raw[i] : 0.0f;
    s = layer.outputs == 0 ? s * layer.gain : magnitude == 0.0f ? 0.0f : s / magnitude;
    style[i] = s;
    if (job.first == 0) to[i] = s;
  }
  __syncthreads();  // style: written by all threads | read by StoreConstant and squared below
  if (job.layer == 0 && p.constant_pixels > 0) {
    const int parts = (layer.outputs + StylesLayout::kOutputs - 1) / StylesLayout::kOutputs;
    StoreConstant<Element>(p, n, style, stored, job.first / StylesLayout::kOutputs, parts);
  }
  __syncthreads();  // style: read by StoreConstant | overwritten by its squares below
  for (int i = ThreadIndex(); i < stored; i += kThreads) style[i] *= style[i];
  __syncthreads();  // style: squared by all threads | read by every warp
  const int outputs = static_cast<int>(MapChannels(layer.outputs));
  const int inputs = (layer.inputs + 3) / 4 * 4;
  const int end = min(job.first + StylesLayout::kOutputs, layer.outputs);
  for (int o = job.first + WarpIndex(); o < end; o += kWarps) {
    float factor = scale;
    if (layer.demodulate != 0) {
      const float energy = WarpDot(p.packed + layer.squares + int64_t{o} * inputs, style, inputs);
      factor *= rsqrtf(fmaf(scale * scale, energy, layer.eps));
    }
    if (LaneIndex() == 0)
      static_cast<float*>(p.results[Styles::FactorOf(job.layer)])[n * outputs + o] = factor;
  }
}

}  // namespace

template <>
Status RunFast<Styles>(const Styles::Params& params, const FastCall& call) {
  const StylesLayout layout(params.weights);
  const float* const packed = static_cast<const float*>(call.in[Styles::kPacked]);
  const auto samples = static_cast<unsigned>(params.batch);
  FactorParams factors = {};
  factors.packed = packed;
  factors.styles = static_cast<const float*>(call.in[Styles::kStyle]);
  factors.style_floats = layout.layers[0].inputs;
  if (params.weights.w_dim > 0) {
    float* const raw = static_cast<float*>(call.scratch);
    const AffineParams p = {packed,
                            static_cast<const float*>(call.in[Styles::kWPlus]),
                            raw,
                            layout.layer_table,
                            layout.affine_table,
                            params.weights.w_dim,
                            layout.w_stride,
                            params.rows,
                            layout.style_floats};
    const dim3 grid(static_cast<unsigned>(layout.affine_jobs), samples);
    MIEN_TRY(Launch<StyleAffines>(grid, kThreads, sizeof(float) * static_cast<size_t>(p.w_stride),
                                  call.stream, p));
    factors.styles = raw;
    factors.style_floats = layout.style_floats;
  }
  std::copy(call.out.begin(), call.out.end(), factors.results);
  factors.layer_table = layout.layer_table;
  factors.job_table = layout.factor_table;
  factors.constant = layout.constant;
  factors.constant_pixels = params.weights.constant_pixels;
  const dim3 grid(static_cast<unsigned>(layout.factor_jobs), samples);
  const size_t shared = sizeof(float) * static_cast<size_t>(MapChannels(layout.most_inputs));
  return WithElement(params.precision, [&]<class Element>() {
    return Launch<StyleFactors<Element>>(grid, kThreads, shared, call.stream, factors);
  });
}

}  // namespace mien::MIEN_EXECUTOR
