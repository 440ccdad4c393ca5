// bias_act on the CPU: bound by memory; the compiler vectorizes every activation but the sigmoid.
#include "kernels/bias_act/bias_act.h"

#include <cmath>
#include <limits>

#include "kernels/cpu/spans.h"

namespace mien {

namespace {

struct Row {
  const float* x;
  const float* noise;  // null: none
  float* y;
  int64_t begin, end;
  float strength, bias, gain, limit;
};

template <bool kNoisy, class Act>
void RunRow(const Row& row, const Act& act) {
  const float* __restrict x = row.x;
  const float* __restrict noise = row.noise;
  float* __restrict y = row.y;
  const float strength = row.strength, bias = row.bias, gain = row.gain, limit = row.limit;
  for (int64_t i = row.begin; i < row.end; ++i) {
    float t = x[i];
    if constexpr (kNoisy) t += strength * noise[i];
    t = act(t + bias) * gain;
    t = t < -limit ? -limit : t;
    y[i] = t > limit ? limit : t;
  }
}

template <class Act>
void RunRow(const Row& row, const Act& act) {
  row.noise != nullptr ? RunRow<true>(row, act) : RunRow<false>(row, act);
}

void RunRow(const Row& row, Activation act, float slope) {
  switch (act) {
    case Activation::kNone: return RunRow(row, [](float t) { return t; });
    case Activation::kRelu: return RunRow(row, [](float t) { return t < 0 ? 0.0f : t; });
    case Activation::kLeaky:
    case Activation::kPRelu:
      // One of the two terms is zero: the same bits as a choice, and the compiler has vectors for it.
      return RunRow(row, [slope](float t) { return (t < 0 ? 0.0f : t) + slope * (t < 0 ? t : 0.0f); });
    case Activation::kSigmoid: return RunRow(row, [](float t) { return 1.0f / (1.0f + std::exp(-t)); });
  }
}

}  // namespace

void BiasAct::Cpu(const Params& params, const CpuCall& call) {
  const Shape& shape = call.in[kX].shape;
  const int64_t n = shape[0], c = shape[1], plane = shape.elements() / (n * c);
  const View<const float>&noise = call.in[kNoise], &bias = call.in[kBias];
  const bool noise_per_sample = noise.present() && noise.shape[0] == n;
  ForSpans(call.threads, n * c, plane, [&](int64_t index, int64_t begin, int64_t end) {
    const int64_t sample = index / c, channel = index % c;
    Row row;
    row.x = call.in[kX].data + index * plane;
    row.noise = noise.present() ? noise.data + (noise_per_sample ? sample * plane : 0) : nullptr;
    row.y = call.out[0].data + index * plane;
    row.begin = begin;
    row.end = end;
    row.strength = noise.present() ? call.in[kNoiseStrength].data[0] : 0.0f;
    row.bias = bias.present() ? bias.data[channel] : 0.0f;
    row.gain = params.act_gain;
    row.limit = params.clamp > 0 ? params.clamp : std::numeric_limits<float>::infinity();
    RunRow(row, params.act, params.act == Activation::kPRelu ? call.in[kPrelu].data[channel] : params.slope);
  });
}

}  // namespace mien
