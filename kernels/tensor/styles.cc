#include "kernels/tensor/styles.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mien {
namespace {

constexpr int64_t WholeVectors(int64_t floats) { return (floats + 3) / 4 * 4; }
constexpr int Parts(int n, int size) { return (n + size - 1) / size; }

// Writes rows of `from` side by side, each padded with zeros to `stride`, times `gain`.
void PackRows(const float* from, int64_t rows, int64_t columns, int64_t stride, float gain, float* to) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) to[r * stride + c] = from[r * columns + c] * gain;
  }
}

// q_oi = sum_k W_oik^2.
void PackSquares(const float* weight, int64_t outputs, int64_t inputs, int64_t taps, int64_t stride,
                 float* to) {
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t i = 0; i < inputs; ++i) {
      double sum = 0.0;
      for (int64_t k = 0; k < taps; ++k) {
        const double w = weight[(o * inputs + i) * taps + k];
        sum += w * w;
      }
      to[o * stride + i] = static_cast<float>(sum);
    }
  }
}

}  // namespace

StylesLayout::StylesLayout(const Styles::Weights& weights) {
  w_stride = static_cast<int>(WholeVectors(weights.w_dim));
  affine_jobs = factor_jobs = style_floats = most_inputs = 0;
  for (size_t l = 0; l < weights.layers.size(); ++l) {
    const Styles::Layer& from = weights.layers[l];
    layers[l] = {
        from.row, from.inputs, from.outputs, from.demodulate, from.gain, from.eps, style_floats, 0, 0, 0};
    style_floats += static_cast<int>(WholeVectors(from.inputs));
    most_inputs = std::max(most_inputs, from.inputs);
    affine_jobs += weights.w_dim == 0 ? 0 : Parts(from.inputs, kRows);
    factor_jobs += std::max(1, Parts(from.outputs, kOutputs));
  }
  floats = 0;
  const auto place = [&](int64_t count) { return std::exchange(floats, floats + WholeVectors(count)); };
  const auto table = [&](size_t entry, int64_t entries) {
    return place((static_cast<int64_t>(entry) * entries + 3) / 4);
  };
  layer_table = table(sizeof(Layer), static_cast<int64_t>(weights.layers.size()));
  affine_table = table(sizeof(Job), affine_jobs);
  factor_table = table(sizeof(Job), factor_jobs);
  constant =
      place(weights.constant_pixels == 0 ? 0 : weights.constant_pixels * MapChannels(layers[0].inputs));
  for (size_t l = 0; l < weights.layers.size(); ++l) {
    Layer& layer = layers[l];
    layer.affine = place(int64_t{layer.inputs} * w_stride);
    layer.bias = place(weights.w_dim == 0 ? 0 : layer.inputs);
    layer.squares = place(layer.demodulate == 0 ? 0 : layer.outputs * WholeVectors(layer.inputs));
  }
}

uint64_t Styles::PackedBytes(const Weights& weights) {
  return sizeof(float) * static_cast<uint64_t>(StylesLayout(weights).floats);
}

void Styles::Pack(const Weights& weights, Inputs<float> sources, std::byte* packed) {
  const StylesLayout layout(weights);
  const int layers = static_cast<int>(weights.layers.size());
  float* const floats = reinterpret_cast<float*>(packed);
  std::memset(packed, 0, PackedBytes(weights));
  std::copy_n(layout.layers, layers, reinterpret_cast<StylesLayout::Layer*>(floats + layout.layer_table));
  auto* affine_job = reinterpret_cast<StylesLayout::Job*>(floats + layout.affine_table);
  auto* factor_job = reinterpret_cast<StylesLayout::Job*>(floats + layout.factor_table);
  if (weights.constant_pixels > 0) {
    const int64_t channels = layout.layers[0].inputs, pixels = weights.constant_pixels;
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t p = 0; p < pixels; ++p)
        floats[layout.constant + p * MapChannels(channels) + c] = sources[kConstant].data[c * pixels + p];
    }
  }
  for (int l = 0; l < layers; ++l) {
    const StylesLayout::Layer& to = layout.layers[l];
    const Layer& from = weights.layers[static_cast<size_t>(l)];
    const auto source = [&](int index) { return sources[static_cast<size_t>(index)]; };
    for (int part = 0; part < std::max(1, Parts(to.outputs, StylesLayout::kOutputs)); ++part)
      *factor_job++ = {l, part * StylesLayout::kOutputs};
    if (weights.w_dim > 0) {
      for (int part = 0; part < Parts(to.inputs, StylesLayout::kRows); ++part)
        *affine_job++ = {l, part * StylesLayout::kRows};
      PackRows(source(AffineWeightOf(l)).data, to.inputs, weights.w_dim, layout.w_stride, from.affine_gain,
               floats + to.affine);
      const View<const float> bias = source(AffineBiasOf(l));
      if (bias.present()) PackRows(bias.data, 1, to.inputs, to.inputs, from.bias_gain, floats + to.bias);
    }
    if (to.demodulate != 0) {
      const View<const float> weight = source(WeightOf(l));
      PackSquares(weight.data, to.outputs, to.inputs, weight.shape[2] * weight.shape[3],
                  WholeVectors(to.inputs), floats + to.squares);
    }
  }
}

uint64_t Styles::ResultBytes(const Params& params, int result) {
  const Weights& weights = params.weights;
  if (result == kConstantMap) {
    return weights.constant_pixels == 0 ? 0
                                        : MapBytes(params.precision, params.batch, weights.constant_pixels, 1,
                                                   weights.layers[0].inputs);
  }
  const size_t layer = static_cast<size_t>(result - 1) / 2;
  if (layer >= weights.layers.size()) return 0;
  const int channels = result == StyleOf(static_cast<int>(layer)) ? weights.layers[layer].inputs
                                                                  : weights.layers[layer].outputs;
  return sizeof(float) * static_cast<uint64_t>(params.batch * MapChannels(channels));
}

uint64_t Styles::ScratchBytes(const Params& params) {
  if (params.weights.w_dim == 0) return 0;
  return sizeof(float) * static_cast<uint64_t>(params.batch) *
         static_cast<uint64_t>(StylesLayout(params.weights).style_floats);
}

FastCost Styles::Count(const Params& params) {
  FastCost cost;
  cost.launches = params.weights.w_dim > 0 ? 2 : 1;
  uint64_t bytes = PackedBytes(params.weights) + 2 * ScratchBytes(params);
  for (int r = 0; r < kResults; ++r) bytes += ResultBytes(params, r);
  for (const Layer& layer : params.weights.layers) {
    bytes += sizeof(float) * static_cast<uint64_t>(params.batch) *
             static_cast<uint64_t>(params.weights.w_dim > 0 ? params.weights.w_dim : layer.inputs);
    cost.multiply_adds += int64_t{params.batch} * layer.inputs *
                          (params.weights.w_dim + (layer.demodulate ? layer.outputs : 0));
  }
  cost.bytes = static_cast<int64_t>(bytes);
  return cost;
}

}  // namespace mien
