#include "tests/support/tiny_model.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/hashgen.h"
#include "weights/layout.h"
#include "weights/schema.h"

namespace mien::testing {
namespace {

hashgen::Rule RuleOf(const ModelConfig& config, const std::string& component) {
  if (component == "generator") {
    return config.generator->convention == Convention::kNvidia ? hashgen::Rule::kNvidia : hashgen::Rule::kGenerator;
  }
  if (component == "flow") return hashgen::Rule::kFlow;
  if (component == "attributes") return hashgen::Rule::kResNet;
  return hashgen::Rule::kIrSe;
}

// Columns of a coupling: even couplings keep the even ones (nflows' alternating mask).
std::vector<int64_t> MaskColumns(const TensorSpec& spec, int features) {
  const std::string digits = spec.name.substr(spec.name.find("_transforms.") + 12);
  const bool even_coupling = std::stoi(digits) / 2 % 2 == 0;
  const bool identity = spec.name.ends_with("identity_features");
  std::vector<int64_t> columns;
  for (int64_t i = even_coupling == identity ? 0 : 1; i < features; i += 2) columns.push_back(i);
  return columns;
}

std::vector<float> ValuesOf(const ModelConfig& config, const TensorSpec& spec) {
  const size_t dot = spec.name.find('.');
  const std::string component = spec.name.substr(0, dot), key = spec.name.substr(dot + 1);
  if (key == "latent_avg") return hashgen::Values("tiny/" + spec.name, spec.shape.elements(), 0.5);
  return hashgen::WeightValues("tiny/" + component, {key, spec.shape}, RuleOf(config, component));
}

struct Folder {
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mien-test.XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

}  // namespace

void WriteModel(const ModelConfig& config, const std::string& path) {
  const auto specs = ExpectedTensors(config);
  std::vector<std::vector<float>> floats;
  std::vector<std::vector<int64_t>> columns;
  std::vector<TensorToWrite> tensors;
  for (const TensorSpec& spec : specs) {
    if (spec.is_index) {
      columns.push_back(MaskColumns(spec, config.flow->features));
      REQUIRE(static_cast<int64_t>(columns.back().size()) == spec.shape.elements());
      tensors.push_back({spec.name, DType::kI64, spec.shape, std::as_bytes(std::span(columns.back()))});
    } else {
      floats.push_back(ValuesOf(config, spec));
      tensors.push_back({spec.name, DType::kF32, spec.shape, std::as_bytes(std::span(floats.back()))});
    }
  }
  const Status status =
      WriteTensorFile(path, tensors, {{kConfigKey, ConfigToJson(config)}}, TensorFile::Profile::kModel);
  REQUIRE_MESSAGE(status.ok(), status.message());
}

ModelConfig TinyConfig() {
  const TrunkConfig trunk = {.input_channels_out = 8,
                             .stage_channels = {8, 12, 16, 24},
                             .stage_blocks = {1, 2, 1, 1},
                             .se_reduction = 4};
  ModelConfig config;
  config.generator = GeneratorConfig();
  config.generator->resolution = kTinySide;
  config.generator->z_dim = 16;
  config.generator->w_dim = kTinyDim;
  config.generator->mapping_layers = 2;
  config.generator->channels = {24, 16, 12, 8};
  config.generator->has_latent_avg = true;
  config.encoder = EncoderConfig();
  config.encoder->trunk = trunk;
  config.encoder->input_size = 32;
  config.encoder->rows = kTinyRows;
  config.encoder->w_dim = kTinyDim;
  config.encoder->head_channels = 24;
  config.flow = FlowConfig();
  config.flow->features = kTinyDim;
  config.flow->hidden = 24;
  config.flow->contexts = kTinyRows;
  config.flow->layers = 3;
  config.flow->attributes = {"gender", "glasses", "yaw", "pitch", "bald", "beard", "age", "smile"};
  config.flow->attribute_min = {0, 0, -52.3f, -32, 0, 0, 0, 0};
  config.flow->attribute_max = {1, 1, 58.1f, 28.5f, 0.99f, 0.9f, 72, 1};
  config.attributes = AttributesConfig();
  config.attributes->stage_channels = {8, 8, 12, 16};
  config.attributes->stage_blocks = {1, 1, 1, 1};
  config.attributes->input_size = 32;
  config.attributes->outputs = {"gender", "glasses", "bald", "beard", "smile", "age", "pitch", "roll", "yaw"};
  config.recognizer = RecognizerConfig();
  config.recognizer->trunk = trunk;
  config.recognizer->input_size = 32;
  config.recognizer->embedding = 16;
  config.face_detector = {{4, 4, 6, 6, 8, 8}, 5, 32};
  config.face_detector_ssd = {
      {4, 4, 4, 4, 6, 6, 6, 6, 6, 6, 6, 8, 8, 8}, {4, 6, 4, 6, 4, 4, 4, 4}, {1, 2, 1, 1, 1, 1}, 2, 64};
  config.face_landmarks = {{4, 4, 6, 8}, 32};
  config.face_expression = {{4, 4, 6, 8}, 32};
  config.face_recognizer = {{4, 6, 8, 10}, {1, 1, 1, 1}, 103, 16};
  config.face_age_gender = {{4, 4, 6, 8, 10}, 1, 32};
  return config;
}

const std::string& ScratchFolder() {
  static const Folder folder;
  return folder.path;
}

ModelConfig WideConfig() {
  ModelConfig config;
  config.generator = GeneratorConfig();
  config.generator->resolution = kWideSide;
  config.generator->z_dim = 16;
  config.generator->w_dim = kTinyDim;
  config.generator->mapping_layers = 2;
  config.generator->channels = {16, 16, 16, 18, 16, 16};
  return config;
}

std::shared_ptr<const ModelFile> WideModel() {
  static const std::shared_ptr<const ModelFile> model = [] {
    const std::string path = ScratchFolder() + "/wide.safetensors";
    WriteModel(WideConfig(), path);
    auto opened = ModelFile::Open(path);
    REQUIRE_MESSAGE(opened.ok(), opened.status().message());
    return *opened;
  }();
  return model;
}

const std::string& ConditionalModelPath() {
  static const std::string path = [] {
    ModelConfig config;
    config.generator = TinyConfig().generator;
    config.generator->convention = Convention::kNvidia;
    config.generator->label_dim = kTinyLabels;
    config.generator->has_noise_maps = false;
    const std::string name = ScratchFolder() + "/conditional.safetensors";
    WriteModel(config, name);
    return name;
  }();
  return path;
}

const std::string& TinyModelPath() {
  static const std::string path = [] {
    const std::string name = ScratchFolder() + "/tiny.safetensors";
    WriteModel(TinyConfig(), name);
    return name;
  }();
  return path;
}

std::shared_ptr<const ModelFile> TinyModel() {
  static const std::shared_ptr<const ModelFile> model = [] {
    auto opened = ModelFile::Open(TinyModelPath());
    REQUIRE_MESSAGE(opened.ok(), opened.status().message());
    return *opened;
  }();
  return model;
}

}  // namespace mien::testing
