#include "kernels/tensor/mod_conv.h"

#include <algorithm>

#include "kernels/tensor/mod_conv_plan.h"
#include "kernels/tensor/up_conv.h"

namespace mien {
namespace {

int64_t OutputPixels(const FastModConv::Params& p) {
  return int64_t{p.height} * p.width * (p.weights.up ? 4 : 1);
}

}  // namespace

uint64_t FastModConv::PackedBytes(const Weights& weights) { return ModConvPacked(weights).end; }

void FastModConv::Pack(const Weights& weights, Inputs<float> sources, std::byte* packed) {
  const ModConvPacked place(weights);
  const float* w = sources[kWeight].data;
  PackGemm(
      weights.precision, weights.inputs, weights.outputs, 9,
      [&](int o, int i, int tap) {
        return w[(int64_t{o} * weights.inputs + i) * 9 + (weights.up ? UpWindow::Tap(tap) : tap)];
      },
      packed);
  const auto copy = [&](Source source, uint64_t from, uint64_t to) {
    const View<const float>& view = sources[source];
    if (view.present())
      std::memcpy(packed + from, view.data, to - from);
    else
      std::memset(packed + from, 0, to - from);
  };
  copy(kNoiseStrength, place.strength, place.bias);
  copy(kBias, place.bias, place.rgb_weight);
  copy(kRgbWeight, place.rgb_weight, place.rgb_bias);
  copy(kRgbBias, place.rgb_bias, place.rgb_filter);
  copy(kRgbFilter, place.rgb_filter, place.filter);
  copy(kFilter, place.filter, place.end);
}

uint64_t FastModConv::ResultBytes(const Params& p, int result) {
  const int scale = p.weights.up ? 2 : 1;
  if (result == kImage)
    return sizeof(float) * static_cast<uint64_t>(p.batch * OutputPixels(p) * p.weights.rgb);
  if (!(result == kY ? p.store : p.store_plain)) return 0;
  return MapBytes(p.weights.precision, p.batch, int64_t{p.height} * scale, int64_t{p.width} * scale,
                  p.weights.outputs);
}

uint64_t FastModConv::ScratchBytes(const Params& p) {
  if (p.weights.up) return UpConvScratchBytes(p);
  return WithModConvTile(p, [&]<class Tile>() {
    return PartialBytes<Tile>(ModConvGrid<Tile>(p), p.batch);
  });
}

int64_t ModConvOperandBytes(const FastModConv::Params& p) {
  const uint64_t x = MapBytes(p.weights.precision, p.batch, p.height, p.width, p.weights.inputs);
  const int64_t noise = OutputPixels(p) * (p.noise_stride > 0 ? p.batch : 1);
  const int64_t rows = int64_t{p.batch} * p.weights.outputs * (p.weights.rgb > 0 ? 3 : 2);
  const int64_t skip = p.batch * OutputPixels(p) / 4 * p.weights.rgb;
  uint64_t bytes = x + FastModConv::PackedBytes(p.weights) + 4 * static_cast<uint64_t>(noise + rows + skip);
  for (int r = 0; r < FastModConv::kResults; ++r) bytes += FastModConv::ResultBytes(p, r);
  return static_cast<int64_t>(bytes);
}

FastCost FastModConv::Count(const Params& p) {
  if (p.weights.up) return UpConvCount(p);
  return WithModConvTile(p, [&]<class Tile>() {
    const int chunks = GemmChunks(p.weights.precision, p.weights.inputs);
    const GemmGrid grid = ModConvGrid<Tile>(p);
    const auto partial = static_cast<int64_t>(PartialBytes<Tile>(grid, p.batch));  // written, then read
    return FastCost{grid.splits > 1 ? 2 : 1,
                    GemmMultiplyAdds<Tile>(p.weights.precision, grid, chunks, p.batch),
                    ModConvOperandBytes(p) + 2 * partial, p.weights.precision};
  });
}

}  // namespace mien
