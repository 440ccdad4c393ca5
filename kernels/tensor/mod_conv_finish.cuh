// What follows the sums of a modulated convolution (mod_conv.h): factor, noise, bias, activation, the next
// style and the image of ToRGB.
#pragma once

#include <limits>

#include "kernels/tensor/implicit_gemm.cuh"
#include "kernels/tensor/mod_conv_plan.h"
#include "kernels/tensor/skip.cuh"

namespace mien::MIEN_EXECUTOR {

// The transposed form with the filter fused (up_conv.cu).
Status RunUpConv(const FastModConv::Params& params, const FastCall& call);

struct ModConvFinish {
  struct Params {
    const float *factor, *noise, *strength, *bias, *next_style;  // noise and next_style: null where absent
    const float *rgb_weight, *rgb_bias, *rgb_filter, *rgb_style,
        *skip;        // read with image; skip: null where absent
    void *y, *plain;  // maps; null: not stored
    float* image;
    int outputs, stored, rgb;
    float slope, clamp, rgb_clamp;  // of op; 1 and infinite where op has none
    FastModConv::Params op;
  };

  // The epilogue of the implicit GEMM. Padded channels become zero.
  template <class Tile, class Element>
  static __device__ void Finish(const Params& p, const OutputPlace& place, Sums<Tile>& sums,
                                std::byte* shared) {
    static_assert(Tile::Window::kParts == 1);
    auto& v = sums.value[0];
    Activated<Tile>(p, place, v);
    const int64_t map = int64_t{place.sample} * place.height * place.width * p.stored;
    if (p.image != nullptr) {
      SumColours<Tile>(p, place, v, reinterpret_cast<float*>(shared));
      __syncthreads();  // sums of colours: written by all warps | read by Paint
      Paint<Tile>(p, place, reinterpret_cast<float*>(shared));
    }
    if (p.plain != nullptr) {
      __syncthreads();  // sums of colours: read by Paint | overwritten by the result tile
      StoreResult<Tile>(place, v, shared, static_cast<Element*>(p.plain) + map, p.stored, p.stored);
    }
    if (p.y == nullptr) return;
    if (p.next_style != nullptr) TimesStyle<Tile>(p, place, v);
    __syncthreads();  // sums of colours or result tile: read by all warps | overwritten by the result tile
    StoreResult<Tile>(place, v, shared, static_cast<Element*>(p.y) + map, p.stored, p.stored);
  }

  static __device__ float Value(const Params& p, float t) {
    const float v = (t < 0.0f ? t * p.slope : t) * p.op.act_gain;
    return fminf(fmaxf(v, -p.clamp), p.clamp);
  }

 private:
  template <class Tile>
  using Values = float (&)[Tile::kFragmentsM][Tile::kFragmentsN][4];

  template <class Tile>
  static __device__ void Activated(const Params& p, const OutputPlace& place, Values<Tile> v) {
    const float* const factor = p.factor + place.sample * p.op.factor_stride;
    float noise[Tile::kFragmentsM][2];
    MIEN_UNROLL
    for (int i = 0; i < Tile::kFragmentsM * 2; ++i) {
      const int pixel = PixelOf<Tile>(place, SumRow<Tile>(i / 2, i % 2));
      const bool noisy = p.noise != nullptr && pixel >= 0;
      noise[i / 2][i % 2] = noisy ? p.strength[0] * p.noise[place.sample * p.op.noise_stride + pixel] : 0.0f;
    }
    MIEN_UNROLL
    for (int i = 0; i < Tile::kFragmentsN * 2; ++i) {
      const int n = i / 2, e = i % 2, channel = place.channel + SumChannel<Tile>(n) + e;
      const bool real = Inside(channel, p.outputs);
      const float own_factor = real ? factor[channel] : 0.0f, bias = real ? p.bias[channel] : 0.0f;
      MIEN_UNROLL
      for (int j = 0; j < Tile::kFragmentsM * 2; ++j) {
        float& own = v[j / 2][n][j % 2 * 2 + e];
        own = real ? Value(p, fmaf(own, own_factor, noise[j / 2][j % 2]) + bias) : 0.0f;
      }
    }
  }

  template <class Tile>
  static __device__ void TimesStyle(const Params& p, const OutputPlace& place, Values<Tile> v) {
    const float* const style = p.next_style + place.sample * p.op.next_style_stride;
    MIEN_UNROLL
    for (int i = 0; i < Tile::kFragmentsN * 2; ++i) {
      const int n = i / 2, e = i % 2, channel = place.channel + SumChannel<Tile>(n) + e;
      const float own = Inside(channel, p.outputs) ? style[channel] : 0.0f;
      MIEN_UNROLL
      for (int j = 0; j < Tile::kFragmentsM * 2; ++j) v[j / 2][n][j % 2 * 2 + e] *= own;
    }
  }

  // Per warp of outputs, colour and pixel of the tile: the sum over the warp's channels, each lane's in
  // order, then lanes at distance 1 and 2.
  template <class Tile>
  static __device__ void SumColours(const Params& p, const OutputPlace& place, Values<Tile> v,
                                    float* of_warp) {
    const float* const style = p.rgb_style + place.sample * p.op.rgb_style_stride;
    of_warp += WarpIndex() % Tile::kWarpsN * p.rgb * Tile::kPixels;
    for (int c = 0; c < p.rgb; ++c) {
      float weight[Tile::kFragmentsN][2];
      MIEN_UNROLL
      for (int i = 0; i < Tile::kFragmentsN * 2; ++i) {
        const int channel = SumChannel<Tile>(i / 2) + i % 2;
        weight[i / 2][i % 2] =
            Inside(channel, p.outputs) ? p.rgb_weight[c * p.outputs + channel] * style[channel] : 0.0f;
      }
      MIEN_UNROLL
      for (int j = 0; j < Tile::kFragmentsM * 2; ++j) {
        float sum = 0.0f;
        MIEN_UNROLL
        for (int i = 0; i < Tile::kFragmentsN * 2; ++i)
          sum = fmaf(v[j / 2][i / 2][j % 2 * 2 + i % 2], weight[i / 2][i % 2], sum);
        sum += __shfl_xor_sync(kFullWarp, sum, 1);
        sum += __shfl_xor_sync(kFullWarp, sum, 2);
        if (LaneIndex() % 4 == 0) of_warp[c * Tile::kPixels + SumRow<Tile>(j / 2, j % 2)] = sum;
      }
    }
  }

  // The image at the tile's pixels: warps of outputs in order, bias, clamp, and the skip image.
  template <class Tile>
  static __device__ void Paint(const Params& p, const OutputPlace& place, const float* of_warp) {
    for (int i = ThreadIndex(); Inside(i, p.rgb * Tile::kPixels); i += Tile::kThreads) {
      const int c = i / Tile::kPixels, r = i % Tile::kPixels, pixel = PixelOf<Tile>(place, r);
      if (pixel < 0) continue;
      float v = 0.0f;
      MIEN_UNROLL
      for (int warp = 0; warp < Tile::kWarpsN; ++warp) v += of_warp[warp * p.rgb * Tile::kPixels + i];
      v += p.rgb_bias[c];
      v = fminf(fmaxf(v, -p.rgb_clamp), p.rgb_clamp);
      const int plane = place.sample * p.rgb + c, size = place.height * place.width;
      if (p.skip != nullptr) {
        v += UpsampledSkip(p.skip + plane * (size / 4), p.rgb_filter, p.op.rgb_filter_gain,
                           place.row + r / Tile::kWidth, place.column + r % Tile::kWidth, place.height,
                           place.width);
      }
      p.image[int64_t{plane} * size + pixel] = v;
    }
  }
};

// The epilogue's pointers for a call.
inline ModConvFinish::Params FinishOf(const FastModConv::Params& params, const FastCall& call) {
  const ModConvPacked place(params.weights);
  const auto* packed = static_cast<const std::byte*>(call.in[FastModConv::kPacked]);
  const auto weights = [&](uint64_t offset) { return reinterpret_cast<const float*>(packed + offset); };
  const auto in = [&](FastModConv::Operand i) { return static_cast<const float*>(call.in[i]); };
  ModConvFinish::Params p = {};
  p.factor = in(FastModConv::kFactor);
  p.noise = in(FastModConv::kNoise);
  p.strength = weights(place.strength);
  p.bias = weights(place.bias);
  p.next_style = in(FastModConv::kNextStyle);
  p.rgb_weight = weights(place.rgb_weight);
  p.rgb_bias = weights(place.rgb_bias);
  p.rgb_filter = weights(place.rgb_filter);
  p.rgb_style = in(FastModConv::kRgbStyle);
  p.skip = in(FastModConv::kSkip);
  p.y = call.out[FastModConv::kY];
  p.plain = call.out[FastModConv::kPlain];
  p.image = static_cast<float*>(call.out[FastModConv::kImage]);
  p.outputs = params.weights.outputs;
  p.stored = static_cast<int>(MapChannels(params.weights.outputs));
  p.rgb = params.weights.rgb;
  const auto limit = [](float clamp) {
    return clamp > 0.0f ? clamp : std::numeric_limits<float>::infinity();
  };
  p.slope = params.act == Activation::kLeaky ? params.slope : 1.0f;
  p.clamp = limit(params.clamp);
  p.rgb_clamp = limit(params.rgb_clamp);
  p.op = params;
  return p;
}

}  // namespace mien::MIEN_EXECUTOR
