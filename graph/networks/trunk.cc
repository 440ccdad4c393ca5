#include "graph/networks/trunk.h"

namespace mien {
namespace {

// y = u * sigmoid(fc2 . relu(fc1 . mean(u))) + shortcut
ValueId SqueezeAndExcite(const Module& m, const std::string& path, const std::string& sum_path, int reduction,
                         ValueId u, ValueId shortcut) {
  Builder& b = m.builder();
  if (!m.tracing()) {
    return b.Call<SqueezeExcite>(
        path, {}, {u, m.Weight(path + ".fc1.weight"), m.Weight(path + ".fc2.weight"), shortcut});
  }
  ValueId e = b.Call<GlobalAvgPool>(path + ".avg_pool", {}, {u});
  m.Trace(path + ".avg_pool", e);
  const int64_t channels = b.ShapeOf(u)[1], squeezed = channels / reduction;
  const auto excite = [&](const char* fc, const Shape& weight, const char* act_name, Activation act) {
    const ValueId matrix = m.Weight(path + fc + ".weight", weight);
    e = b.Call<Linear>(path + fc, {}, {e, matrix, kAbsent, kAbsent, kAbsent, kAbsent});
    m.Trace(path + fc, e);
    BiasAct::Params params;
    params.act = act;
    e = b.Call<BiasAct>(path + act_name, params, {e, kAbsent, kAbsent, kAbsent, kAbsent});
    m.Trace(path + act_name, e);
  };
  excite(".fc1", {squeezed, channels}, ".relu", Activation::kRelu);
  excite(".fc2", {channels, squeezed}, ".sigmoid", Activation::kSigmoid);
  const ValueId scaled = b.Call<ScaleChannels>(path, {}, {u, e});
  m.Trace(path, scaled);
  m.Trace(sum_path + ".res_layer", scaled);  // the last module of the public Sequential is its output
  return b.Call<Add>(sum_path, {}, {scaled, shortcut});
}

ValueId Shortcut(const Module& m, const std::string& path, bool same_channels, int stride, ValueId x) {
  if (!same_channels) {
    ConvLayer layer;
    layer.conv = path + ".0";
    layer.norm = path + ".1";
    layer.stride = stride;
    const ValueId y = m.Conv(layer, x);
    m.Trace(path, y);
    return y;
  }
  if (stride == 1) return x;
  Subsample::Params params;
  params.stride = stride;
  const ValueId y = m.builder().Call<Subsample>(path, params, {x});
  m.Trace(path, y);
  return y;
}

// Batch norm, 3x3 convolution, PReLU, strided 3x3 convolution, batch norm, squeeze-and-excitation, shortcut.
ValueId Block(const Module& m, const std::string& path, bool same_channels, int reduction, int stride,
              ValueId x) {
  // The shortcut first: from then on x is needed only by the batch norm, so its memory is free early.
  const ValueId shortcut = Shortcut(m, path + ".shortcut_layer", same_channels, stride, x);
  const std::string layers = path + ".res_layer";
  ValueId y = m.Norm(layers + ".0", x);
  m.Trace(layers + ".0", y);
  ConvLayer first;
  first.conv = layers + ".1";
  first.act = Activation::kPRelu;
  first.act_path = layers + ".2";
  y = m.Conv(first, y);
  ConvLayer second;
  second.conv = layers + ".3";
  second.norm = layers + ".4";
  second.stride = stride;
  y = m.Conv(second, y);
  y = SqueezeAndExcite(m, layers + ".5", path, reduction, y, shortcut);
  m.Trace(path, y);
  return y;
}

}  // namespace

std::vector<ValueId> AppendTrunk(const Module& m, const TrunkConfig& trunk, ValueId image) {
  ConvLayer input;
  input.conv = "input_layer.0";
  input.norm = "input_layer.1";
  input.act = Activation::kPRelu;
  input.act_path = "input_layer.2";
  ValueId x = m.Conv(input, image);
  m.Trace("input_layer", x);
  std::vector<ValueId> stages;
  int channels = trunk.input_channels_out, index = 0;
  for (size_t stage = 0; stage < trunk.stage_channels.size(); ++stage) {
    const int depth = trunk.stage_channels[stage];
    for (int block = 0; block < trunk.stage_blocks[stage]; ++block, ++index, channels = depth) {
      x = Block(m, "body." + std::to_string(index), channels == depth, trunk.se_reduction, block == 0 ? 2 : 1,
                x);
    }
    stages.push_back(x);
  }
  return stages;
}

}  // namespace mien
