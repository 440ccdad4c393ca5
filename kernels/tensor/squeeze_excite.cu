#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/block.cuh"
#include "kernels/tensor/element.cuh"
#include "kernels/tensor/run.cuh"
#include "kernels/tensor/squeeze_excite.h"

namespace mien::MIEN_EXECUTOR {
namespace {

using Op = FastSqueezeExcite;

constexpr int kThreads = 256, kWarps = kThreads / 32;
constexpr int kBlockBytes = 32 * 1024;  // of a map that one block scales

struct ExciteParams {
  const void *u, *shortcut;  // null: no shortcut
  const float *sums, *fc1, *fc2;
  void* y;
  int stored, hidden, width, pixels, parts, block_pixels;
  int stride, shortcut_width, shortcut_pixels;
};

struct SumParams {
  const void* u;
  float* sums;
  int stored, pixels, parts;
};

// Sums over kPartPixels pixels, one thread per channel. Grid (parts, channels / 64, N).
template <class Element>
__global__ __launch_bounds__(64) void SumPixels(SumParams p) {
  const int part = static_cast<int>(blockIdx.x), n = static_cast<int>(blockIdx.z);
  const int c = static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x);
  if (!Inside(c, p.stored)) return;
  const Element* const u = static_cast<const Element*>(p.u) + int64_t{n} * p.pixels * p.stored + c;
  float sum = 0.0f;
  for (int i = part * Op::kPartPixels; i < min(p.pixels, (part + 1) * Op::kPartPixels); ++i)
    sum += ToFloat(u[int64_t{i} * p.stored]);
  p.sums[(n * p.parts + part) * p.stored + c] = sum;
}

// scale[c] = sigmoid(fc2 . relu(fc1 . mean)), by the whole block.
__device__ inline void Excite(const ExciteParams& p, int n, float (&scale)[Op::kMaxChannels]) {
  MIEN_SHARED(float, segment, [Op::kMaxChannels]);
  MIEN_SHARED(float, hidden, [Op::kMaxChannels]);
  // Several threads per channel where there are few channels: thread group s sums parts s, s + segments, ...
  const int segments = max(1, kThreads / p.stored);
  for (int i = ThreadIndex(); i < segments * p.stored; i += kThreads) {
    const float* const sums = p.sums + int64_t{n} * p.parts * p.stored + i % p.stored;
    float sum = 0.0f;
    for (int part = i / p.stored; part < p.parts; part += segments) sum += sums[int64_t{part} * p.stored];
    segment[i] = sum;
  }
  __syncthreads();  // segment: written by the thread of the segment | read by the thread of the channel
  for (int c = ThreadIndex(); c < p.stored; c += kThreads) {
    float sum = 0.0f;
    for (int s = 0; s < segments; ++s) sum += segment[s * p.stored + c];
    scale[c] = sum / static_cast<float>(p.pixels);
  }
  __syncthreads();  // scale: means written by the thread of the channel | read by all
  for (int h = WarpIndex(); h < p.hidden; h += kWarps) {
    float sum = 0.0f;
    for (int c = LaneIndex(); c < p.stored; c += kWarpSize) sum = fmaf(p.fc1[h * p.stored + c], scale[c], sum);
    sum = WarpSum(sum);
    if (LaneIndex() == 0) hidden[h] = fmaxf(sum, 0.0f);
  }
  __syncthreads();  // hidden: written by lane 0 of each warp | read by all; scale: means read | replaced
  for (int c = ThreadIndex(); c < p.stored; c += kThreads) {
    float sum = 0.0f;
    for (int h = 0; h < p.hidden; ++h) sum = fmaf(p.fc2[h * p.stored + c], hidden[h], sum);
    scale[c] = Sigmoid(sum);
  }
  __syncthreads();  // scale: written by the thread of the channel | read by all
}

// y = u scale + shortcut. Grid (groups of block_pixels pixels, N).
template <class Element>
__global__ __launch_bounds__(kThreads) void ScaleMap(ExciteParams p) {
  constexpr int kVector = kPerVector<Element>;
  MIEN_SHARED(float, scale, [Op::kMaxChannels]);
  const int first = static_cast<int>(blockIdx.x) * p.block_pixels, n = static_cast<int>(blockIdx.y);
  Excite(p, n, scale);
  const int vectors = p.stored / kVector;
  const Element* const u = static_cast<const Element*>(p.u) + int64_t{n} * p.pixels * p.stored;
  const Element* const shortcut = static_cast<const Element*>(p.shortcut);
  Element* const y = static_cast<Element*>(p.y) + int64_t{n} * p.pixels * p.stored;
  for (int i = ThreadIndex(); i < p.block_pixels * vectors; i += kThreads) {
    const int pixel = first + i / vectors, c = i % vectors * kVector;
    if (!Inside(pixel, p.pixels)) return;
    float v[kVector], add[kVector] = {};
    LoadElements(u + int64_t{pixel} * p.stored + c, v);
    if (shortcut != nullptr) {
      const int source = pixel / p.width * p.stride * p.shortcut_width + pixel % p.width * p.stride;
      LoadElements(shortcut + (int64_t{n} * p.shortcut_pixels + source) * p.stored + c, add);
    }
    MIEN_UNROLL
    for (int k = 0; k < kVector; ++k) v[k] = fmaf(v[k], scale[c + k], add[k]);
    StoreElements(y + int64_t{pixel} * p.stored + c, v);
  }
}

}  // namespace

template <>
Status RunFast<FastSqueezeExcite>(const Op::Params& params, const FastCall& call) {
  const auto batch = static_cast<unsigned>(params.batch);
  ExciteParams p = {};
  p.u = call.in[Op::kU];
  p.shortcut = call.in[Op::kShortcut];
  p.y = call.out[Op::kY];
  p.stored = static_cast<int>(MapChannels(params.weights.channels));
  p.hidden = params.weights.hidden;
  p.fc1 = static_cast<const float*>(call.in[Op::kPacked]);
  p.fc2 = p.fc1 + p.hidden * p.stored;
  p.width = params.width;
  p.pixels = params.height * params.width;
  p.stride = params.stride;
  p.shortcut_width = params.shortcut_width;
  p.shortcut_pixels = params.shortcut_height * params.shortcut_width;
  p.block_pixels = std::max(1, kBlockBytes / (p.stored * ElementBytes(params.precision)));
  const dim3 grid(Blocks(p.pixels, p.block_pixels), batch);
  return WithElement(params.precision, [&]<class Element>() -> Status {
    p.sums = static_cast<const float*>(call.in[Op::kSums]);
    p.parts = params.parts;
    if (p.parts == 0) {
      float* const sums = static_cast<float*>(call.scratch);
      p.sums = sums;
      p.parts = static_cast<int>(Blocks(p.pixels, Op::kPartPixels));
      const SumParams sum = {p.u, sums, p.stored, p.pixels, p.parts};
      const dim3 parts(static_cast<unsigned>(p.parts), Blocks(p.stored, 64), batch);
      MIEN_TRY(Launch<SumPixels<Element>>(parts, 64, 0, call.stream, sum));
    }
    return Launch<ScaleMap<Element>>(grid, kThreads, 0, call.stream, p);
  });
}

}  // namespace mien::MIEN_EXECUTOR
