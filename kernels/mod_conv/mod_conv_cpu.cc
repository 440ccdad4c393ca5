// mod_conv on the CPU. The modulation moves from the weights to the activations: x is multiplied by s as a form of the
// convolution reads it (cpu/conv/form.h), the sum by d afterwards, so the packed weights serve every sample. d needs
// only the energy of each kernel: sum_ik (g W_oik s_i)^2 = sum_i s_i^2 q_oi with q_oi = g^2 sum_k W_oik^2. Packed: the
// weight as the form needs it; q as feature tiles when demodulating; the filter (fir.h) when up. Scratch: d [N][O
// rounded to a tile], the squared styles, then the form's.
#include <cmath>

#include "kernels/cpu/conv/direct.h"
#include "kernels/cpu/conv/finish.h"
#include "kernels/cpu/conv/nested_up.h"
#include "kernels/cpu/conv/phases_up.h"
#include "kernels/cpu/conv/winograd.h"
#include "kernels/cpu/rows.h"
#include "kernels/infer.h"
#include "kernels/mod_conv/mod_conv.h"

namespace mien {
namespace {

gemm::Convolution FormOf(const ModConv::CpuParams& params, const Shape& x, const Shape& weight) {
  const bool winograd = params.winograd;
  const gemm::ConvShape conv = {
      .in_channels = weight[1],
      .out_channels = weight[0],
      .height = x[2],
      .width = x[3],
      .up = params.up,
      .on_the_fly = params.on_the_fly && gemm::WorthTransformingOnTheFly(weight[1], weight[0])};
  if (conv.up) {
    const bool nested = winograd && gemm::NestedUp::IsFaster(conv);
    return {nested ? gemm::kForm<gemm::NestedUp> : gemm::kForm<gemm::PhasesUp>, conv};
  }
  return {winograd && gemm::Winograd::IsFaster(conv) ? gemm::kForm<gemm::Winograd> : gemm::kForm<gemm::Direct>, conv};
}

int64_t WeightFloats(const gemm::Convolution& c) { return gemm::RoundUp(c.form.PackedFloats(c.shape), gemm::kTile); }

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

// Demodulation, noise, bias, activation, gain and clamp: the sums become pixels of the output.
struct Epilogue {
  const ModConv::Params& params;
  const CpuCall& call;

  static void Take(const void* context, const gemm::Sums& sums) {
    const auto& [params, call] = *static_cast<const Epilogue*>(context);
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
    if (sums.channel + 1 < y[1]) finish.prefetch_offset = call.out[0].Plane();
    if (params.clamp > 0) finish.limit = params.clamp;
    float* target = call.out[0].data + (sums.sample * y[1] + sums.channel) * call.out[0].Plane() + sums.pixel;
    gemm::FinishRows(finish, sums, target, y[3]);
  }
};

}  // namespace

// The direct algorithm: the transposed convolution does nine multiply-adds per input pixel and pair of channels, the
// filter 16 per output.
Cost ModConv::Count(const CpuParams& params, Shapes in) {
  const Shape& x = in[kX];
  const int64_t channels = in[kWeight][0], pixels = x[0] * x[2] * x[3];
  const int64_t filter = params.up ? pixels * 4 * channels * 16 : 0;
  const int64_t demodulate = params.demodulate ? x[0] * channels * x[1] : 0;
  Cost cost = CostOf<ModConv>(params, in, pixels * channels * x[1] * 9 + filter + demodulate);
  const auto [form, conv] = FormOf(params, in[kX], in[kWeight]);
  cost.products = form.Products(conv, x[0]);
  if (params.demodulate) cost.products += x[0] * RoundedFeatures(channels) * x[1];
  return cost;
}

bool ModConv::SamePacking(const CpuParams& a, Shapes a_in, const CpuParams& b, Shapes b_in) {
  return FormOf(a, a_in[kX], a_in[kWeight]).SamePacking(FormOf(b, b_in[kX], b_in[kWeight])) && a.up == b.up &&
         a.demodulate == b.demodulate && a.weight_gain == b.weight_gain && a.filter_gain == b.filter_gain;
}

int64_t ModConv::PackedFloats(const CpuParams& params, Shapes in) {
  const Shape& weight = in[kWeight];
  int64_t floats = WeightFloats(FormOf(params, in[kX], weight));
  if (params.demodulate) floats += gemm::PackedFeaturesFloats(weight[0], weight[1]);
  return params.up ? floats + gemm::Fir::kFloats : floats;
}

void ModConv::Pack(const CpuParams& params, Inputs<float> in, float* packed) {
  const Shape& shape = in[kWeight].shape;
  const float* weight = in[kWeight].data;
  const gemm::Convolution c = FormOf(params, in[kX].shape, shape);
  c.form.Pack(c.shape, weight, params.weight_gain, packed);
  packed += WeightFloats(c);
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
  if (params.up) gemm::PackFir(in[kFilter].data, params.filter_gain, packed);
}

int64_t ModConv::ScratchFloats(const CpuParams& params, Shapes in, int threads) {
  const auto [form, conv] = FormOf(params, in[kX], in[kWeight]);
  return SharedScratchFloats(params, in[kX], in[kWeight]) + form.ScratchFloats(conv, in[kX][0], threads, false);
}

int64_t ModConv::RangeScratchFloats(const CpuParams& params, Shapes in, int threads) {
  const auto [form, conv] = FormOf(params, in[kX], in[kWeight]);
  return SharedScratchFloats(params, in[kX], in[kWeight]) + form.ScratchFloats(conv, in[kX][0], threads, true);
}

RowGrid ModConv::Rows(const CpuParams& params, Shapes in) {
  const auto [form, conv] = FormOf(params, in[kX], in[kWeight]);
  return form.Rows(conv);
}

int64_t ModConv::CarryFloats(const CpuParams& params, Shapes in) {
  const auto [form, conv] = FormOf(params, in[kX], in[kWeight]);
  return form.KeptRowsFloats(conv, in[kX][0]);
}

RowRange ModConv::RowsRead(const CpuParams& params, Shapes in, int, RowRange out) {
  const auto [form, conv] = FormOf(params, in[kX], in[kWeight]);
  return form.RowsRead(conv, out);
}

void ModConv::Cpu(const CpuParams& params, const CpuCall& call) {
  const Shape &x = call.in[kX].shape, &weight = call.in[kWeight].shape;
  const gemm::Convolution c = FormOf(params, x, weight);
  const float* rest = call.packed + WeightFloats(c);
  if (params.demodulate) {
    Demodulate(params, call, rest);
    rest += gemm::PackedFeaturesFloats(weight[0], weight[1]);
  }
  const gemm::Fir fir = params.up ? gemm::UnpackFir(rest) : gemm::Fir();
  const Epilogue epilogue = {params, call};
  c.form.Run(c.shape, {.x = call.in[kX],
                       .style = call.in[kStyle].data,
                       .packed = call.packed,
                       .fir = &fir,
                       .rows = call.OutRows(),
                       .kept_rows = call.carry,
                       .threads = call.threads,
                       .scratch = call.scratch + SharedScratchFloats(params, x, weight),
                       .sink = {&Epilogue::Take, &epilogue}});
}

}  // namespace mien
