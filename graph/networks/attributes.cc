// Attribute classifier: ResNet18 (arXiv:1512.03385) with the 7x7 stem and without max-pool.
#include "graph/networks/module.h"
#include "graph/networks/networks.h"

namespace mien {
namespace {

// y = relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))
ValueId BasicBlock(const Module& m, const std::string& path, bool plain_shortcut, int stride, ValueId x) {
  ConvLayer first;
  first.conv = path + ".conv1";
  first.norm = path + ".bn1";
  first.stride = stride;
  first.act = Activation::kRelu;
  first.act_path = path + ".relu1";
  const ValueId inner = m.Conv(first, x);
  ValueId shortcut = x;
  if (!plain_shortcut) {
    ConvLayer layer;
    layer.conv = path + ".shortcut.0";
    layer.norm = path + ".shortcut.1";
    layer.stride = stride;
    shortcut = m.Conv(layer, x);
  }
  ConvLayer second;
  second.conv = path + ".conv2";
  second.norm = path + ".bn2";
  second.act = Activation::kRelu;
  second.act_path = path;
  return m.Conv(second, inner, shortcut);
}

}  // namespace

Result<Graph> BuildAttributes(const ModelConfig& config, const AttributesOptions& options,
                              const GraphOptions& graph) {
  MIEN_TRY(CheckBuild(config.attributes.has_value(), "attribute classifier", graph.batch));
  const AttributesConfig& a = *config.attributes;
  Builder b(NameOf(options), config, graph.trace);
  const Module m(&b, "attributes.");
  ConvLayer stem;
  stem.conv = "conv1";
  stem.norm = "bn1";
  stem.stride = 2;
  stem.act = Activation::kRelu;
  stem.act_path = "stem";
  ValueId x = m.Conv(stem, b.Input("image", {graph.batch, 3, a.input_size, a.input_size}));
  int channels = a.stage_channels[0];
  for (size_t stage = 0; stage < a.stage_channels.size(); ++stage) {
    const std::string path = "layer" + std::to_string(stage + 1);
    for (int block = 0; block < a.stage_blocks[stage]; ++block) {
      const int stride = stage > 0 && block == 0 ? 2 : 1;
      const bool plain_shortcut = stride == 1 && channels == a.stage_channels[stage];
      channels = a.stage_channels[stage];
      x = BasicBlock(m, path + "." + std::to_string(block), plain_shortcut, stride, x);
    }
    m.Trace(path, x);
  }
  x = b.Call<GlobalAvgPool>("avg_pool", {}, {x});
  m.Trace("avg_pool", x);
  b.Output("scores", m.FullyConnected("linear", x));
  return b.Finish();
}

}  // namespace mien
