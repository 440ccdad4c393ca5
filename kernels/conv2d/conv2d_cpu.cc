// conv2d on the CPU: the implicit matrix product of gemm/conv.h, or Winograd's algorithm; bias and batch norm
// are one scale and one shift per channel, computed in double when the weights are packed. Packed: scale [O],
// shift [O], weight panels.
#include "kernels/conv2d/conv2d_cpu.h"

#include <cmath>

#include "kernels/gemm/finish.h"

namespace mien {
namespace {

// What the packed weights depend on.
gemm::Conv WeightGeometry(const Conv2d::Params& params, const Shape& weight) {
  gemm::Conv conv;
  const int kernel = static_cast<int>(weight[2]);
  conv.in_channels = weight[1];
  conv.out_channels = weight[0];
  conv.stride = params.stride;
  for (int ky = 0; ky < kernel; ++ky) {
    for (int kx = 0; kx < kernel; ++kx) {
      conv.tap[conv.taps++] = {ky - params.pad, kx - params.pad, ky * kernel + kx};
    }
  }
  return conv;
}

int64_t WeightOffset(const Shape& weight) { return gemm::RoundUp(2 * weight[0], gemm::kTile); }

struct Epilogue {
  const Conv2d::Params& params;
  const CpuCall& call;

  static void Take(const void* context, const gemm::Sums& sums) {
    const auto& [params, call] = *static_cast<const Epilogue*>(context);
    const Shape& y = call.out[0].shape;
    const int64_t channel = sums.channel;
    const int64_t index = (sums.sample * y[1] + channel) * y[2] * y[3] + sums.pixel;
    gemm::Finish finish;
    finish.scale = call.packed[channel];
    finish.shift = call.packed[y[1] + channel];
    if (call.in[Conv2d::kResidual].present()) finish.addend = call.in[Conv2d::kResidual].data + index;
    if (params.act == Activation::kRelu) finish.slope = 0.0f;
    if (params.act == Activation::kLeaky) finish.slope = params.slope;
    if (params.act == Activation::kPRelu) finish.slope = call.in[Conv2d::kPrelu].data[channel];
    gemm::FinishRows(finish, sums, call.out[0].data + index, y[3]);
  }
};

}  // namespace

int64_t Conv2d::PackedFloats(const Params& params, Shapes in) {
  const Shape& weight = in[kWeight];
  const int64_t floats = TakesWinograd(params, in[kX], weight)
                             ? gemm::PackedWinogradFloats(weight[1], weight[0])
                             : weight.elements();
  return WeightOffset(weight) + floats;
}

void Conv2d::Pack(const Params& params, Inputs<float> in, float* packed) {
  const Shape& weight = in[kWeight].shape;
  const int64_t channels = weight[0];
  for (int64_t o = 0; o < channels; ++o) {
    const double bias = in[kBias].present() ? in[kBias].data[o] : 0.0;
    double scale = 1.0, shift = bias;
    if (in[kGamma].present()) {
      scale = in[kGamma].data[o] / std::sqrt(double{in[kVar].data[o]} + params.eps);
      shift = (bias - in[kMean].data[o]) * scale + in[kBeta].data[o];
    }
    packed[o] = static_cast<float>(scale);
    packed[channels + o] = static_cast<float>(shift);
  }
  float* panels = packed + WeightOffset(weight);
  if (TakesWinograd(params, in[kX].shape, weight)) {
    gemm::PackWinograd(weight[1], channels, in[kWeight].data, 1.0f, panels);
  } else {
    gemm::PackWeight(WeightGeometry(params, weight), in[kWeight].data, weight[2] * weight[3], 1.0f, panels);
  }
}

int64_t Conv2d::ScratchFloats(const Params& params, Shapes in, int threads) {
  const Shape &x = in[kX], &weight = in[kWeight];
  if (TakesWinograd(params, x, weight)) {
    return threads * gemm::WinogradThreadFloats(gemm::Winograd::Of(x, weight), x[0], threads);
  }
  return threads * gemm::ThreadScratchFloats(WeightGeometry(params, weight));
}

void Conv2d::Cpu(const Params& params, const CpuCall& call) {
  const Shape &x = call.in[kX].shape, &weight = call.in[kWeight].shape, &y = call.out[0].shape;
  const Epilogue epilogue = {params, call};
  const gemm::Sink sink = {&Epilogue::Take, &epilogue};
  const float* panels = call.packed + WeightOffset(weight);
  if (TakesWinograd(params, x, weight)) {
    gemm::ConvolveWinograd(gemm::Winograd::Of(x, weight), panels, call.in[kX], nullptr, {0, y[2]},
                           call.threads, call.scratch, sink);
    return;
  }
  gemm::Conv conv = WeightGeometry(params, weight);
  conv.height = x[2];
  conv.width = x[3];
  conv.out_width = y[3];
  conv.plane = x[2] * x[3];
  conv.row_end = x[2];
  gemm::ConvolveBatch(conv, panels, call.in[kX].data, nullptr, x[0], {0, y[2]}, call.threads, call.scratch,
                      sink);
}

}  // namespace mien
