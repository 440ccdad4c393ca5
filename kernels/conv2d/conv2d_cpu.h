// Which convolutions the CPU computes by Winograd's algorithm; decided by the shape of a sample.
#pragma once

#include "kernels/conv2d/conv2d.h"
#include "kernels/gemm/winograd.h"

namespace mien {

inline bool TakesWinograd(const Conv2d::Params& params, const Shape& x, const Shape& weight) {
  return params.winograd && weight[2] == 3 && params.stride == 1 && params.pad == 1 &&
         gemm::Winograd::Of(x, weight).Wins();
}

}  // namespace mien
