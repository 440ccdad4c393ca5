// conv2d on the CPU: the implicit matrix product of cpu/conv/conv.h, Winograd's algorithm, or for very few pixels
// a matrix product with the output channels as columns (cpu/conv/few_pixels.h); bias and batch norm are one scale
// and one shift per channel, computed in double when the weights are packed. Packed: scale [O], shift [O],
// the weight as the form needs it.
#include "kernels/conv2d/conv2d_cpu.h"

#include <cmath>

#include "kernels/cpu/conv/few_pixels.h"
#include "kernels/cpu/conv/finish.h"

namespace mien {
namespace {

gemm::Conv Geometry(const Conv2d::Params& params, const Shape& x, const Shape& weight) {
  gemm::Conv conv;
  const int kernel = static_cast<int>(weight[2]);
  conv.in_channels = weight[1];
  conv.out_channels = weight[0];
  conv.height = conv.row_end = x[2];
  conv.width = x[3];
  conv.out_width = OutputSide(params, x[3], weight);
  conv.plane = x[2] * x[3];
  conv.stride = params.stride;
  const bool drop = FormOf(params, x, weight) == Conv2dForm::kFewPixels;
  for (int ky = 0; ky < kernel; ++ky) {
    if (drop && !TapLives(params, x[2], weight, ky)) continue;
    for (int kx = 0; kx < kernel; ++kx) {
      if (drop && !TapLives(params, x[3], weight, kx)) continue;
      conv.tap[conv.taps++] = {ky - params.pad, kx - params.pad, ky * kernel + kx};
    }
  }
  return conv;
}

int64_t WeightFloats(const Conv2d::Params& params, const Shape& x, const Shape& weight) {
  switch (FormOf(params, x, weight)) {
    case Conv2dForm::kWinograd:
      return gemm::TransformedWeights::PackedFloats(weight[1], weight[0], WinogradOf(params, x, weight).late);
    case Conv2dForm::kNested:
      return gemm::TransformedWeights::PackedFloats(weight[1], weight[0],
                                                    NestedDownOf(params, x, weight).late);
    case Conv2dForm::kFewPixels:
      return gemm::PackedFewPixelsFloats(Geometry(params, x, weight));
    default:
      return weight.elements();
  }
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
    if (channel + 1 < y[1]) finish.ahead = y[2] * y[3];
    if (params.act == Activation::kRelu) finish.slope = 0.0f;
    if (params.act == Activation::kLeaky) finish.slope = params.slope;
    if (params.act == Activation::kPRelu) finish.slope = call.in[Conv2d::kPrelu].data[channel];
    gemm::FinishRows(finish, sums, call.out[0].data + index, y[3]);
  }
};

}  // namespace

int64_t Conv2d::PackedFloats(const Params& params, Shapes in) {
  return WeightOffset(in[kWeight]) + WeightFloats(params, in[kX], in[kWeight]);
}

void Conv2d::Pack(const Params& params, Inputs<float> in, float* packed) {
  const Shape &x = in[kX].shape, &shape = in[kWeight].shape;
  const int64_t channels = shape[0];
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
  packed += WeightOffset(shape);
  const float* weight = in[kWeight].data;
  switch (FormOf(params, x, shape)) {
    case Conv2dForm::kWinograd:
      return gemm::PackWinograd(WinogradOf(params, x, shape), weight, 1.0f, packed);
    case Conv2dForm::kNested:
      return gemm::PackNestedDown(NestedDownOf(params, x, shape), weight, packed);
    case Conv2dForm::kFewPixels:
      return gemm::PackFewPixels(Geometry(params, x, shape), weight, shape[2] * shape[3], packed);
    case Conv2dForm::kDirect:
      return gemm::PackWeight(Geometry(params, x, shape), weight, shape[2] * shape[3], 1.0f, packed);
  }
}

int64_t Conv2d::ScratchFloats(const Params& params, Shapes in, int threads) {
  const Shape &x = in[kX], &weight = in[kWeight];
  const gemm::Conv conv = Geometry(params, x, weight);
  switch (FormOf(params, x, weight)) {
    case Conv2dForm::kWinograd:
      return gemm::WinogradScratchFloats(WinogradOf(params, x, weight), x[0], threads);
    case Conv2dForm::kNested:
      return gemm::NestedDownScratchFloats(NestedDownOf(params, x, weight), x[0], threads);
    case Conv2dForm::kFewPixels:
      return gemm::FewPixelsScratchFloats(conv, x[0], OutputSide(params, x[2], weight) * conv.out_width,
                                          threads);
    default:
      return threads * gemm::ThreadScratchFloats(conv);
  }
}

void Conv2d::Cpu(const Params& params, const CpuCall& call) {
  const View<const float>& x = call.in[kX];
  const Shape &weight = call.in[kWeight].shape, &y = call.out[0].shape;
  const Epilogue epilogue = {params, call};
  const gemm::Sink sink = {&Epilogue::Take, &epilogue};
  const float* packed = call.packed + WeightOffset(weight);
  const gemm::Conv conv = Geometry(params, x.shape, weight);
  switch (FormOf(params, x.shape, weight)) {
    case Conv2dForm::kWinograd:
      return gemm::ConvolveWinograd(WinogradOf(params, x.shape, weight), packed, x, nullptr, {0, y[2]},
                                    call.threads, call.scratch, sink);
    case Conv2dForm::kNested:
      return gemm::ConvolveNestedDown(NestedDownOf(params, x.shape, weight), packed, x.data, y[0],
                                      call.threads, call.scratch, sink);
    case Conv2dForm::kFewPixels:
      return gemm::ConvolveFewPixels(conv, packed, x.data, y[0], y[2] * y[3], call.threads, call.scratch,
                                     sink);
    case Conv2dForm::kDirect:
      return gemm::ConvolveBatch(conv, packed, x.data, nullptr, y[0], {0, y[2]}, call.threads, call.scratch,
                                 sink);
  }
}

}  // namespace mien
