// The transposed convolution as the four phases of one implicit GEMM, the filter over them in shared memory.
#include "kernels/tensor/mod_conv_finish.cuh"
#include "kernels/tensor/up_conv.h"

namespace mien::MIEN_EXECUTOR {
namespace {

template <class Element>
struct Piece {
  static constexpr int kChannels = kPieceBytes / static_cast<int>(sizeof(Element));
  union {
    uint4 bits;
    Element element[kChannels];
  };
};

// The epilogue: factor, T, filter, and for each output what ModConvFinish says.
struct UpConvFinish {
  struct Params {
    ModConvFinish::Params conv;
    const float* filter;
  };

  template <class Tile, class Element>
  static __device__ void Finish(const Params& p, const OutputPlace& place, Sums<Tile>& sums,
                                std::byte* shared) {
    constexpr int kChannels = kChunkBytes / static_cast<int>(sizeof(Element));  // at a time
    static_assert(TransposedIsSound<Tile>());
    MIEN_UNROLL
    for (int first = 0; first < Tile::kOutputs; first += kChannels) {
      if (first > 0) __syncthreads();  // T: the channels before read by all warps | overwritten
      StoreTransposed<Tile, Element>(p.conv, place, sums, first, shared);
      __syncthreads();  // T: written as fragments by all warps | read below
      FilterColumns<Tile, Element>(p, place, first, shared);
    }
  }

 private:
  // Channels first .. first + kChunkBytes of T, times the factor: their sums alone might leave the range of
  // halves.
  template <class Tile, class Element>
  static __device__ void StoreTransposed(const ModConvFinish::Params& p, const OutputPlace& place,
                                         const Sums<Tile>& sums, int first, std::byte* t) {
    constexpr int kChannels = kChunkBytes / static_cast<int>(sizeof(Element));
    const float* const factor = p.factor + place.sample * p.op.factor_stride;
    MIEN_UNROLL
    for (int n = 0; n < Tile::kFragmentsN; ++n) {
      if (!Inside((WarpIndex() % Tile::kWarpsN * Tile::kFragmentsN + n) * 8 - first, kChannels)) continue;
      const int channel = place.channel + SumChannel<Tile>(n);
      const float f0 = Inside(channel, p.outputs) ? factor[channel] : 0.0f;
      const float f1 = Inside(channel + 1, p.outputs) ? factor[channel + 1] : 0.0f;
      MIEN_UNROLL
      for (int part = 0; part < Tile::Window::kParts; ++part) {
        MIEN_UNROLL
        for (int i = 0; i < Tile::kFragmentsM * 2; ++i) {
          const int r = SumRow<Tile>(i / 2, i % 2);
          const int row = r / Tile::kWidth * 2 + part / 2, column = r % Tile::kWidth * 2 + part % 2;
          const float* const own = &sums.value[part][i / 2][n][i % 2 * 2];
          std::byte* const to = t + Tile::Offset(row, column) +
                                (SumChannel<Tile>(n) - first) * static_cast<int>(sizeof(Element));
          if constexpr (sizeof(Element) == 2)
            StoreVector(to, __floats2half2_rn(own[0] * f0, own[1] * f1));
          else
            StoreVector(to, make_float2(own[0] * f0, own[1] * f1));
        }
      }
    }
  }

  // A thread's two columns of outputs of one piece of channels, kSegmentRows rows from row to row of T: four
  // outputs above each other are under way, number o in sums[o % 4].
  template <class Tile, class Element>
  static __device__ void FilterColumns(const Params& p, const OutputPlace& place, int first,
                                       const std::byte* t) {
    constexpr int kChannels = Piece<Element>::kChannels, kRows = Tile::kSegmentRows;
    const int segment = WarpIndex() / Tile::kPairWarps, piece = LaneIndex() / 8;
    const int pair = WarpIndex() % Tile::kPairWarps * 8 + LaneIndex() % 8;
    if (!Inside(segment, Tile::kSegments) || !Inside(pair, Tile::kPairs)) return;
    float filter[4][4];
    MIEN_UNROLL
    for (int i = 0; i < 16; ++i) filter[i / 4][i % 4] = p.filter[15 - i] * p.conv.op.filter_gain;
    t += Tile::Offset(segment * kRows + 1, 2 * pair) + piece * kPieceBytes;
    const int row = 2 * place.row + segment * kRows, column = 2 * (place.column + pair);
    const int channel = place.channel + first + piece * kChannels;
    float sums[4][2][kChannels] = {};
    for (int from = 0; from < kRows + 3; from += 4) {
      MIEN_UNROLL
      for (int i = 0; i < 4; ++i) {
        const int s = from + i;  // row of T
        if (s >= kRows + 3) break;
        AddRow<Tile, Element>(t + Tile::Offset(s, 0), filter, s, i, sums);
        if (s >= 3) StoreOutputs<Element>(p.conv, place, row + s - 3, column, channel, sums[(i + 1) % 4]);
      }
    }
  }

  // Adds row s of T, i = s % 4, to the outputs that it belongs to. The first of its five columns is left of
  // the pair.
  template <class Tile, class Element>
  static __device__ void AddRow(const std::byte* t, const float (&filter)[4][4], int s, int i,
                                float (&sums)[4][2][Piece<Element>::kChannels]) {
    constexpr int kChannels = Piece<Element>::kChannels;
    MIEN_UNROLL
    for (int c = 0; c < kChannels; ++c) sums[i][0][c] = sums[i][1][c] = 0.0f;
    MIEN_UNROLL
    for (int column = 0; column < 5; ++column) {
      Piece<Element> piece;
      piece.bits = LoadVector<uint4>(t + Tile::Offset(0, column + 1));
      float value[kChannels];
      MIEN_UNROLL
      for (int c = 0; c < kChannels; ++c) value[c] = ToFloat(piece.element[c]);
      MIEN_UNROLL
      for (int a = 0; a < 4; ++a) {
        if (s < a || s - a >= Tile::kSegmentRows) continue;  // nobody's: time, not numbers
        MIEN_UNROLL
        for (int c = 0; c < kChannels; ++c) {
          float(&to)[2][kChannels] = sums[(i - a + 4) % 4];
          if (column < 4) to[0][c] = fmaf(filter[a][column], value[c], to[0][c]);
          if (column > 0) to[1][c] = fmaf(filter[a][column - 1], value[c], to[1][c]);
        }
      }
    }
  }

  // One piece of channels of two neighbouring outputs.
  template <class Element>
  static __device__ void StoreOutputs(const ModConvFinish::Params& p, const OutputPlace& place, int row,
                                      int column, int channel,
                                      const float (&sums)[2][Piece<Element>::kChannels]) {
    constexpr int kChannels = Piece<Element>::kChannels;
    const int width = 2 * place.width, pixels = 2 * place.height * width;
    if (!Inside(row, 2 * place.height) || !Inside(channel, p.stored)) return;
    MIEN_UNROLL
    for (int k = 0; k < 2; ++k) {
      const int pixel = row * width + column + k;
      if (!Inside(column + k, width)) continue;
      const float noise =
          p.noise != nullptr ? p.strength[0] * p.noise[place.sample * p.op.noise_stride + pixel] : 0.0f;
      Piece<Element> plain, styled;
      MIEN_UNROLL
      for (int c = 0; c < kChannels; ++c) {
        const int o = channel + c;
        const bool real = Inside(o, p.outputs);
        const float v = real ? ModConvFinish::Value(p, sums[k][c] + noise + p.bias[o]) : 0.0f;
        const bool style = real && p.next_style != nullptr;
        plain.element[c] = ToElement<Element>(v);
        styled.element[c] =
            ToElement<Element>(style ? v * p.next_style[place.sample * p.op.next_style_stride + o] : v);
      }
      const int64_t to = (int64_t{place.sample} * pixels + pixel) * p.stored + channel;
      if (p.plain != nullptr) StoreVector(static_cast<Element*>(p.plain) + to, plain.bits);
      if (p.y != nullptr) StoreVector(static_cast<Element*>(p.y) + to, styled.bits);
    }
  }
};

}  // namespace

Status RunUpConv(const FastModConv::Params& params, const FastCall& call) {
  const FastModConv::Weights& w = params.weights;
  const auto* packed = static_cast<const std::byte*>(call.in[FastModConv::kPacked]);
  GemmLayer layer = {};
  layer.x = static_cast<const std::byte*>(call.in[FastModConv::kX]);
  layer.weights = packed;
  layer.partial = static_cast<float*>(call.scratch);
  layer.height = layer.out_height = params.height;
  layer.width = layer.out_width = params.width;
  layer.pixel_bytes = layer.channel_bytes =
      static_cast<int>(MapChannels(w.inputs)) * ElementBytes(w.precision);
  layer.top = layer.left = 2;
  layer.group_outputs = GemmOutputs(w.outputs);
  layer.chunks = GemmChunks(w.precision, w.inputs);
  const UpConvFinish::Params finish = {FinishOf(params, call),
                                       reinterpret_cast<const float*>(packed + ModConvPacked(w).filter)};
  return WithUpConvTile(params, [&]<class Tile>() {
    layer.grid = ModConvGrid<Tile>(params);
    return WithElement(w.precision, [&]<class Element>() {
      return RunGemm<Tile, Element, UpConvFinish>(layer, params.batch, finish, call.stream);
    });
  });
}

}  // namespace mien::MIEN_EXECUTOR
