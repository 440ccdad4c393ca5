// Eight lanes share a pixel: each reads every eighth 16-byte piece of its channels. A block makes 32 pixels
// of one sample.
#include "kernels/tensor/element.cuh"
#include "kernels/tensor/run.cuh"
#include "kernels/tensor/skip.cuh"
#include "kernels/tensor/to_rgb.h"

namespace mien::MIEN_EXECUTOR {
namespace {

constexpr int kThreads = 256, kLanes = 8, kPixels = kThreads / kLanes;

struct ColorParams {
  const void* x;
  const float *style, *skip;  // skip null: absent
  const float *weight, *bias, *filter;
  float* image;
  int channels, stored, colors, height, width, style_stride;
  float clamp, filter_gain;
};

// Weights times style as the lanes read them: float4 j of piece k of a color lies at quad (color quads + j)
// pieces + k, so that eight lanes read 128 bytes in a row.
template <class Element>
struct Piece {
  static constexpr int kChannels = 16 / static_cast<int>(sizeof(Element)), kQuads = kChannels / 4;
  __device__ static int PlaceOf(int color, int channel, int pieces) {
    const int piece = channel / kChannels, in_piece = channel % kChannels;
    return ((color * kQuads + in_piece / 4) * pieces + piece) * 4 + in_piece % 4;
  }
};

// sum_i weight_ci x_i over the channels of every eighth piece, for all colors.
template <class Element>
__device__ void PartialSums(const Element* x, const float* weights, int pieces, int colors,
                            float (&sums)[FastToRgb::kMaxColors]) {
  using P = Piece<Element>;
  for (int piece = LaneIndex() % kLanes; piece < pieces; piece += kLanes) {
    union {
      uint4 bits;
      Element elements[P::kChannels];
    } v = {LoadVector<uint4>(x + piece * P::kChannels)};
    MIEN_UNROLL
    for (int c = 0; c < FastToRgb::kMaxColors; ++c) {
      if (!Inside(c, colors)) break;
      MIEN_UNROLL
      for (int j = 0; j < P::kQuads; ++j) {
        const float4 w = LoadVector<float4>(weights + ((c * P::kQuads + j) * pieces + piece) * 4);
        sums[c] = fmaf(w.x, ToFloat(v.elements[4 * j]), sums[c]);
        sums[c] = fmaf(w.y, ToFloat(v.elements[4 * j + 1]), sums[c]);
        sums[c] = fmaf(w.z, ToFloat(v.elements[4 * j + 2]), sums[c]);
        sums[c] = fmaf(w.w, ToFloat(v.elements[4 * j + 3]), sums[c]);
      }
    }
  }
}

// Grid (pixels / kPixels, N).
template <class Element>
__global__ __launch_bounds__(kThreads, 4) void MapToColors(ColorParams p) {
  MIEN_DYNAMIC_SHARED(float, weights);
  MIEN_SHARED(float, colors, [FastToRgb::kMaxColors][kPixels]);
  const int n = static_cast<int>(blockIdx.y), pixels = p.height * p.width;
  const int first = static_cast<int>(blockIdx.x) * kPixels, pieces = p.stored / Piece<Element>::kChannels;
  for (int c = 0; c < p.colors; ++c) {
    for (int i = ThreadIndex(); i < p.stored; i += kThreads) {
      const float w =
          Inside(i, p.channels) ? p.weight[c * p.channels + i] * p.style[n * p.style_stride + i] : 0.0f;
      weights[Piece<Element>::PlaceOf(c, i, pieces)] = w;
    }
  }
  __syncthreads();  // weights: written by all threads | read by all threads
  const int mine = ThreadIndex() / kLanes;
  float sums[FastToRgb::kMaxColors] = {};
  if (Inside(first + mine, pixels)) {
    const Element* x = static_cast<const Element*>(p.x) + (int64_t{n} * pixels + first + mine) * p.stored;
    PartialSums(x, weights, pieces, p.colors, sums);
  }
  MIEN_UNROLL
  for (int c = 0; c < FastToRgb::kMaxColors; ++c) {
    for (int distance = kLanes / 2; distance > 0; distance /= 2)
      sums[c] += __shfl_xor_sync(kFullWarp, sums[c], distance);
    if (LaneIndex() % kLanes == c) colors[c][mine] = sums[c];
  }
  __syncthreads();  // colors: written by one lane of each pixel | read by one thread per number
  const int c = ThreadIndex() / kPixels, pixel = first + ThreadIndex() % kPixels;
  if (!Inside(c, p.colors) || !Inside(pixel, pixels)) return;
  float v = colors[c][pixel - first] + p.bias[c];
  if (p.clamp > 0.0f) v = fminf(fmaxf(v, -p.clamp), p.clamp);
  const int plane = n * p.colors + c;
  if (p.skip != nullptr) {
    v += UpsampledSkip(p.skip + plane * (pixels / 4), p.filter, p.filter_gain, pixel / p.width,
                       pixel % p.width, p.height, p.width);
  }
  p.image[plane * pixels + pixel] = v;
}

}  // namespace

template <>
Status RunFast<FastToRgb>(const FastToRgb::Params& params, const FastCall& call) {
  const auto in = [&](FastToRgb::Operand i) { return static_cast<const float*>(call.in[i]); };
  const int inputs = params.weights.inputs, colors = params.weights.colors;
  ColorParams p = {};
  p.x = call.in[FastToRgb::kX];
  p.style = in(FastToRgb::kStyle);
  p.skip = in(FastToRgb::kSkip);
  p.weight = in(FastToRgb::kPacked);
  p.bias = p.weight + colors * inputs;
  p.filter = p.bias + colors;
  p.image = static_cast<float*>(call.out[FastToRgb::kImage]);
  p.channels = inputs;
  p.stored = static_cast<int>(MapChannels(inputs));
  p.colors = colors;
  p.height = params.height;
  p.width = params.width;
  p.style_stride = params.style_stride;
  p.clamp = params.clamp;
  p.filter_gain = params.filter_gain;
  const dim3 grid(Blocks(int64_t{p.height} * p.width, kPixels), static_cast<unsigned>(params.batch));
  const size_t shared = sizeof(float) * static_cast<size_t>(colors * p.stored);
  return WithElement(params.precision, [&]<class Element>() {
    return Launch<MapToColors<Element>>(grid, kThreads, shared, call.stream, p);
  });
}

}  // namespace mien::MIEN_EXECUTOR
