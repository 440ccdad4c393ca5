// Images to maps and back: one thread per pixel and group of four channels, so that a warp writes (or reads) its maps
// in whole sectors.
#include "kernels/tensor/convert_map.h"

#include "kernels/tensor/element.cuh"
#include "kernels/tensor/run.cuh"

namespace mien::MIEN_EXECUTOR {
namespace {

constexpr int kThreads = 128, kGroup = 4;

struct ConvertParams {
  const float* image;  // import reads it, export writes `to`
  const float* scale;  // null: absent
  void* map;
  float* to;
  int channels, stored, pixels, scale_stride;
};

template <class Element>
__global__ __launch_bounds__(kThreads) void ImageToMap(ConvertParams p) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), n = static_cast<int>(blockIdx.y);
  const int groups = p.stored / kGroup, pixel = i / groups, first = i % groups * kGroup;
  if (!Inside(pixel, p.pixels)) return;
  Element* to = static_cast<Element*>(p.map) + (int64_t{n} * p.pixels + pixel) * p.stored + first;
  for (int k = 0; k < kGroup; ++k) {
    const int c = first + k;
    float v = 0.0f;
    if (Inside(c, p.channels)) {
      v = p.image[(int64_t{n} * p.channels + c) * p.pixels + pixel];
      if (p.scale != nullptr) v *= p.scale[n * p.scale_stride + c];
    }
    to[k] = ToElement<Element>(v);
  }
}

template <class Element>
__global__ __launch_bounds__(kThreads) void MapToImage(ConvertParams p) {
  const int pixel = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int c = static_cast<int>(blockIdx.y), n = static_cast<int>(blockIdx.z);
  if (!Inside(pixel, p.pixels)) return;
  const Element* from = static_cast<const Element*>(p.map) + (int64_t{n} * p.pixels + pixel) * p.stored + c;
  p.to[(int64_t{n} * p.channels + c) * p.pixels + pixel] = ToFloat(*from);
}

template <class Params>
ConvertParams Dimensions(const Params& params) {
  ConvertParams p = {};
  p.channels = params.channels;
  p.stored = static_cast<int>(MapChannels(params.channels));
  p.pixels = params.height * params.width;
  return p;
}

}  // namespace

template <>
Status RunFast<ImportMap>(const ImportMap::Params& params, const FastCall& call) {
  ConvertParams p = Dimensions(params);
  p.image = static_cast<const float*>(call.in[ImportMap::kImage]);
  p.scale = static_cast<const float*>(call.in[ImportMap::kScale]);
  p.scale_stride = params.scale_stride;
  p.map = call.out[ImportMap::kMap];
  const dim3 grid(Blocks(int64_t{p.pixels} * (p.stored / kGroup), kThreads), static_cast<unsigned>(params.batch));
  return WithElement(params.precision, [&]<class Element>() {
    return Launch<ImageToMap<Element>>(grid, kThreads, 0, call.stream, p);
  });
}

template <>
Status RunFast<ExportMap>(const ExportMap::Params& params, const FastCall& call) {
  ConvertParams p = Dimensions(params);
  p.map = call.in[ExportMap::kMap];
  p.to = static_cast<float*>(call.out[ExportMap::kImage]);
  const dim3 grid(Blocks(p.pixels, kThreads), static_cast<unsigned>(params.channels),
                  static_cast<unsigned>(params.batch));
  return WithElement(params.precision, [&]<class Element>() {
    return Launch<MapToImage<Element>>(grid, kThreads, 0, call.stream, p);
  });
}

}  // namespace mien::MIEN_EXECUTOR
