#include "graph/networks/face_layers.h"

#include <algorithm>

namespace mien {
namespace {

constexpr float kBatchNormEps = 0.001f;

ValueId AppendAct(const Module& module, const std::string& path, const FaceAct& act, ValueId x) {
  if (act.act == Activation::kNone && act.clamp == 0.0f) return x;
  BiasAct::Params params;
  params.act = act.act;
  params.slope = act.slope;
  params.clamp = act.clamp;
  const ValueId y = module.builder().Call<BiasAct>(path, params, {x, kAbsent, kAbsent, kAbsent, kAbsent});
  module.Trace(path, y);
  return y;
}

}  // namespace

PadSizes PadsOf(Padding padding, int64_t side, int kernel, int stride) {
  if (padding == Padding::kValid) return {};
  const int64_t all = std::max<int64_t>(0, ((side + stride - 1) / stride - 1) * stride + kernel - side);
  return {static_cast<int>(all / 2), static_cast<int>(all % 2)};
}

ValueId AppendConv(const Module& module, const FaceConv& layer, ValueId x, ValueId residual) {
  Builder& b = module.builder();
  const ValueId weight = module.Weight(layer.path + "/" + layer.weight);
  const PadSizes pads =
      PadsOf(layer.padding, b.ShapeOf(x)[2], static_cast<int>(b.ShapeOf(weight)[2]), layer.stride);
  Conv2d::Params params;
  params.stride = layer.stride;
  params.pad = pads.pad;
  params.end_pad = pads.end_pad;
  const auto scale = [&](const char* part) { return layer.scaled ? module.Weight(layer.path + part) : kAbsent; };
  const ValueId bias = module.Weight(layer.path + "/" + layer.bias);
  const ValueId gamma = scale("/scale/weights"), beta = scale("/scale/biases");
  if (!module.tracing()) {
    params.act = layer.act.act;
    params.slope = layer.act.slope;
    params.clamp = layer.act.clamp;
    return b.Call<Conv2d>(layer.path, params, {x, weight, bias, gamma, beta, kAbsent, kAbsent, residual, kAbsent});
  }
  ValueId y = b.Call<Conv2d>(layer.path, params, {x, weight, bias, gamma, beta, kAbsent, kAbsent, kAbsent, kAbsent});
  module.Trace(layer.path, y);
  if (residual != kAbsent) {
    y = b.Call<Add>(layer.path + "/sum", {}, {y, residual});
    module.Trace(layer.path + "/sum", y);
  }
  return AppendAct(module, layer.path + "/act", layer.act, y);
}

ValueId AppendDepthwise(const Module& module, const FaceDepthwise& layer, ValueId x) {
  Builder& b = module.builder();
  const PadSizes pads = PadsOf(Padding::kSame, b.ShapeOf(x)[2], DepthwiseConv::kKernel, layer.stride);
  DepthwiseConv::Params params;
  params.stride = layer.stride;
  params.pad = pads.pad;
  params.end_pad = pads.end_pad;
  params.eps = kBatchNormEps;
  const ValueId weight = module.Weight(layer.path + "/" + layer.weight);
  const auto norm = [&](const char* part) {
    return layer.norm ? module.Weight(layer.path + "/BatchNorm/" + part) : kAbsent;
  };
  const ValueId gamma = norm("gamma"), beta = norm("beta"), mean = norm("moving_mean"), var = norm("moving_variance");
  if (!module.tracing()) {
    params.pre = layer.pre_relu ? Activation::kRelu : Activation::kNone;
    params.act = layer.act.act;
    params.slope = layer.act.slope;
    params.clamp = layer.act.clamp;
    return b.Call<DepthwiseConv>(layer.path, params, {x, weight, kAbsent, gamma, beta, mean, var});
  }
  if (layer.pre_relu) x = AppendAct(module, layer.path + "/pre", {.act = Activation::kRelu}, x);
  const std::string path = layer.path + "/depthwise";
  ValueId y = b.Call<DepthwiseConv>(path, params, {x, weight, kAbsent, kAbsent, kAbsent, kAbsent, kAbsent});
  module.Trace(path, y);
  if (layer.norm) {
    y = b.Call<BatchNorm>(layer.path + "/BatchNorm", {.eps = kBatchNormEps}, {y, gamma, beta, mean, var});
    module.Trace(layer.path + "/BatchNorm", y);
  }
  return AppendAct(module, path + "/act", layer.act, y);
}

ValueId AppendSeparable(const Module& module, const FaceSeparable& layer, ValueId x, ValueId residual) {
  const ValueId y =
      AppendDepthwise(module, {.path = layer.path, .stride = layer.stride, .pre_relu = layer.pre_relu}, x);
  return AppendConv(module, {.path = layer.path, .weight = "pointwise_filter", .act = layer.act}, y, residual);
}

ValueId AppendMaxPool(const Module& module, const std::string& path, int kernel, int stride, Padding padding,
                      ValueId x) {
  const PadSizes pads = PadsOf(padding, module.builder().ShapeOf(x)[2], kernel, stride);
  const Pool2d::Params params = {
      .kernel = kernel, .stride = stride, .pad = pads.pad, .end_pad = pads.end_pad};
  const ValueId y = module.builder().Call<Pool2d>(path, params, {x});
  module.Trace(path, y);
  return y;
}

ValueId AppendDenseBlocks(const Module& module, int blocks, ValueId image) {
  constexpr FaceAct kRelu = {.act = Activation::kRelu};
  ValueId x = image;
  for (int block = 0; block < blocks; ++block) {
    const std::string path = "dense" + std::to_string(block) + "/conv";
    ValueId sum = block == 0 ? AppendConv(module, {.path = path + "0", .stride = 2, .act = kRelu}, x)
                             : AppendSeparable(module, {.path = path + "0", .stride = 2, .act = kRelu}, x);
    for (int layer = 1; layer < 4; ++layer) {  // each gives the sum of all so far, and the last relu of it
      sum = AppendSeparable(module,
                            {.path = path + std::to_string(layer),
                             .pre_relu = layer > 1,
                             .act = layer == 3 ? kRelu : FaceAct()},
                            sum, sum);
    }
    x = sum;
  }
  x = module.builder().Call<GlobalAvgPool>("avg_pool", {}, {x});
  module.Trace("avg_pool", x);
  return x;
}

ValueId AppendFullyConnected(const Module& module, const std::string& path, ValueId x) {
  const ValueId y = module.builder().Call<Linear>(
      path, {}, {x, module.Weight(path + "/weights"), module.Weight(path + "/bias"), kAbsent, kAbsent, kAbsent});
  module.Trace(path, y);
  return y;
}

}  // namespace mien
