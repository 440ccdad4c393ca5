// conv2d on the CPU: a form of the convolution (cpu/conv/form.h), then bias and batch norm as one scale and one shift
// per channel, computed in double when the weights are packed. Packed: scale [O], shift [O], the weight as the form
// needs it.
#include "kernels/conv2d/conv2d.h"
#include "kernels/cpu/conv/direct.h"
#include "kernels/cpu/conv/few_pixels.h"
#include "kernels/cpu/conv/finish.h"
#include "kernels/cpu/conv/nested_down.h"
#include "kernels/cpu/conv/winograd.h"
#include "kernels/infer.h"

namespace mien {
namespace {

gemm::Convolution FormOf(const Conv2d::CpuParams& params, const Shape& x, const Shape& weight) {
  const gemm::ConvShape conv = {
      .in_channels = weight[1],
      .out_channels = weight[0],
      .height = x[2],
      .width = x[3],
      .kernel = weight[2],
      .stride = params.stride,
      .pad = params.pad,
      .end_pad = params.end_pad,
      .on_the_fly = params.on_the_fly && gemm::WorthTransformingOnTheFly(weight[1], weight[0])};
  if (params.winograd && conv.kernel == 3 && conv.pad == 1 && conv.end_pad == 0) {
    if (conv.stride == 1 && gemm::Winograd::IsFaster(conv)) return {gemm::kForm<gemm::Winograd>, conv};
    if (conv.stride == 2 && gemm::NestedDown::IsFaster(conv)) return {gemm::kForm<gemm::NestedDown>, conv};
  }
  return {gemm::FewPixels::IsFaster(conv) ? gemm::kForm<gemm::FewPixels> : gemm::kForm<gemm::Direct>, conv};
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
    if (channel + 1 < y[1]) finish.prefetch_offset = y[2] * y[3];
    if (params.act == Activation::kRelu) finish.slope = 0.0f;
    if (params.act == Activation::kLeaky) finish.slope = params.slope;
    if (params.act == Activation::kPRelu) finish.slope = call.in[Conv2d::kPrelu].data[channel];
    if (params.clamp > 0) finish.limit = params.clamp;
    gemm::FinishRows(finish, sums, call.out[0].data + index, y[3]);
  }
};

}  // namespace

Cost Conv2d::Count(const CpuParams& params, Shapes in) {
  const auto [form, conv] = FormOf(params, in[kX], in[kWeight]);
  const int64_t batch = in[kX][0];
  Cost cost = CostOf<Conv2d>(params, in, batch * conv.OutHeight() * conv.OutWidth() * conv.Weights());
  cost.products = form.Products(conv, batch);
  return cost;
}

bool Conv2d::SamePacking(const CpuParams& a, Shapes a_in, const CpuParams& b, Shapes b_in) {
  return FormOf(a, a_in[kX], a_in[kWeight]).SamePacking(FormOf(b, b_in[kX], b_in[kWeight])) && a.eps == b.eps;
}

int64_t Conv2d::PackedFloats(const CpuParams& params, Shapes in) {
  const auto [form, conv] = FormOf(params, in[kX], in[kWeight]);
  return WeightOffset(in[kWeight]) + form.PackedFloats(conv);
}

void Conv2d::Pack(const CpuParams& params, Inputs<float> in, float* packed) {
  const Shape& weight = in[kWeight].shape;
  gemm::PackScaleAndShift(in.subspan(kBias, 5), params.eps, weight[0], packed);
  const auto [form, conv] = FormOf(params, in[kX].shape, weight);
  form.Pack(conv, in[kWeight].data, 1.0f, packed + WeightOffset(weight));
}

int64_t Conv2d::ScratchFloats(const CpuParams& params, Shapes in, int threads) {
  const auto [form, conv] = FormOf(params, in[kX], in[kWeight]);
  return form.ScratchFloats(conv, in[kX][0], threads, false);
}

void Conv2d::Cpu(const CpuParams& params, const CpuCall& call) {
  const Shape& weight = call.in[kWeight].shape;
  const auto [form, conv] = FormOf(params, call.in[kX].shape, weight);
  const Epilogue epilogue = {params, call};
  form.Run(conv, {.x = call.in[kX],
                  .packed = call.packed + WeightOffset(weight),
                  .rows = call.OutRows(),
                  .threads = call.threads,
                  .scratch = call.scratch,
                  .sink = {&Epilogue::Take, &epilogue}});
}

}  // namespace mien
