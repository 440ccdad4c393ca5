// Which form computes a call on the CPU; decided by the shape of a sample.
#pragma once

#include "kernels/conv2d/conv2d.h"
#include "kernels/cpu/conv/nested_down.h"
#include "kernels/cpu/conv/winograd.h"

namespace mien {

enum class Conv2dForm : uint8_t {
  kDirect,
  kFewPixels,  // direct as well, see cpu/conv/few_pixels.h
  kWinograd,
  kNested,
};

inline int64_t OutputSide(const Conv2d::Params& params, int64_t side, const Shape& weight) {
  return (side + 2 * params.pad - weight[2]) / params.stride + 1;
}

// Whether row (or column) `tap` of the kernel reads anything but padding.
inline bool TapLives(const Conv2d::Params& params, int64_t side, const Shape& weight, int64_t tap) {
  for (int64_t i = 0; i < OutputSide(params, side, weight); ++i) {
    const int64_t at = i * params.stride + tap - params.pad;
    if (at >= 0 && at < side) return true;
  }
  return false;
}

inline gemm::Winograd WinogradOf(const Conv2d::Params& params, const Shape& x, const Shape& weight) {
  return gemm::Winograd::Of(x, weight, params.late_weights);
}
inline gemm::NestedDown NestedDownOf(const Conv2d::Params& params, const Shape& x, const Shape& weight) {
  return gemm::NestedDown::Of(x, weight, params.late_weights);
}

inline Conv2dForm FormOf(const Conv2d::Params& params, const Shape& x, const Shape& weight) {
  const int64_t kernel = weight[2];
  if (params.winograd && kernel == 3 && params.pad == 1) {
    if (params.stride == 1 && WinogradOf(params, x, weight).Wins()) return Conv2dForm::kWinograd;
    if (params.stride == 2 && NestedDownOf(params, x, weight).Wins()) return Conv2dForm::kNested;
  }
  const int64_t pixels = OutputSide(params, x[2], weight) * OutputSide(params, x[3], weight);
  const bool few = pixels <= gemm::kTile && weight[0] >= 4 * gemm::kTile;
  return few ? Conv2dForm::kFewPixels : Conv2dForm::kDirect;
}

}  // namespace mien
