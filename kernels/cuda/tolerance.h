// How far the plain kernels may be from the double reference.
#pragma once

#include "kernels/ops.h"

namespace mien {

// max|device - reference| / rms(reference) of the plain kernels over their small cases: measured on 2026-11-23 (conv2d,
// depthwise_conv, pool2d and affine_coupling 2026-11-29), x 1.5.
template <class Op>
inline constexpr double kTolerance = 0.0;  // copies
template <>
constexpr double kTolerance<PixelNorm> = 1.7e-7;
template <>
constexpr double kTolerance<Linear> = 7.0e-7;
template <>
constexpr double kTolerance<BroadcastRows> = 1.3e-7;
template <>
constexpr double kTolerance<ModConv> = 1.7e-6;
template <>
constexpr double kTolerance<ToRgb> = 3.7e-7;
template <>
constexpr double kTolerance<Upsample> = 4.8e-7;
template <>
constexpr double kTolerance<BiasAct> = 4.8e-7;
template <>
constexpr double kTolerance<Conv2d> = 2.9e-6;
template <>
constexpr double kTolerance<DepthwiseConv> = 6.3e-7;
template <>
constexpr double kTolerance<BatchNorm> = 4.7e-7;
template <>
constexpr double kTolerance<SqueezeExcite> = 6.0e-7;
template <>
constexpr double kTolerance<ScaleChannels> = 1.7e-7;
template <>
constexpr double kTolerance<Pool2d> = 7.9e-7;
template <>
constexpr double kTolerance<Resize> = 2.8e-7;
template <>
constexpr double kTolerance<GlobalAvgPool> = 2.1e-7;
template <>
constexpr double kTolerance<Add> = 1.3e-7;
template <>
constexpr double kTolerance<StackRows> = 2.0e-7;
template <>
constexpr double kTolerance<L2Normalize> = 1.8e-7;
template <>
constexpr double kTolerance<AffineCoupling> = 4.4e-7;
template <>
constexpr double kTolerance<FlowNorm> = 4.6e-7;
template <>
constexpr double kTolerance<MatMul> = 3.0e-6;
template <>
constexpr double kTolerance<Pointwise> = 1.0e-6;

}  // namespace mien
