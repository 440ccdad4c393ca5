// The double reference against PyTorch replicas (tests/oracle) for the kinds of network that have no recorded
// public output: conditional and unusual generators, encoders of other sizes, the recognizer, flow variants.
#include <doctest/doctest.h>

#include "tests/graph/support.h"

namespace mien::testing {
namespace {

// A recording: its tag names the weights and inputs, which are made by hash.
struct Recording {
  std::string tag, component;
  ModelConfig config;
  hashgen::Rule rule;

  // Runs `graph` on the recording's inputs; every output of `run` that is recorded agrees.
  void Check(const std::string& run, const Result<Graph>& graph) const {
    INFO(tag, ", ", run, ": ", graph.status().message());
    REQUIRE(graph.ok());
    Tensors inputs;
    for (ValueId id : graph->inputs) {
      const Value& value = graph->values[static_cast<size_t>(id)];
      const bool latent = value.name == "w_plus" || value.name == "latent";
      const double scale = latent ? 1.4 : value.name == "z" ? 1.7 : 1.0;
      inputs[value.name] = HashInput(tag + "/in/" + value.name, value.shape.elements(), scale);
    }
    const Tensors ours = Run(graph, inputs, HashWeights(config, component, tag, rule));
    const Tensors recorded = Recorded("oracle/" + tag + ".safetensors");
    const std::string prefix = "f64/" + run + "/";
    int checked = 0;
    for (const auto& [key, tensor] : recorded) {
      if (!key.starts_with(prefix)) continue;
      CheckClose(ours, key.substr(prefix.size()), recorded, key);
      ++checked;
    }
    REQUIRE(checked > 0);
  }
};

Recording Generator(const std::string& tag, Convention convention, int z_dim, int w_dim, int mapping_layers,
                    const std::vector<int>& channels) {
  const bool nvidia = convention == Convention::kNvidia;
  Recording r = {tag, "generator.", {}, nvidia ? hashgen::Rule::kNvidia : hashgen::Rule::kGenerator};
  GeneratorConfig& g = r.config.generator.emplace();
  g.convention = convention;
  g.resolution = 2 << channels.size();
  g.z_dim = z_dim;
  g.w_dim = w_dim;
  g.mapping_layers = mapping_layers;
  g.channels = channels;
  g.has_latent_avg = nvidia;
  return r;
}

TEST_CASE("generators of other sizes, labels, clamp") {
  const Recording rosinality =
      Generator("rosinality_64px", Convention::kRosinality, 48, 48, 3, {40, 32, 24, 16, 8});
  rosinality.Check("mapping", BuildMapping(rosinality.config, {}, {.batch = 2}));
  rosinality.Check("const", BuildSynthesis(rosinality.config, {}, {.batch = 2}));
  Recording conditional = Generator("nvidia_conditional", Convention::kNvidia, 20, 24, 3, {24, 24, 16, 12});
  conditional.config.generator->label_dim = 5;
  conditional.config.generator->clamp = 1.5f;
  for (const Recording& r :
       {conditional, Generator("nvidia_keys", Convention::kNvidia, 12, 16, 2, {24, 16, 12})}) {
    r.Check("mapping", BuildMapping(r.config, {}, {.batch = 3}));
    r.Check("truncated", BuildMapping(r.config, {.psi = 0.6f, .cutoff = 5}, {.batch = 3}));
    r.Check("const", BuildSynthesis(r.config, {}, {.batch = 3}));
    r.Check("const", BuildSynthesis(r.config, {}, {.batch = 3, .trace = true}));
    r.Check("none", BuildSynthesis(r.config, {.noise = NoiseMode::kNone}, {.batch = 3}));
  }
}

void CheckEncoder(const std::string& tag, int rows, int size, int w_dim, int batch,
                  const TrunkConfig& trunk) {
  Recording r = {tag, "encoder.", {}, hashgen::Rule::kIrSe};
  EncoderConfig& e = r.config.encoder.emplace();
  e.trunk = trunk;
  e.input_size = size;
  e.rows = rows;
  e.w_dim = w_dim;
  e.head_channels = trunk.stage_channels[3];
  r.Check("codes", BuildEncoder(r.config, {}, {.batch = batch}));
  r.Check("codes", BuildEncoder(r.config, {}, {.batch = batch, .trace = true}));
  r.Check("no_average", BuildEncoder(r.config, {.latent_avg = false}, {.batch = batch}));
  r.Check("stage4", BuildEncoder(r.config, {.stages = 4}, {.batch = batch}));
}

TEST_CASE("encoders of other sizes and rows, the recognizer, a small classifier") {
  CheckEncoder("encoder14_small", 14, 256, 24, 1, {8, {8, 12, 16, 24}, {1, 2, 2, 1}, 4});
  CheckEncoder("encoder12_128px", 12, 128, 32, 2, {16, {16, 24, 32, 40}, {2, 1, 1, 2}, 8});
  CheckEncoder("encoder10_64px", 10, 64, 48, 1, {16, {16, 24, 32, 48}, {1, 1, 2, 1}, 16});

  Recording psp = {"psp_encoder", "encoder.", {}, hashgen::Rule::kIrSe};
  psp.config.encoder = EncoderConfig{EncoderKind::kPsp, {6, {6, 8, 10, 12}, {1, 2, 1, 1}, 2}, 64, 10, 20, 12};
  for (const bool trace : {false, true}) {
    psp.Check("codes", BuildEncoder(psp.config, {}, {.batch = 2, .trace = trace}));
    psp.Check("no_average", BuildEncoder(psp.config, {.latent_avg = false}, {.batch = 2, .trace = trace}));
  }

  Recording recognizer = {"recognizer_small", "recognizer.", {}, hashgen::Rule::kIrSe};
  recognizer.config.recognizer = RecognizerConfig{{16, {16, 24, 32, 48}, {2, 1, 2, 1}, 8}, 48, 24};
  recognizer.Check("embedding", BuildRecognizer(recognizer.config, {}, {.batch = 2}));

  Recording classifier = {"attributes_small", "attributes.", FullAttributes(), hashgen::Rule::kResNet};
  classifier.config.attributes->stage_channels = {8, 16, 24, 32};
  classifier.config.attributes->stage_blocks = {1, 2, 1, 2};
  classifier.Check("scores", BuildAttributes(classifier.config, {}, {.batch = 2}));
}

void CheckFlow(const std::string& tag, FlowConfig flow) {
  Recording r = {tag, "flow.", {}, hashgen::Rule::kFlow};
  r.config.flow = flow;
  r.Check("forward", BuildFlow(r.config, {}, {.batch = 2}));
  r.Check("layers", BuildFlow(r.config, {}, {.batch = 2, .trace = true}));
  r.Check("inverse", BuildFlowInverse(r.config, {}, {.batch = 2}));
}

TEST_CASE("flows: additive, odd, without norms between, with norms within") {
  const auto sized = [](int features, int hidden, int contexts, int layers, int blocks) {
    FlowConfig f;
    f.features = features;
    f.hidden = hidden;
    f.contexts = contexts;
    f.layers = layers;
    f.blocks = blocks;
    return f;
  };
  FlowConfig additive = sized(24, 20, 18, 4, 2);
  additive.additive = true;
  CheckFlow("flow_additive", additive);
  CheckFlow("flow_odd", sized(33, 21, 7, 5, 1));
  for (auto [tag, flow] : {std::pair("flow_no_norm", sized(32, 24, 18, 3, 2)),
                           std::pair("flow_odd_no_norm", sized(17, 19, 5, 3, 3))}) {
    flow.norm_between = false;
    CheckFlow(tag, flow);
  }
  FlowConfig within = sized(16, 24, 12, 3, 2);
  within.norm_within = true;
  CheckFlow("flow_norm_within", within);
}

}  // namespace
}  // namespace mien::testing
