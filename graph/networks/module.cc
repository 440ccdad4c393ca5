#include "graph/networks/module.h"

namespace mien {

Status CheckBuild(bool has_component, const char* component, int batch) {
  if (!has_component) return Status::Error(Code::kUsage, "the model has no %s", component);
  if (batch < 1) return Status::Error(Code::kUsage, "batch %d, at least 1 expected", batch);
  return {};
}

ValueId Module::Norm(const std::string& path, ValueId x, const BatchNorm::Params& params) const {
  return builder_.Call<BatchNorm>(path, params,
                                  {x, Weight(path + ".weight"), Weight(path + ".bias"),
                                   Weight(path + ".running_mean"), Weight(path + ".running_var")});
}

ValueId Module::FullyConnected(const std::string& path, ValueId x, const Linear::Params& params) const {
  return builder_.Call<Linear>(
      path, params, {x, Weight(path + ".weight"), Weight(path + ".bias"), kAbsent, kAbsent, kAbsent});
}

ValueId Module::Conv(const ConvLayer& layer, ValueId x, ValueId residual) const {
  const ValueId weight = Weight(layer.conv + ".weight");
  Conv2d::Params params;
  params.stride = layer.stride;
  params.pad = static_cast<int>(builder_.ShapeOf(weight)[2] / 2);
  if (tracing()) return TracedConv(layer, params, x, residual);
  params.act = layer.act;
  const bool norm = !layer.norm.empty();
  const auto norm_weight = [&](const char* part) { return norm ? Weight(layer.norm + part) : kAbsent; };
  return builder_.Call<Conv2d>(
      layer.conv, params,
      {x, weight, layer.bias ? Weight(layer.conv + ".bias") : kAbsent, norm_weight(".weight"),
       norm_weight(".bias"), norm_weight(".running_mean"), norm_weight(".running_var"), residual,
       layer.act == Activation::kPRelu ? Weight(layer.act_path + ".weight") : kAbsent});
}

ValueId Module::TracedConv(const ConvLayer& layer, const Conv2d::Params& params, ValueId x,
                           ValueId residual) const {
  ValueId y = builder_.Call<Conv2d>(
      layer.conv, params,
      {x, Weight(layer.conv + ".weight"), layer.bias ? Weight(layer.conv + ".bias") : kAbsent, kAbsent,
       kAbsent, kAbsent, kAbsent, kAbsent, kAbsent});
  Trace(layer.conv, y);
  if (!layer.norm.empty()) {
    y = Norm(layer.norm, y);
    Trace(layer.norm, y);
  }
  if (residual != kAbsent) y = builder_.Call<Add>(layer.act_path + ".residual", {}, {y, residual});
  if (layer.act == Activation::kNone) return y;
  BiasAct::Params act;
  act.act = layer.act;
  act.slope = params.slope;
  y = builder_.Call<BiasAct>(
      layer.act_path, act,
      {y, kAbsent, kAbsent, kAbsent,
       layer.act == Activation::kPRelu ? Weight(layer.act_path + ".weight") : kAbsent});
  Trace(layer.act_path, y);
  return y;
}

}  // namespace mien
