#include "tests/graph/support.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>

#include "base/file.h"
#include "weights/container.h"

namespace mien::testing {
namespace {

uint64_t Hash(const std::string& text) {
  uint64_t h = 0xcbf29ce484222325u;
  for (unsigned char c : text) h = (h ^ c) * 0x100000001b3u;
  return h;
}

// n numbers in [-1,1), fixed by the seed.
std::vector<double> Noise(uint64_t seed, size_t n) {
  std::vector<double> values(n);
  for (double& value : values) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<double>(seed >> 40) * 0x1p-23 - 1.0;
  }
  return values;
}

bool EndsWith(const std::string& text, const char* end) {
  const size_t n = std::strlen(end);
  return text.size() >= n && text.compare(text.size() - n, n, end) == 0;
}

// The columns of a coupling's list: even layers keep the even columns.
void FillIndices(const FlowConfig& f, const std::string& name, std::span<float> out) {
  const int index = std::atoi(name.c_str() + std::strlen("flow._transform._transforms."));
  const int layer = f.norm_between ? index / 2 : index;
  const bool identity = EndsWith(name, "identity_features");
  const float first = (layer % 2 == 0) == identity ? 0.0f : 1.0f;
  for (size_t i = 0; i < out.size(); ++i) out[i] = first + 2.0f * static_cast<float>(i);
}

double Number(const std::byte* bytes, DType type) {
  const auto read = [&](auto value) {
    std::memcpy(&value, bytes, sizeof(value));
    return static_cast<double>(value);
  };
  switch (type) {
    case DType::kF64:
      return read(double{});
    case DType::kF32:
      return read(float{});
    case DType::kI64:
      return read(int64_t{});
    case DType::kU8:
      return read(uint8_t{});
    default:
      return std::numeric_limits<double>::quiet_NaN();
  }
}

}  // namespace

ModelConfig FullGenerator(int resolution) {
  ModelConfig config;
  GeneratorConfig& g = config.generator.emplace();
  g.resolution = resolution;
  g.channels = {512, 512, 512, 512, 512, 256, 128, 64, 32};
  g.channels.resize(static_cast<size_t>(g.log2_resolution()) - 1);
  g.has_latent_avg = true;
  return config;
}

ModelConfig FullConditionalGenerator() {
  ModelConfig config = FullGenerator(256);
  GeneratorConfig& g = *config.generator;
  g.convention = Convention::kNvidia;
  g.label_dim = 10;
  g.clamp = 256.0f;
  g.rounding = PixelRounding::kShifted;
  return config;
}

ModelConfig FullEncoder(int rows) {
  ModelConfig config;
  config.encoder.emplace().rows = rows;
  return config;
}

ModelConfig FullFlow() {
  ModelConfig config;
  config.flow.emplace();
  return config;
}

ModelConfig FullAttributes() {
  ModelConfig config;
  config.attributes.emplace().outputs = {"gender", "glasses", "bald", "beard", "smile",
                                         "age",    "pitch",   "roll", "yaw"};
  return config;
}

ModelConfig FullRecognizer() {
  ModelConfig config;
  config.recognizer.emplace();
  return config;
}

ModelConfig FullFaces() {
  ModelConfig config;
  config.face_detector.emplace();
  config.face_detector_ssd.emplace();
  config.face_landmarks.emplace();
  config.face_recognizer.emplace();
  config.face_expression.emplace();
  config.face_age_gender.emplace();
  return config;
}

ModelConfig SmallGenerator() {
  ModelConfig config = FullGenerator(16);
  GeneratorConfig& g = *config.generator;
  g.z_dim = g.w_dim = 6;
  g.mapping_layers = 2;
  g.channels = {5, 4, 3};
  return config;
}

ModelConfig SmallConditionalGenerator() {
  ModelConfig config = SmallGenerator();
  GeneratorConfig& g = *config.generator;
  g.convention = Convention::kNvidia;
  g.z_dim = 7;
  g.label_dim = 3;
  g.clamp = 0.5f;
  return config;
}

ModelConfig SmallEncoder(int rows) {
  ModelConfig config = FullEncoder(rows);
  EncoderConfig& e = *config.encoder;
  e.trunk = {4, {4, 6, 6, 8}, {2, 1, 2, 1}, 2};
  e.input_size = 32;
  e.w_dim = 6;
  e.head_channels = 8;
  return config;
}

ModelConfig SmallPsp() {
  ModelConfig config = SmallEncoder(9);
  config.encoder->kind = EncoderKind::kPsp;
  return config;
}

ModelConfig SmallFlow(bool additive, bool norm_within, bool norm_between) {
  ModelConfig config;
  FlowConfig& f = config.flow.emplace();
  f.features = 7;
  f.hidden = 5;
  f.contexts = 4;
  f.layers = 3;
  f.blocks = 2;
  f.additive = additive;
  f.norm_within = norm_within;
  f.norm_between = norm_between;
  return config;
}

ModelConfig SmallAttributes() {
  ModelConfig config = FullAttributes();
  config.attributes->stage_channels = {4, 4, 6, 8};
  config.attributes->stage_blocks = {1, 2, 1, 1};
  config.attributes->input_size = 32;
  return config;
}

ModelConfig SmallRecognizer() {
  ModelConfig config;
  RecognizerConfig& r = config.recognizer.emplace();
  r.trunk = SmallEncoder(1).encoder->trunk;
  r.input_size = 48;
  r.embedding = 10;
  return config;
}

ModelConfig SmallFaces() {
  ModelConfig config = FullFaces();
  config.face_detector = {{3, 4, 5, 6, 7, 8}, 2, 64};
  config.face_detector_ssd = {
      {3, 4, 5, 6, 7, 8, 8, 8, 7, 7, 7, 6, 6, 5}, {4, 5, 4, 3, 4, 5, 3, 4}, {1, 2, 1, 1, 2, 1}, 2, 64};
  config.face_landmarks = {{3, 4, 5, 6}, 32};
  config.face_expression = {{4, 3, 5, 4}, 32};
  config.face_recognizer = {{3, 4, 5, 6}, {1, 2, 1, 1}, 112, 7};
  config.face_age_gender = {{3, 4, 5, 6, 7}, 1, 32};
  return config;
}

std::vector<NamedConfig> FullConfigs() {
  return {{"generator 1024", FullGenerator(1024)},
          {"generator 256", FullGenerator(256)},
          {"conditional generator", FullConditionalGenerator()},
          {"e4e, 18 rows", FullEncoder(18)},
          {"e4e, 14 rows", FullEncoder(14)},
          {"flow", FullFlow()},
          {"attributes", FullAttributes()},
          {"recognizer", FullRecognizer()},
          {"faces", FullFaces()}};
}

std::vector<NamedConfig> SmallConfigs() {
  return {{"generator", SmallGenerator()},
          {"conditional generator", SmallConditionalGenerator()},
          {"e4e, 9 rows", SmallEncoder(9)},
          {"e4e, 1 row", SmallEncoder(1)},
          {"psp, 9 rows", SmallPsp()},
          {"flow", SmallFlow(false, false, true)},
          {"additive flow", SmallFlow(true, false, true)},
          {"flow with norms within", SmallFlow(false, true, true)},
          {"flow without norms between", SmallFlow(false, false, false)},
          {"attributes", SmallAttributes()},
          {"recognizer", SmallRecognizer()},
          {"faces", SmallFaces()}};
}

std::vector<Result<Graph>> BuildAll(const ModelConfig& config, int batch, bool trace) {
  std::vector<Result<Graph>> graphs;
  for (NetworkOptions network : NetworksOf(config)) {
    if (auto* const mapping = std::get_if<MappingOptions>(&network)) mapping->psi = 0.7f;
    graphs.push_back(BuildGraph(config, network, {batch, trace}));
    if (!std::holds_alternative<SynthesisOptions>(network)) continue;
    graphs.push_back(BuildSynthesis(config, {.noise = NoiseMode::kNone}, {batch, trace}));
    graphs.push_back(BuildSynthesis(config, {.noise = NoiseMode::kInput, .noise_per_sample = true}, {batch, trace}));
  }
  return graphs;
}

WeightSource MadeUpWeights(const ModelConfig& config) {
  std::map<std::string, bool> is_index;
  for (const TensorSpec& spec : ExpectedTensors(config)) is_index[spec.name] = spec.is_index;
  return [is_index, flow = config.flow](const std::string& name, std::span<float> out) {
    if (is_index.at(name)) {
      FillIndices(*flow, name, out);
      return Status();
    }
    const std::vector<double> noise = Noise(Hash(name), out.size());
    const bool positive = EndsWith(name, "running_var") || EndsWith(name, "moving_variance");
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<float>(positive ? 1.0 + 0.5 * noise[i] : noise[i]);
    }
    return Status();
  };
}

Tensors MadeUpInputs(const Graph& graph) {
  Tensors inputs;
  for (ValueId id : graph.inputs) {
    const Value& value = graph.values[static_cast<size_t>(id)];
    inputs[value.name] = Noise(Hash("in/" + value.name), static_cast<size_t>(value.shape.elements()));
  }
  return inputs;
}

DoubleTensor Numbers(std::span<const std::byte> bytes, DType type) {
  DoubleTensor numbers;
  for (size_t i = 0; i < bytes.size(); i += DTypeBytes(type)) numbers.push_back(Number(&bytes[i], type));
  return numbers;
}

Tensors Recorded(const std::string& path) {
  Tensors tensors;
  auto source = File::Open(std::string(MIEN_SOURCE_DIR) + "/tests/data/" + path);
  if (!source.ok()) {
    std::fprintf(stderr, "%s\n", source.status().message());
    return tensors;
  }
  auto file = TensorFile::Open(std::make_shared<File>(std::move(*source)), TensorFile::Profile::kPlain);
  if (!file.ok()) {
    std::fprintf(stderr, "%s\n", file.status().message());
    return tensors;
  }
  for (const TensorEntry& entry : file->tensors()) {
    std::vector<std::byte> bytes(entry.bytes);
    if (!file->Read(entry, bytes).ok()) continue;
    tensors[entry.name] = Numbers(bytes, entry.type);
  }
  return tensors;
}

WeightSource HashWeights(const ModelConfig& config, const std::string& component, const std::string& tag,
                         hashgen::Rule rule) {
  std::map<std::string, TensorSpec> specs;
  for (const TensorSpec& spec : ExpectedTensors(config)) specs[spec.name] = spec;
  return [=, made_up = MadeUpWeights(config)](const std::string& name, std::span<float> out) {
    const std::string key = name.substr(component.size());
    if (specs.at(name).is_index) return made_up(name, out);
    const std::vector<float> values =
        key == "latent_avg" ? hashgen::Values(tag + "/" + key, specs.at(name).shape.elements(), 0.5)
                            : hashgen::WeightValues(tag, {key, specs.at(name).shape}, rule);
    std::copy(values.begin(), values.end(), out.begin());
    return Status();
  };
}

DoubleTensor HashInput(const std::string& name, int64_t n, double scale) {
  const std::vector<float> values = hashgen::Values(name, n, scale);
  return DoubleTensor(values.begin(), values.end());
}

Tensors Run(const Result<Graph>& graph, const Tensors& inputs, const WeightSource& weights) {
  INFO(graph.status().message());
  REQUIRE(graph.ok());
  auto outputs = RunReference(*graph, inputs, weights);
  INFO(outputs.status().message());
  REQUIRE(outputs.ok());
  return *outputs;
}

void CheckClose(const Tensors& ours, const std::string& name, const Tensors& recorded,
                const std::string& key) {
  INFO(name, " against ", key);
  REQUIRE(ours.count(name) == 1);
  REQUIRE(recorded.count(key) == 1);
  const DoubleTensor& expected = recorded.at(key);
  const double tolerance = key.starts_with("f64/") ? 1e-6 : 2e-5;
  CHECK(MaxAbsDifference(ours.at(name), expected) <= tolerance * std::max(1.0, Rms(expected)));
}

double GateOf(std::span<const DeviceGate> gates, Precision precision, const std::string& network) {
  const auto gate = std::find_if(gates.begin(), gates.end(), [&](const DeviceGate& g) { return g.network == network; });
  REQUIRE_MESSAGE(gate != gates.end(), "no gate for " << network);
  return precision == Precision::kFloat ? gate->plain : precision == Precision::kTf32 ? gate->tf32 : gate->half;
}

double MaxAbsDifference(const DoubleTensor& a, const DoubleTensor& b) {
  if (a.size() != b.size() || a.empty()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, difference);
  }
  return largest;
}

double Rms(const DoubleTensor& a) {
  double sum = 0;
  for (double value : a) sum += value * value;
  return std::sqrt(sum / static_cast<double>(a.size()));
}

}  // namespace mien::testing
