#include "kernels/tensor/to_rgb.h"

#include <algorithm>

namespace mien {

uint64_t FastToRgb::PackedBytes(const Weights& weights) {
  return sizeof(float) * static_cast<uint64_t>(weights.colors * (weights.inputs + 1) + 16);
}

void FastToRgb::Pack(const Weights& weights, Inputs<float> sources, std::byte* packed) {
  float* to = reinterpret_cast<float*>(packed);
  const int64_t sizes[kSources] = {int64_t{weights.colors} * weights.inputs, weights.colors, 16};
  for (int s = 0; s < kSources; ++s) {
    if (sources[static_cast<size_t>(s)].present())
      std::copy_n(sources[static_cast<size_t>(s)].data, sizes[s], to);
    else
      std::fill_n(to, sizes[s], 0.0f);
    to += sizes[s];
  }
}

uint64_t FastToRgb::ResultBytes(const Params& params, int) {
  return sizeof(float) * static_cast<uint64_t>(params.batch) * static_cast<uint64_t>(params.weights.colors) *
         static_cast<uint64_t>(params.height) * static_cast<uint64_t>(params.width);
}

// The skip image has a quarter of the result's numbers.
FastCost FastToRgb::Count(const Params& params) {
  const int64_t pixels = int64_t{params.batch} * params.height * params.width;
  const uint64_t bytes =
      MapBytes(params.precision, params.batch, params.height, params.width, params.weights.inputs) +
      PackedBytes(params.weights) + ResultBytes(params, kImage) * 5 / 4;
  return {1, pixels * params.weights.colors * MapChannels(params.weights.inputs),
          static_cast<int64_t>(bytes)};
}

}  // namespace mien
