// The double reference of every network against values recorded from the public implementations: a second
// opinion on the formulas, the row tables and the tensor names, without any kernel.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/graph/support.h"
#include "weights/import/readers.h"

namespace mien::testing {
namespace {

// Weights recorded beside the outputs: tensor "generator.x" is `prefix`x of `golden`.
WeightSource RecordedWeights(const Tensors& golden, const std::string& component, const std::string& prefix) {
  return [&golden, component, prefix](const std::string& name, std::span<float> out) {
    const auto found = golden.find(prefix + name.substr(component.size()));
    if (found == golden.end() || found->second.size() != out.size()) {
      return Status::Error(Code::kFailure, "no recorded weight %s of %zu numbers", name.c_str(), out.size());
    }
    std::transform(found->second.begin(), found->second.end(), out.begin(),
                   [](double v) { return static_cast<float>(v); });
    return Status();
  };
}

// Every recorded activation is a traced output.
void CheckActivations(const Tensors& ours, const Tensors& golden, const std::string& prefix) {
  int checked = 0;
  for (const auto& [name, tensor] : golden) {
    if (!name.starts_with(prefix)) continue;
    CheckClose(ours, name, golden, name);
    ++checked;
  }
  CHECK(checked > 0);
}

struct NvidiaNet {
  const char* file;
  int resolution, z_dim, w_dim, mapping_layers;
  std::vector<int> channels;
  std::optional<float> clamp;
};

ModelConfig ConfigOf(const NvidiaNet& net) {
  ModelConfig config;
  GeneratorConfig& g = config.generator.emplace();
  g.convention = Convention::kNvidia;
  g.resolution = net.resolution;
  g.z_dim = net.z_dim;
  g.w_dim = net.w_dim;
  g.mapping_layers = net.mapping_layers;
  g.channels = net.channels;
  g.clamp = net.clamp;
  g.has_latent_avg = true;
  return config;
}

TEST_CASE("NVIDIA generators") {
  const NvidiaNet nets[] = {
      {"nv_tiny_a.io.safetensors", 32, 64, 48, 8, {40, 40, 32, 16}, {}},
      {"nv_tiny_b_clamp.io.safetensors", 16, 32, 32, 2, {24, 24, 16}, 2.0f},
  };
  for (const NvidiaNet& net : nets) {
    INFO(net.file);
    const Tensors golden = Golden(net.file);
    const WeightSource weights = RecordedWeights(golden, "generator.", "state/");
    const ModelConfig config = ConfigOf(net);
    const Tensors z = {{"z", golden.at("z")}};
    CheckClose(Run(BuildMapping(config, {}, {.batch = 2}), z, weights), "w_plus", golden, "ws");
    const Tensors psi07 = Run(BuildMapping(config, {.psi = 0.7f}, {.batch = 2}), z, weights);
    CheckClose(psi07, "w_plus", golden, "ws_psi0.7");
    CheckClose(Run(BuildMapping(config, {.psi = 0.5f, .cutoff = 4}, {.batch = 2}), z, weights), "w_plus",
               golden, "ws_psi0.5_cut4");
    const Tensors w_plus = {{"w_plus", golden.at("wplus")}};
    const Tensors traced = Run(BuildSynthesis(config, {}, {.batch = 2, .trace = true}), w_plus, weights);
    CheckClose(traced, "image", golden, "image_wplus_const");
    CheckActivations(traced, golden, "act/");
    CheckClose(Run(BuildSynthesis(config, {}, {.batch = 2}), w_plus, weights), "image", golden,
               "image_wplus_const");
    CheckClose(Run(BuildSynthesis(config, {.noise = NoiseMode::kNone}, {.batch = 2}), w_plus, weights), "image",
               golden, "image_wplus_none");
    CheckClose(Run(BuildSynthesis(config, {}, {.batch = 2}), psi07, weights), "image", golden,
               "image_z_psi0.7_const");
  }
}

// The tensors of a public checkpoint: "generator.x" is `prefix`x there, or x where that is missing.
WeightSource CheckpointWeights(const std::string& file, const std::string& component,
                               const std::string& prefix) {
  const auto read = ReadForeign(std::string(MIEN_SOURCE_DIR) + "/tests/data/golden/" + file);
  INFO(read.status().message());
  REQUIRE(read.ok());
  return [checkpoint = *read, component, prefix](const std::string& name, std::span<float> out) {
    const std::string key = name.substr(component.size());
    const ForeignTensor* tensor = checkpoint.Find(prefix + key);
    if (tensor == nullptr) tensor = checkpoint.Find(key);
    if (tensor == nullptr || tensor->shape.elements() != static_cast<int64_t>(out.size())) {
      return Status::Error(Code::kFailure, "no tensor %s of %zu numbers", key.c_str(), out.size());
    }
    std::vector<std::byte> bytes;
    MIEN_TRY(ReadContiguous(*tensor, &bytes));
    const DoubleTensor numbers = Numbers(bytes, tensor->type);
    std::copy(numbers.begin(), numbers.end(), out.begin());
    return Status();
  };
}

struct RosinalityNet {
  const char *checkpoint, *recorded;
  int resolution, w_dim, mapping_layers;
  std::vector<int> channels;
};

TEST_CASE("rosinality generators") {
  const RosinalityNet nets[] = {
      {"rosi_tiny_a.pt", "rosi_tiny_a.io.safetensors", 32, 64, 4, {48, 48, 32, 16}},
      {"rosi_tiny_b_legacy.pt", "rosi_tiny_b_legacy.io.safetensors", 16, 32, 2, {24, 20, 12}},
  };
  for (const RosinalityNet& net : nets) {
    INFO(net.checkpoint);
    const Tensors golden = Golden(net.recorded);
    const WeightSource weights = CheckpointWeights(net.checkpoint, "generator.", "g_ema.");
    ModelConfig config = FullGenerator(net.resolution);
    GeneratorConfig& g = *config.generator;
    g.z_dim = g.w_dim = net.w_dim;
    g.mapping_layers = net.mapping_layers;
    g.channels = net.channels;
    const Tensors mapped =
        Run(BuildMapping(config, {}, {.batch = 2, .trace = true}), {{"z", golden.at("z")}}, weights);
    CheckActivations(mapped, golden, "mapping/");
    CheckClose(mapped, "mapping/style." + std::to_string(net.mapping_layers), golden, "f64/w_from_z");
    CheckClose(Run(BuildSynthesis(config, {}, {.batch = 2}), {{"w_plus", mapped.at("w_plus")}}, weights), "image",
               golden, "image_z");
    const Tensors truncated =
        Run(BuildMapping(config, {.psi = 0.6f}, {.batch = 2}), {{"z", golden.at("z")}}, weights);
    CheckClose(truncated, "w_plus", golden, "w_trunc0.6");
    CheckClose(Run(BuildSynthesis(config, {}, {.batch = 2}), truncated, weights), "image", golden,
               "image_z_trunc0.6");
    Tensors inputs = {{"w_plus", golden.at("wplus")}};
    const Tensors traced = Run(BuildSynthesis(config, {}, {.batch = 2, .trace = true}), inputs, weights);
    CheckActivations(traced, golden, "act/");
    CheckClose(traced, "image", golden, "f64/image_wplus");
    CheckClose(Run(BuildSynthesis(config, {}, {.batch = 2}), inputs, weights), "image", golden,
               "f64/image_wplus");
    CheckClose(Run(BuildSynthesis(config, {.noise = NoiseMode::kNone}, {.batch = 2}), inputs, weights), "image",
               golden, "image_wplus_no_noise");
    for (int i = 0; i < g.noise_maps(); ++i) {
      inputs["noise." + std::to_string(i)] = golden.at("ext_noise/" + std::to_string(i));
    }
    CheckClose(Run(BuildSynthesis(config, {.noise = NoiseMode::kInput}, {.batch = 2}), inputs, weights),
               "image", golden, "image_wplus_ext_noise");
  }
}

struct FlowNetFiles {
  const char *checkpoint, *recorded;
  int features, hidden, layers, blocks;
};

TEST_CASE("flows from checkpoints") {
  const FlowNetFiles nets[] = {
      {"flow_small_a.pt", "flow_small_a.io.safetensors", 64, 64, 4, 2},
      {"flow_small_b_dist_legacy.pt", "flow_small_b_dist_legacy.io.safetensors", 32, 24, 3, 1},
  };
  for (const FlowNetFiles& net : nets) {
    INFO(net.checkpoint);
    const Tensors golden = Golden(net.recorded);
    const WeightSource weights = CheckpointWeights(net.checkpoint, "flow.", "model.");
    ModelConfig config = FullFlow();
    FlowConfig& f = *config.flow;
    f.features = net.features;
    f.hidden = net.hidden;
    f.layers = net.layers;
    f.blocks = net.blocks;
    const Tensors forward = Run(BuildFlow(config, {}, {.trace = true}), {{"w_plus", golden.at("x")}}, weights);
    CheckActivations(forward, golden, "layer/");
    CheckClose(forward, "latent", golden, "f64/z");
    CheckClose(forward, "logabsdet", golden, "f64/logabsdet");
    // No gain of this network is rounded to float32, so the two double evaluations agree to their own
    // rounding.
    CHECK(MaxAbsDifference(forward.at("latent"), golden.at("f64/z")) < 1e-10);
    const Tensors back =
        Run(BuildFlowInverse(config, {}), {{"latent", golden.at("z_edit")}}, weights);
    CheckClose(back, "w_plus", golden, "f64/x_edit");
    CheckClose(back, "logabsdet", golden, "logabsdet_inv_edit");
    const Tensors batch = Run(BuildFlow(config, {}, {.batch = 3}), {{"w_plus", golden.at("batch/x")}}, weights);
    CheckClose(batch, "latent", golden, "batch/z");
    CheckClose(batch, "logabsdet", golden, "batch/logabsdet");
  }
}

DoubleTensor ImageInput(const DoubleTensor& u8) {  // [256,256,3] bytes -> [3,256,256] in [-1,1]
  DoubleTensor image(u8.size());
  const size_t pixels = u8.size() / 3;
  for (size_t p = 0; p < pixels; ++p) {
    for (size_t c = 0; c < 3; ++c)
      image[c * pixels + p] = static_cast<float>((u8[p * 3 + c] / 255 - 0.5) / 0.5);
  }
  return image;
}

TEST_CASE("the public flow, 512 features and 10 couplings") {
  const Tensors golden = Golden("sh_flow512.io.safetensors");
  const ModelConfig config = FullFlow();
  const WeightSource weights = HashWeights(config, "flow.", "sh_flow512", hashgen::Rule::kFlow);
  const Tensors x = {{"w_plus", HashInput("sh_flow512/in/x", 18 * 512, 1.4)}};
  const Tensors forward = Run(BuildFlow(config, {}, {.trace = true}), x, weights);
  CheckClose(forward, "latent", golden, "z");
  CheckClose(forward, "logabsdet", golden, "logabsdet");
  for (int i = 0; i < 20; ++i) {
    const std::string layer = "layer/" + std::to_string(i) + "/logabsdet";
    CheckClose(forward, layer, golden, layer);
  }
  DoubleTensor edited = forward.at("latent");
  for (size_t row = 0; row < 18; ++row) {
    edited[row * 512] = -2;
    edited[row * 512 + 5] = 2;
  }
  const Tensors back = Run(BuildFlowInverse(config, {}), {{"latent", edited}}, weights);
  CheckClose(back, "w_plus", golden, "x_edit_attr0_m2_attr5_p2");
}

// [mean, standard deviation, min, max, mean |x|, L2 norm], as recorded.
DoubleTensor Statistics(const DoubleTensor& x) {
  double sum = 0, absolute = 0, squares = 0, deviation = 0;
  for (double v : x) {
    sum += v;
    absolute += std::abs(v);
    squares += v * v;
  }
  const double n = static_cast<double>(x.size()), mean = sum / n;
  for (double v : x) deviation += (v - mean) * (v - mean);
  return {mean,
          std::sqrt(deviation / n),
          *std::min_element(x.begin(), x.end()),
          *std::max_element(x.begin(), x.end()),
          absolute / n,
          std::sqrt(squares)};
}

void CheckSamples(const Tensors& ours, const Tensors& golden) {
  int checked = 0;
  for (const auto& [name, statistics] : golden) {
    if (!name.starts_with("act/") || !name.ends_with("/stats")) continue;
    const std::string path = name.substr(0, name.size() - 6);
    INFO(path);
    REQUIRE(ours.count(path) == 1);
    const DoubleTensor found = Statistics(ours.at(path));
    const DoubleTensor& index = golden.at(path + "/idx");
    DoubleTensor values;
    for (double i : index) values.push_back(ours.at(path)[static_cast<size_t>(i)]);
    CHECK(MaxAbsDifference(values, golden.at(path + "/val")) <= 2e-5 * std::max(1.0, Rms(ours.at(path))));
    CHECK(MaxAbsDifference(found, statistics) <= 2e-5 * std::max(1.0, Rms(statistics)));
    ++checked;
  }
  CHECK(checked > 0);
}

// Full-size networks take minutes in plain double loops; run with --no-skip.
TEST_CASE("the public attribute classifier" * doctest::skip()) {
  const Tensors golden = Golden("sh_rn18.io.safetensors");
  const ModelConfig config = FullAttributes();
  const WeightSource weights = HashWeights(config, "attributes.", "sh_rn18", hashgen::Rule::kResNet);
  const Tensors image = {{"image", ImageInput(golden.at("in/image_u8"))}};
  const Tensors traced = Run(BuildAttributes(config, {}, {.trace = true}), image, weights);
  CheckClose(traced, "scores", golden, "f64/out");
  CheckSamples(traced, golden);
}

TEST_CASE("the public e4e encoder" * doctest::skip()) {
  const Tensors golden = Golden("sh_e4e.io.safetensors");
  const ModelConfig config = FullEncoder(18);
  const WeightSource weights = HashWeights(config, "encoder.", "sh_e4e", hashgen::Rule::kIrSe);
  const Tensors image = {{"image", ImageInput(golden.at("in/image_u8"))}};
  const Tensors traced = Run(BuildEncoder(config, {}, {.trace = true}), image, weights);
  CheckClose(traced, "w_plus", golden, "f64/codes_plus_latent_avg");
  CheckSamples(traced, golden);
}

}  // namespace
}  // namespace mien::testing
