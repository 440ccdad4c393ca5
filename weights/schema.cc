// The tensors of every network, in the order of its modules: networks.md, "Tensors of generators", "IR-SE trunk",
// "Encoder", "Recognizer", "Couplings", "Attribute classifier" and "Face networks".
#include "weights/schema.h"

namespace mien {
namespace {

// Shape{} means "absent"; a 0-d tensor has a shape of rank 0.
Shape Scalar() {
  Shape shape;
  shape.rank = 0;
  return shape;
}

class Lister {
 public:
  Lister(std::vector<TensorSpec>* out, std::string prefix) : out_(out), prefix_(std::move(prefix)) {}

  void Add(const std::string& name, Shape shape) const { out_->push_back({prefix_ + name, shape, false}); }
  void AddIndex(const std::string& name, Shape shape) const {
    out_->push_back({prefix_ + name, shape, true});
  }
  void AddNorm(const std::string& name, int64_t channels) const {
    for (const char* part : {"weight", "bias", "running_mean", "running_var"})
      Add(name + "." + part, {channels});
  }
  void AddLinear(const std::string& name, int64_t out, int64_t in) const {
    Add(name + ".weight", {out, in});
    Add(name + ".bias", {out});
  }

 private:
  std::vector<TensorSpec>* out_;
  std::string prefix_;
};

void RosinalityGenerator(const GeneratorConfig& g, const Lister& list) {
  const int64_t w = g.w_dim;
  for (int i = 1; i <= g.mapping_layers; ++i) {
    list.AddLinear("style." + std::to_string(i), w, i == 1 ? g.z_dim : w);
  }
  list.Add("input.input", {1, g.channels[0], 4, 4});
  const auto conv = [&](const std::string& name, int64_t in, int64_t out, bool up) {
    list.Add(name + ".conv.weight", {1, out, in, 3, 3});
    if (up) list.Add(name + ".conv.blur.kernel", {4, 4});
    list.AddLinear(name + ".conv.modulation", in, w);
    list.Add(name + ".noise.weight", {1});
    list.Add(name + ".activate.bias", {out});
  };
  const auto to_rgb = [&](const std::string& name, int64_t in, bool up) {
    list.Add(name + ".bias", {1, 3, 1, 1});
    if (up) list.Add(name + ".upsample.kernel", {4, 4});
    list.Add(name + ".conv.weight", {1, 3, in, 1, 1});
    list.AddLinear(name + ".conv.modulation", in, w);
  };
  conv("conv1", g.channels[0], g.channels[0], false);
  to_rgb("to_rgb1", g.channels[0], false);
  const int blocks = g.log2_resolution() - 2;  // 8, 16, ..., R
  for (int j = 0; j < blocks; ++j) {
    const int64_t in = g.channels[static_cast<size_t>(j)], out = g.channels[static_cast<size_t>(j) + 1];
    conv("convs." + std::to_string(2 * j), in, out, true);
    conv("convs." + std::to_string(2 * j + 1), out, out, false);
  }
  for (int j = 0; j < blocks; ++j) {
    to_rgb("to_rgbs." + std::to_string(j), g.channels[static_cast<size_t>(j) + 1], true);
  }
  if (g.has_noise_maps) {
    for (int n = 0; n < g.noise_maps(); ++n) {
      const int64_t side = int64_t{4} << ((n + 1) / 2);
      list.Add("noises.noise_" + std::to_string(n), {1, 1, side, side});
    }
  }
  if (g.has_latent_avg) list.Add("latent_avg", {w});
}

void NvidiaGenerator(const GeneratorConfig& g, const Lister& list) {
  const int64_t w = g.w_dim;
  for (int b = 0; b < g.log2_resolution() - 1; ++b) {
    const int64_t side = int64_t{4} << b;
    const int64_t out = g.channels[static_cast<size_t>(b)];
    const int64_t in = b == 0 ? out : g.channels[static_cast<size_t>(b) - 1];
    const std::string block = "synthesis.b" + std::to_string(side);
    if (b == 0) list.Add(block + ".const", {out, 4, 4});
    list.Add(block + ".resample_filter", {4, 4});
    const auto conv = [&](const std::string& name, int64_t conv_in) {
      list.Add(name + ".weight", {out, conv_in, 3, 3});
      list.Add(name + ".noise_strength", Scalar());
      list.Add(name + ".bias", {out});
      list.Add(name + ".resample_filter", {4, 4});
      if (g.has_noise_maps) list.Add(name + ".noise_const", {side, side});
      list.AddLinear(name + ".affine", conv_in, w);
    };
    if (b > 0) conv(block + ".conv0", in);
    conv(block + ".conv1", out);
    list.Add(block + ".torgb.weight", {3, out, 1, 1});
    list.Add(block + ".torgb.bias", {3});
    list.AddLinear(block + ".torgb.affine", out, w);
  }
  if (g.has_latent_avg) list.Add("mapping.w_avg", {w});
  if (g.label_dim > 0) list.AddLinear("mapping.embed", w, g.label_dim);
  for (int i = 0; i < g.mapping_layers; ++i) {
    const int64_t in = i > 0 ? w : g.z_dim + (g.label_dim > 0 ? w : 0);
    list.AddLinear("mapping.fc" + std::to_string(i), w, in);
  }
}

void List(const GeneratorConfig& g, const Lister& list) {
  g.convention == Convention::kNvidia ? NvidiaGenerator(g, list) : RosinalityGenerator(g, list);
}

void List(const TrunkConfig& t, const Lister& list) {
  list.Add("input_layer.0.weight", {t.input_channels_out, 3, 3, 3});
  list.AddNorm("input_layer.1", t.input_channels_out);
  list.Add("input_layer.2.weight", {t.input_channels_out});
  int64_t in = t.input_channels_out;
  int index = 0;
  for (size_t stage = 0; stage < t.stage_channels.size(); ++stage) {
    const int64_t depth = t.stage_channels[stage];
    for (int b = 0; b < t.stage_blocks[stage]; ++b, ++index, in = depth) {
      const std::string name = "body." + std::to_string(index);
      if (in != depth) {
        list.Add(name + ".shortcut_layer.0.weight", {depth, in, 1, 1});
        list.AddNorm(name + ".shortcut_layer.1", depth);
      }
      list.AddNorm(name + ".res_layer.0", in);
      list.Add(name + ".res_layer.1.weight", {depth, in, 3, 3});
      list.Add(name + ".res_layer.2.weight", {depth});
      list.Add(name + ".res_layer.3.weight", {depth, depth, 3, 3});
      list.AddNorm(name + ".res_layer.4", depth);
      list.Add(name + ".res_layer.5.fc1.weight", {depth / t.se_reduction, depth, 1, 1});
      list.Add(name + ".res_layer.5.fc2.weight", {depth, depth / t.se_reduction, 1, 1});
    }
  }
}

void List(const EncoderConfig& e, const Lister& list) {
  List(e.trunk, list);
  const int64_t head = e.head_channels;
  for (int i = 0; i < e.rows; ++i) {
    const std::string name = "styles." + std::to_string(i);
    for (int k = 0, convs = e.head_convolutions(i); k < convs; ++k) {
      list.Add(name + ".convs." + std::to_string(2 * k) + ".weight", {head, head, 3, 3});
      list.Add(name + ".convs." + std::to_string(2 * k) + ".bias", {head});
    }
    list.AddLinear(name + ".linear", e.w_dim, head);
  }
  list.Add("latlayer1.weight", {head, e.trunk.stage_channels[2], 1, 1});
  list.Add("latlayer1.bias", {head});
  list.Add("latlayer2.weight", {head, e.trunk.stage_channels[1], 1, 1});
  list.Add("latlayer2.bias", {head});
  if (e.adds_latent_avg) list.Add("latent_avg", {e.rows, e.w_dim});
}

void List(const FlowConfig& f, const Lister& list) {
  for (int l = 0; l < f.layers; ++l) {
    const int64_t larger = (f.features + 1) / 2, smaller = f.features / 2;
    const int64_t identity = l % 2 == 0 ? larger : smaller, transform = f.features - identity;
    const std::string coupling = "_transform._transforms." + std::to_string(f.norm_between ? 2 * l : l);
    list.AddIndex(coupling + ".identity_features", {identity});
    list.AddIndex(coupling + ".transform_features", {transform});
    const std::string net = coupling + ".transform_net";
    list.AddLinear(net + ".initial_layer", f.hidden, identity + f.contexts);
    for (int b = 0; b < f.blocks; ++b) {
      const std::string block = net + ".blocks." + std::to_string(b);
      if (f.norm_within) {
        list.AddNorm(block + ".batch_norm_layers.0", f.hidden);
        list.AddNorm(block + ".batch_norm_layers.1", f.hidden);
      }
      list.AddLinear(block + ".context_layer", f.hidden, f.contexts);
      list.AddLinear(block + ".linear_layers.0", f.hidden, f.hidden);
      list.AddLinear(block + ".linear_layers.1", f.hidden, f.hidden);
    }
    list.AddLinear(net + ".final_layer", (f.additive ? 1 : 2) * transform, f.hidden);
    if (f.norm_between) {
      const std::string norm = "_transform._transforms." + std::to_string(2 * l + 1);
      for (const char* part : {"unconstrained_weight", "bias", "running_mean", "running_var"}) {
        list.Add(norm + "." + part, {f.features});
      }
    }
  }
}

void List(const AttributesConfig& a, const Lister& list) {
  int64_t in = a.stage_channels[0];
  list.Add("conv1.weight", {in, 3, 7, 7});
  list.AddNorm("bn1", in);
  for (size_t stage = 0; stage < a.stage_channels.size(); ++stage) {
    const int64_t channels = a.stage_channels[stage];
    for (int b = 0; b < a.stage_blocks[stage]; ++b, in = channels) {
      const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(b);
      list.Add(name + ".conv1.weight", {channels, in, 3, 3});
      list.AddNorm(name + ".bn1", channels);
      list.Add(name + ".conv2.weight", {channels, channels, 3, 3});
      list.AddNorm(name + ".bn2", channels);
      if (in != channels || (stage > 0 && b == 0)) {  // the first block of a later stage has stride 2
        list.Add(name + ".shortcut.0.weight", {channels, in, 1, 1});
        list.AddNorm(name + ".shortcut.1", channels);
      }
    }
  }
  list.AddLinear("linear", static_cast<int64_t>(a.outputs.size()), in);
}

void List(const RecognizerConfig& r, const Lister& list) {
  List(r.trunk, list);
  const int64_t channels = r.trunk.stage_channels.back(), side = r.input_size / 16;
  list.AddNorm("output_layer.0", channels);
  list.AddLinear("output_layer.3", r.embedding, channels * side * side);
  list.AddNorm("output_layer.4", r.embedding);
}

// The layers of the face networks, called as TensorFlow calls them.
void AddConvolution(const Lister& list, const std::string& name, int64_t out, int64_t in, int64_t kernel) {
  list.Add(name + "/filters", {out, in, kernel, kernel});
  list.Add(name + "/bias", {out});
}

void AddSeparable(const Lister& list, const std::string& name, int64_t out, int64_t in) {
  list.Add(name + "/depthwise_filter", {in, 1, 3, 3});
  list.Add(name + "/pointwise_filter", {out, in, 1, 1});
  list.Add(name + "/bias", {out});
}

void List(const FaceDetectorConfig& d, const Lister& list) {
  int64_t in = d.channels[0];
  AddConvolution(list, "conv0", in, 3, 3);
  for (size_t i = 1; i < d.channels.size(); in = d.channels[i++])
    AddSeparable(list, "conv" + std::to_string(i), d.channels[i], in);
  AddConvolution(list, "conv8", 5 * d.boxes, in, 1);
}

void List(const FaceDetectorSsdConfig& d, const Lister& list) {
  const auto pointwise = [&](const std::string& name, int64_t out, int64_t in, int64_t kernel) {
    list.Add(name + "_pointwise/weights", {out, in, kernel, kernel});
    list.Add(name + "_pointwise/convolution_bn_offset", {out});
  };
  int64_t in = d.channels[0];
  pointwise("MobilenetV1/Conv2d_0", in, 3, 3);
  for (size_t i = 1; i < d.channels.size(); in = d.channels[i++]) {
    const std::string name = "MobilenetV1/Conv2d_" + std::to_string(i);
    list.Add(name + "_depthwise/depthwise_weights", {in, 1, 3, 3});
    for (const char* part : {"gamma", "beta", "moving_mean", "moving_variance"})
      list.Add(name + "_depthwise/BatchNorm/" + part, {in});
    pointwise(name, d.channels[i], in, 1);
  }
  std::vector<int64_t> maps = {d.channels[11], in};  // where boxes are predicted
  for (size_t i = 0; i < d.extra_channels.size(); in = d.extra_channels[i++]) {
    pointwise("Prediction/Conv2d_" + std::to_string(i), d.extra_channels[i], in, i % 2 == 0 ? 1 : 3);
    if (i % 2 == 1) maps.push_back(d.extra_channels[i]);
  }
  for (size_t i = 0; i < maps.size(); ++i) {
    const std::string name = "Prediction/BoxPredictor_" + std::to_string(i);
    list.Add(name + "/BoxEncodingPredictor/weights", {4 * d.boxes[i], maps[i], 1, 1});
    list.Add(name + "/BoxEncodingPredictor/biases", {4 * d.boxes[i]});
    list.Add(name + "/ClassPredictor/weights", {d.classes * d.boxes[i], maps[i], 1, 1});
    list.Add(name + "/ClassPredictor/biases", {d.classes * d.boxes[i]});
  }
  list.Add("Output/extra_dim", {1, d.anchors(), 4});
}

void ListDense(const std::vector<int>& channels, int64_t outputs, const Lister& list) {
  int64_t in = 3;
  for (size_t block = 0; block < channels.size(); ++block) {
    for (int layer = 0; layer < 4; ++layer, in = channels[block]) {
      const std::string name = "dense" + std::to_string(block) + "/conv" + std::to_string(layer);
      block == 0 && layer == 0 ? AddConvolution(list, name, channels[0], 3, 3)
                               : AddSeparable(list, name, channels[block], in);
    }
  }
  list.Add("fc/weights", {outputs, in});
  list.Add("fc/bias", {outputs});
}

void List(const FaceLandmarksConfig& l, const Lister& list) { ListDense(l.channels, 2 * kFacePoints, list); }

void List(const FaceExpressionConfig& e, const Lister& list) {
  ListDense(e.channels, std::ssize(kExpressions), list);
}

void List(const FaceRecognizerConfig& r, const Lister& list) {
  const auto scaled = [&](const std::string& name, int64_t out, int64_t in, int64_t kernel) {
    list.Add(name + "/conv/filters", {out, in, kernel, kernel});
    list.Add(name + "/conv/bias", {out});
    list.Add(name + "/scale/weights", {out});
    list.Add(name + "/scale/biases", {out});
  };
  const auto block = [&](const std::string& name, int64_t out, int64_t in) {
    scaled(name + "/conv1", out, in, 3);
    scaled(name + "/conv2", out, out, 3);
  };
  int64_t in = 3;
  std::string stage;
  for (size_t s = 0; s < r.channels.size(); in = r.channels[s++]) {
    const int64_t channels = r.channels[s];
    stage = "conv" + std::to_string(channels) + "_";
    s == 0 ? scaled(stage + "down", channels, in, 7) : block(stage + "down", channels, in);
    for (int b = 1; b <= r.blocks[s]; ++b) block(stage + std::to_string(b), channels, channels);
  }
  block(stage + "down_out", in, in);
  list.Add("fc", {r.descriptor, in});
}

void List(const FaceAgeGenderConfig& a, const Lister& list) {
  const auto reduction = [&](const std::string& name, int64_t out, int64_t in) {
    AddSeparable(list, name + "/separable_conv0", out, in);
    AddSeparable(list, name + "/separable_conv1", out, out);
    AddConvolution(list, name + "/expansion_conv", out, in, 1);
  };
  AddConvolution(list, "entry_flow/conv_in", a.channels[0], 3, 3);
  reduction("entry_flow/reduction_block_0", a.channels[1], a.channels[0]);
  reduction("entry_flow/reduction_block_1", a.channels[2], a.channels[1]);
  for (int block = 0; block < a.middle_blocks; ++block) {
    for (int layer = 0; layer < 3; ++layer) {
      AddSeparable(list, "middle_flow/main_block_" + std::to_string(block) + "/separable_conv" + std::to_string(layer),
                   a.channels[2], a.channels[2]);
    }
  }
  reduction("exit_flow/reduction_block", a.channels[3], a.channels[2]);
  AddSeparable(list, "exit_flow/separable_conv", a.channels[4], a.channels[3]);
  for (const auto& [name, outputs] : {std::pair("fc/age", 1), std::pair("fc/gender", 2)}) {
    list.Add(std::string(name) + "/weights", {outputs, a.channels[4]});
    list.Add(std::string(name) + "/bias", {outputs});
  }
}

}  // namespace

std::string AverageName(const GeneratorConfig& config) {
  return config.convention == Convention::kNvidia ? "generator.mapping.w_avg" : "generator.latent_avg";
}

std::vector<TensorSpec> ExpectedTensors(const ModelConfig& config) {
  std::vector<TensorSpec> specs;
  const auto list = [&](const char* name, const auto& component) {
    if (component) List(*component, {&specs, std::string(name) + "."});
  };
  ForEachComponent(list, config);
  return specs;
}

}  // namespace mien
