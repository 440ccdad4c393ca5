// mod_conv on the CPU. The modulation moves from the weights to the activations: x is multiplied by s while
// tiles are gathered (cpu/conv/conv.h), the sum by d afterwards, so the packed weights serve every sample. d
// needs only the energy of each kernel: sum_ik (g W_oik s_i)^2 = sum_i s_i^2 q_oi with q_oi = g^2 sum_k
// W_oik^2. Packed: weight panels, of four phases when up, or transformed; q as feature tiles when
// demodulating; the filter (fir.h) when up. Scratch: d [N][O rounded to a tile], the squared styles, then one
// block per thread.
#include "kernels/mod_conv/mod_conv_cpu.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/conv/finish.h"
#include "kernels/cpu/rows.h"

namespace mien {
namespace {

int64_t RoundedFeatures(int64_t features) { return gemm::RoundUp(features, gemm::kTile); }

// Floats of scratch before the threads' blocks.
int64_t SharedScratchFloats(const ModConv::Params& params, const Shape& x, const Shape& weight) {
  if (!params.demodulate) return 0;
  return x[0] * RoundedFeatures(weight[0]) + gemm::RoundUp(x[0] * x[1], gemm::kTile);
}

// d [N][rounded O], reading q.
void Demodulate(const ModConv::Params& params, const CpuCall& call, const float* q) {
  const Shape &x = call.in[ModConv::kX].shape, &weight = call.in[ModConv::kWeight].shape;
  const float* style = call.in[ModConv::kStyle].data;
  const int64_t tiles = RoundedFeatures(weight[0]) / gemm::kTile;
  float* d = call.scratch;
  float* squares = d + x[0] * tiles * gemm::kTile;
  for (int64_t i = 0; i < x[0] * x[1]; ++i) squares[i] = style[i] * style[i];
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const float* energies = q + tile * x[1] * gemm::kTile;
    gemm::MultiplyRows({.rows = x[0],
                        .depth = x[1],
                        .x = squares,
                        .x_stride = x[1],
                        .tile = energies,
                        .next = energies + x[1] * gemm::kTile,
                        .y = d + tile * gemm::kTile,
                        .y_stride = tiles * gemm::kTile});
  }
  for (int64_t k = 0; k < x[0] * tiles * gemm::kTile; ++k) d[k] = 1.0f / std::sqrt(d[k] + params.eps);
}

struct Epilogue {
  const ModConv::Params& params;
  const CpuCall& call;

  static void Take(const void* context, const gemm::Sums& sums) {
    const auto& [params, call] = *static_cast<const Epilogue*>(context);
    FinishModConv(params, call, sums);
  }
};

}  // namespace

void FinishModConv(const ModConv::Params& params, const CpuCall& call, const gemm::Sums& sums) {
  const Shape& y = call.out[0].shape;
  const View<const float>& noise = call.in[ModConv::kNoise];
  const View<const float>& bias = call.in[ModConv::kBias];
  gemm::Finish finish;
  if (params.demodulate) finish.scale = call.scratch[sums.sample * RoundedFeatures(y[1]) + sums.channel];
  if (bias.present()) finish.shift = bias.data[sums.channel];
  if (noise.present()) {
    finish.addend = noise.data + (noise.shape[0] > 1 ? sums.sample * noise.Plane() : 0) + sums.pixel;
    finish.addend_gain = call.in[ModConv::kNoiseStrength].data[0];
  }
  if (params.act == Activation::kLeaky) finish.slope = params.slope;
  finish.gain = params.act_gain;
  if (sums.channel + 1 < y[1]) finish.ahead = call.out[0].Plane();
  if (params.clamp > 0) finish.limit = params.clamp;
  float* target = call.out[0].data + (sums.sample * y[1] + sums.channel) * call.out[0].Plane() + sums.pixel;
  gemm::FinishRows(finish, sums, target, y[3]);
}

// Floats of the packed weight alone.
int64_t WeightFloats(const ModConv::Params& params, const Shape& x, const Shape& weight) {
  if (TakesWinograd(params, x, weight) || TakesNested(params, x, weight))
    return gemm::TransformedWeights::PackedFloats(weight[1], weight[0], LateWeights(params, weight));
  return gemm::RoundUp(weight.elements(), gemm::kTile);
}

gemm::Conv PlainGeometry(const Shape& weight) {
  gemm::Conv conv;
  conv.in_channels = weight[1];
  conv.out_channels = weight[0];
  for (int ky = 0; ky < 3; ++ky) {
    for (int kx = 0; kx < 3; ++kx) conv.tap[conv.taps++] = {ky - 1, kx - 1, ky * 3 + kx};
  }
  return conv;
}

int64_t ModConv::PackedFloats(const Params& params, Shapes in) {
  const Shape& weight = in[kWeight];
  int64_t floats = WeightFloats(params, in[kX], weight);
  if (params.demodulate) floats += gemm::PackedFeaturesFloats(weight[0], weight[1]);
  return params.up ? floats + Fir::kFloats : floats;
}

void ModConv::Pack(const Params& params, Inputs<float> in, float* packed) {
  const Shape& shape = in[kWeight].shape;
  const float* weight = in[kWeight].data;
  if (TakesNested(params, in[kX].shape, shape)) {
    PackNestedUp(shape, LateWeights(params, shape), weight, params.weight_gain, packed);
  } else if (params.up) {
    PackPhases(shape, weight, params.weight_gain, packed);
  } else if (TakesWinograd(params, in[kX].shape, shape)) {
    gemm::PackWinograd(WinogradOf(params, in[kX].shape, shape), weight, params.weight_gain, packed);
  } else {
    gemm::PackWeight(PlainGeometry(shape), weight, 9, params.weight_gain, packed);
  }
  packed += WeightFloats(params, in[kX].shape, shape);
  if (params.demodulate) {
    const auto energy = [&](int64_t o, int64_t i) {
      double sum = 0;
      for (int64_t k = 0; k < 9; ++k) {
        const double value = double{params.weight_gain} * weight[(o * shape[1] + i) * 9 + k];
        sum += value * value;
      }
      return static_cast<float>(sum);
    };
    gemm::PackFeatures(shape[0], shape[1], energy, packed);
    packed += gemm::PackedFeaturesFloats(shape[0], shape[1]);
  }
  if (params.up) PackFir(in[kFilter].data, params.filter_gain, packed);
}

int64_t ModConv::ScratchFloats(const Params& params, Shapes in, int threads) {
  const Shape &x = in[kX], &weight = in[kWeight];
  int64_t floats = SharedScratchFloats(params, x, weight);
  if (TakesNested(params, x, weight)) {
    floats += NestedUpScratchFloats(x, weight, LateWeights(params, weight), threads, false);
  } else if (params.up) {
    floats += threads * UpThreadFloats(x, weight);
  } else if (TakesWinograd(params, x, weight)) {
    floats += gemm::WinogradScratchFloats(WinogradOf(params, x, weight), x[0], threads);
  } else {
    floats += threads * gemm::ThreadScratchFloats(PlainGeometry(weight));
  }
  return floats;
}

int64_t ModConv::RangeScratchFloats(const Params& params, Shapes in, int threads) {
  const Shape &x = in[kX], &weight = in[kWeight];
  if (!TakesNested(params, x, weight)) return ScratchFloats(params, in, threads);
  return SharedScratchFloats(params, x, weight) +
         NestedUpScratchFloats(x, weight, LateWeights(params, weight), threads, true);
}

RowGrid ModConv::Rows(const Params& params, Shapes in) {
  if (TakesNested(params, in[kX], in[kWeight])) return kNestedUpRows;
  if (params.up) return {UpRowStep(), 0};
  return {TakesWinograd(params, in[kX], in[kWeight]) ? gemm::kWinogradTile : 1, 0};
}

int64_t ModConv::CarryFloats(const Params& params, Shapes in) {
  return TakesNested(params, in[kX], in[kWeight]) ? NestedUpCarryFloats(in[kX], in[kWeight]) : 0;
}

RowRange ModConv::RowsRead(const Params& params, Shapes in, int, RowRange out) {
  const Shape &x = in[kX], &weight = in[kWeight];
  if (TakesNested(params, x, weight)) return NestedUpRowsRead(x, out);
  if (params.up) return UpRowsRead(x, out);
  if (TakesWinograd(params, x, weight)) return gemm::WinogradRowsRead(WinogradOf(params, x, weight), out);
  return {std::max<int64_t>(0, out.begin - 1), std::min(x[2], out.end + 1)};
}

void ModConv::Cpu(const Params& params, const CpuCall& call) {
  const Shape &x = call.in[kX].shape, &weight = call.in[kWeight].shape;
  const float* rest = call.packed + WeightFloats(params, x, weight);
  if (params.demodulate) {
    Demodulate(params, call, rest);
    rest += gemm::PackedFeaturesFloats(weight[0], weight[1]);
  }
  float* thread_scratch = call.scratch + SharedScratchFloats(params, x, weight);
  const Epilogue epilogue = {params, call};
  const gemm::Sink sink = {&Epilogue::Take, &epilogue};
  const float* style = call.in[kStyle].data;
  const RowRange rows = call.OutRows();
  if (params.up) {
    const Fir fir = UnpackFir(rest);
    if (TakesNested(params, x, weight))
      return NestedUpConv(call, LateWeights(params, weight), fir, thread_scratch, sink);
    return UpConv(call, fir, thread_scratch, sink);
  }
  if (TakesWinograd(params, x, weight)) {
    gemm::ConvolveWinograd(WinogradOf(params, x, weight), call.packed, call.in[kX], style, rows, call.threads,
                           thread_scratch, sink);
    return;
  }
  gemm::Conv conv = PlainGeometry(weight);
  conv.height = x[2];
  conv.width = conv.out_width = x[3];
  conv.plane = call.in[kX].Plane();
  conv.row_end = std::min(x[2], rows.end + 1);
  gemm::ConvolveBatch(conv, call.packed, call.in[kX].data, style, x[0], rows, call.threads, thread_scratch,
                      sink);
}

}  // namespace mien
