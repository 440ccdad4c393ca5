// Packed: bias[rows][outputs] as floats, from the next 16 bytes on weight[groups][outputs][pixels][channels]
// with the channels of a map.
#include "kernels/tensor/map_linear.h"

#include <vector>

#include "kernels/tensor/pack.h"
#include "kernels/tensor/tile.h"

namespace mien {
namespace {

int64_t WeightPixels(const MapLinear::Weights& w) { return w.pooled ? 1 : w.pixels; }

}  // namespace

uint64_t MapLinear::PackedBytes(const Weights& w) {
  return BiasBytes(w.rows * w.outputs) +
         MapBytes(w.precision, w.groups * w.outputs, WeightPixels(w), 1, w.channels);
}

void MapLinear::Pack(const Weights& w, Inputs<float> sources, std::byte* packed) {
  const int64_t pixels = WeightPixels(w), stored = MapChannels(w.channels);
  std::memset(packed, 0, PackedBytes(w));
  std::byte* const elements = packed + BiasBytes(w.rows * w.outputs);
  std::vector<double> bias(static_cast<size_t>(w.rows * w.outputs));
  for (int g = 0; g < w.groups; ++g) {
    const View<const float>&weight = sources[kWeight + 2 * g], &b = sources[kBias + 2 * g];
    for (int m = 0; m < w.outputs; ++m) {
      const Affine after = NormOf(sources.subspan(kGamma, 4), m, w.eps);
      double sum = b.present() ? double{b.data[m]} * w.bias_gain : 0.0;
      for (int c = 0; c < w.channels; ++c) {
        const Affine before = NormOf(sources.subspan(kPreGamma, 4), c, w.pre_eps);
        for (int64_t p = 0; p < pixels; ++p) {
          const double v = weight.data[(int64_t{m} * w.channels + c) * pixels + p] * double{w.gain};
          sum += v * before.shift;
          const double folded = v * before.scale * after.scale / (w.pooled ? w.pixels : 1);
          const int64_t at = ((int64_t{g} * w.outputs + m) * pixels + p) * stored + c;
          StoreElement(w.precision, static_cast<float>(folded), elements + at * ElementBytes(w.precision));
        }
      }
      bias[static_cast<size_t>(g * w.outputs + m)] = sum * after.scale + after.shift;
    }
  }
  for (int l = w.rows - 1; l >= 0; --l) {
    for (int m = 0; m < w.outputs; ++m) {
      const auto at = static_cast<size_t>(l * w.outputs + m);
      if (w.stacked && l > 0) bias[at] += bias[static_cast<size_t>(m)];
      if (sources[kAverage].present()) bias[at] += sources[kAverage].data[at];
    }
  }
  const std::vector<float> floats(bias.begin(), bias.end());
  std::memcpy(packed, floats.data(), floats.size() * sizeof(float));
}

uint64_t MapLinear::ResultBytes(const Params& p, int) {
  return sizeof(float) * static_cast<uint64_t>(p.batch) *
         static_cast<uint64_t>(p.weights.rows * p.weights.outputs);
}

FastCost MapLinear::Count(const Params& p) {
  const Weights& w = p.weights;
  const int64_t sums = w.groups + (w.stacked ? w.rows - 1 : 0);
  const uint64_t x = MapBytes(w.precision, p.batch, w.pixels, 1, w.groups * MapChannels(w.channels));
  return {1, p.batch * sums * w.outputs * w.pixels * MapChannels(w.channels),
          static_cast<int64_t>(x + PackedBytes(w) + ResultBytes(p, kY))};
}

}  // namespace mien
