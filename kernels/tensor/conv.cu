#include "kernels/cuda/activation.cuh"
#include "kernels/tensor/conv.h"
#include "kernels/tensor/conv_tiles.h"
#include "kernels/tensor/implicit_gemm.cuh"

namespace mien::MIEN_EXECUTOR {
namespace {

using Op = FastConv;

// act(sums + bias + residual + resize(coarse)).
struct ConvEpilogue {
  struct Params {
    const float *bias, *slopes;     // of all outputs of all GEMMs; slopes null: act's own
    const void *residual, *coarse;  // null: absent
    void* y;
    float* sums;                           // null: not wanted
    int group_outputs, stored;             // columns of a GEMM, and those of them that are channels of y
    int first_channel, channels;           // of y: of the first GEMM, and all
    int border_stride;                     // floats from one class of bias to the next, 0: no classes
    int stride, pad, taps, height, width;  // of the convolution and its x
    Activation act;
    float slope;
    int coarse_height, coarse_width;
    bool align_corners;
  };

  static __device__ int BorderClass(const Params& p, int row, int column) {
    const int top = row * p.stride - p.pad, left = column * p.stride - p.pad;
    return !Inside(top, p.height) + 2 * !Inside(top + p.taps - 1, p.height) + 4 * !Inside(left, p.width) +
           8 * !Inside(left + p.taps - 1, p.width);
  }

  // The two neighbours of an output pixel along one axis of the coarser map (kernels/resize).
  struct Between {
    int low, high;
    float fraction;
  };
  static __device__ Between BetweenOf(int i, int size, int out_size, bool align_corners) {
    const float in = static_cast<float>(size), out = static_cast<float>(out_size), at = static_cast<float>(i);
    const float source = !align_corners ? fmaxf(0.0f, fmaf(at + 0.5f, in / out, -0.5f))
                         : out_size > 1 ? at * (in - 1.0f) / (out - 1.0f)
                                        : 0.0f;
    const int low = min(static_cast<int>(source), size - 1);
    return {low, min(low + 1, size - 1), source - static_cast<float>(low)};
  }

  template <class Element>
  static __device__ float2 LoadPair(const void* map, int64_t index) {
    const Element* const at = static_cast<const Element*>(map) + index;
    if constexpr (sizeof(Element) == 2)
      return __half22float2(LoadVector<half2>(at));
    else
      return LoadVector<float2>(at);
  }

  // What is added to channels c and c + 1 of one pixel beside the bias.
  template <class Element>
  static __device__ float2 Addend(const Params& p, const OutputPlace& place, int pixel, int c) {
    float2 sum = make_float2(0.0f, 0.0f);
    const int64_t plane = int64_t{place.height} * place.width;
    if (p.residual != nullptr)
      sum = LoadPair<Element>(p.residual, (place.sample * plane + pixel) * p.stored + c);
    if (p.coarse != nullptr) {
      const Between v = BetweenOf(pixel / place.width, p.coarse_height, place.height, p.align_corners);
      const Between u = BetweenOf(pixel % place.width, p.coarse_width, place.width, p.align_corners);
      const auto at = [&](int row, int column) {
        const int64_t i = (int64_t{place.sample} * p.coarse_height + row) * p.coarse_width + column;
        return LoadPair<Element>(p.coarse, i * p.stored + c);
      };
      const auto mix = [](float2 a, float2 b, float f) {
        return make_float2(fmaf(f, b.x - a.x, a.x), fmaf(f, b.y - a.y, a.y));
      };
      const float2 top = mix(at(v.low, u.low), at(v.low, u.high), u.fraction);
      const float2 bottom = mix(at(v.high, u.low), at(v.high, u.high), u.fraction);
      const float2 resized = mix(top, bottom, v.fraction);
      sum.x += resized.x;
      sum.y += resized.y;
    }
    return sum;
  }

  // Sums of the tile's columns over its pixels: rows of a lane, lanes, warps, in this order.
  template <class Tile>
  static __device__ void SumTile(const Params& p, const OutputPlace& place, const Sums<Tile>& sums, int first,
                                 float* of_warp) {
    MIEN_UNROLL
    for (int n = 0; n < Tile::kFragmentsN; ++n) {
      MIEN_UNROLL
      for (int e = 0; e < 2; ++e) {
        float sum = 0.0f;
        MIEN_UNROLL
        for (int m = 0; m < Tile::kFragmentsM; ++m) {
          MIEN_UNROLL
          for (int half = 0; half < 2; ++half)
            sum += PixelOf<Tile>(place, SumRow<Tile>(m, half)) < 0 ? 0.0f : sums.value[0][m][n][2 * half + e];
        }
        for (int distance = 4; distance < kWarpSize; distance *= 2)
          sum += __shfl_xor_sync(kFullWarp, sum, distance);
        if (LaneIndex() < 4)
          of_warp[WarpIndex() / Tile::kWarpsN * Tile::kOutputs + SumChannel<Tile>(n) + e] = sum;
      }
    }
    __syncthreads();  // of_warp: written by the first lanes of all warps | read by the thread of the channel
    const int c = first + ThreadIndex();
    if (Inside(ThreadIndex(), Tile::kOutputs) && Inside(c, p.stored)) {
      float sum = 0.0f;
      for (int m = 0; m < Tile::kWarpsM; ++m) sum += of_warp[m * Tile::kOutputs + ThreadIndex()];
      p.sums[(int64_t{place.sample} * gridDim.x + blockIdx.x) * p.stored + c] = sum;
    }
    __syncthreads();  // of_warp: read by the thread of the channel | overwritten by the result tile
  }

  template <class Tile, class Element>
  static __device__ void Finish(const Params& p, const OutputPlace& place, Sums<Tile>& sums,
                                std::byte* shared) {
    const int group = place.channel / p.group_outputs, first = place.channel - group * p.group_outputs;
    MIEN_UNROLL
    for (int m = 0; m < Tile::kFragmentsM; ++m) {
      MIEN_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int r = SumRow<Tile>(m, half), pixel = PixelOf<Tile>(place, r);
        const int border = BorderClass(p, place.row + r / Tile::kWidth, place.column + r % Tile::kWidth);
        MIEN_UNROLL
        for (int n = 0; n < Tile::kFragmentsN; ++n) {
          const int c = SumChannel<Tile>(n), column = place.channel + c;
          float* const v = &sums.value[0][m][n][2 * half];
          const float2 bias = LoadVector<float2>(p.bias + border * p.border_stride + column);
          float2 slope = make_float2(p.slope, p.slope), add = make_float2(0.0f, 0.0f);
          if (p.slopes != nullptr) slope = LoadVector<float2>(p.slopes + column);
          if (pixel >= 0 && Inside(first + c, p.stored)) add = Addend<Element>(p, place, pixel, first + c);
          v[0] = Activate(p.act, slope.x, v[0] + bias.x + add.x);
          v[1] = Activate(p.act, slope.y, v[1] + bias.y + add.y);
        }
      }
    }
    if (p.sums != nullptr) SumTile<Tile>(p, place, sums, first, reinterpret_cast<float*>(shared));
    Element* const y = static_cast<Element*>(p.y) +
                       int64_t{place.sample} * place.height * place.width * p.channels + p.first_channel +
                       group * p.stored;
    OutputPlace own = place;
    own.channel = first;
    StoreResult<Tile, Element>(own, sums.value[0], shared, y, p.stored, p.channels);
  }
};

ConvEpilogue::Params EpilogueOf(const Op::Params& params, const FastCall& call) {
  const Op::Weights& w = params.weights;
  const int outputs = GemmGroups(w) * GroupOutputs(w), channels = static_cast<int>(MapChannels(w.outputs));
  ConvEpilogue::Params p = {};
  p.bias = static_cast<const float*>(call.in[Op::kPacked]);
  p.slopes = w.prelu ? p.bias + BiasFloats(w) : nullptr;
  p.residual = call.in[Op::kResidual];
  p.coarse = call.in[Op::kCoarse];
  p.y = call.out[Op::kY];
  p.sums = params.sums ? static_cast<float*>(call.out[Op::kSums]) : nullptr;
  p.group_outputs = GroupOutputs(w);
  p.stored = GroupChannels(w);
  p.first_channel = params.first_group * channels;
  p.channels = params.all_groups * channels;
  p.border_stride = w.border ? outputs : 0;
  p.stride = params.stride;
  p.pad = params.pad;
  p.taps = w.taps;
  p.height = params.height;
  p.width = params.width;
  p.act = params.act;
  p.slope = params.slope;
  p.coarse_height = params.coarse_height;
  p.coarse_width = params.coarse_width;
  p.align_corners = params.align_corners;
  return p;
}

}  // namespace

template <>
Status RunFast<FastConv>(const Op::Params& params, const FastCall& call) {
  const Op::Weights& w = params.weights;
  GemmLayer layer = {};
  layer.x = static_cast<const std::byte*>(call.in[Op::kX]);
  layer.weights = static_cast<const std::byte*>(call.in[Op::kPacked]) + TableBytes(w);
  layer.partial = static_cast<float*>(call.scratch);
  layer.height = params.height;
  layer.width = params.width;
  layer.channel_bytes = static_cast<int>(MapChannels(w.inputs)) * ElementBytes(w.precision);
  layer.pixel_bytes = layer.channel_bytes * GemmGroups(w);
  layer.top = layer.left = params.pad;
  layer.out_height = params.out_height;
  layer.out_width = params.out_width;
  layer.group_outputs = GroupOutputs(w);
  layer.chunks = ConvChunks(w);
  return WithConvTile(params, [&]<class Tile>() {
    layer.grid = ConvGrid<Tile>(params);
    return WithElement(w.precision, [&]<class Element>() {
      return RunGemm<Tile, Element, ConvEpilogue>(layer, params.batch, EpilogueOf(params, call), call.stream);
    });
  });
}

}  // namespace mien::MIEN_EXECUTOR
