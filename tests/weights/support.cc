#include "tests/weights/support.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace mien::testing {

std::string EncodeFile(const std::vector<OwnedTensor>& tensors, const Metadata& metadata,
                       TensorFile::Profile profile) {
  std::vector<TensorStream> streams;
  std::vector<uint32_t> checksums;
  std::string data;
  for (const OwnedTensor& tensor : tensors) {
    streams.push_back({tensor.name, tensor.type, tensor.shape, nullptr});
    checksums.push_back(Crc32c(std::as_bytes(std::span(tensor.bytes))));
    data += tensor.bytes;
  }
  auto header = EncodeHeader(streams, checksums, metadata, profile);
  if (!header.ok()) {
    std::fprintf(stderr, "EncodeFile: %s\n", header.status().message());
    std::abort();
  }
  return *header + data;
}

std::vector<OwnedTensor> MadeUpTensors(const ModelConfig& config) {
  std::vector<OwnedTensor> tensors;
  uint32_t state = 1;
  for (const TensorSpec& spec : ExpectedTensors(config)) {
    OwnedTensor tensor{spec.name, spec.is_index ? DType::kI64 : DType::kF32, spec.shape, {}};
    const auto count = static_cast<size_t>(spec.shape.elements());
    if (spec.is_index) {
      // A coupling's two lists are the even and the odd columns; the longer one is the even one.
      const int layer = std::atoi(spec.name.c_str() + std::strlen("flow._transform._transforms."));
      const int coupling = config.flow->norm_between ? layer / 2 : layer;
      const bool identity = spec.name.find("identity") != std::string::npos;
      const int64_t first = (coupling % 2 == 0) == identity ? 0 : 1;
      std::vector<int64_t> columns(count);
      for (size_t i = 0; i < count; ++i) columns[i] = first + 2 * static_cast<int64_t>(i);
      tensor.bytes = BytesOf(columns);
    } else {
      std::vector<float> values(count);
      for (float& value : values) {
        state = state * 1664525u + 1013904223u;
        value = static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
      }
      tensor.bytes = BytesOf(values);
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::string MadeUpModel(const ModelConfig& config) {
  return EncodeFile(MadeUpTensors(config), {{kConfigKey, ConfigToJson(config)}, {kCardKey, "# made up"}},
                    TensorFile::Profile::kModel);
}

ModelConfig TinyGenerator() {
  ModelConfig config;
  auto& g = config.generator.emplace();
  g.resolution = 8;
  g.z_dim = g.w_dim = 6;
  g.mapping_layers = 2;
  g.channels = {5, 4};
  g.has_latent_avg = true;
  return config;
}

ModelConfig TinyNvidiaGenerator() {
  ModelConfig config = TinyGenerator();
  auto& g = *config.generator;
  g.convention = Convention::kNvidia;
  g.z_dim = 7;
  g.label_dim = 3;
  g.clamp = 256.0f;
  g.rounding = PixelRounding::kShifted;
  return config;
}

ModelConfig TinyFlow() {
  ModelConfig config;
  auto& f = config.flow.emplace();
  f.features = 7;
  f.hidden = 5;
  f.contexts = 4;
  f.layers = 2;
  f.blocks = 1;
  f.norm_within = true;
  f.norm_between = false;
  f.attributes = {"gender", "glasses"};
  f.attribute_min = {0, -52.3f};
  f.attribute_max = {1, 58.1f};
  return config;
}

ModelConfig TinyEncoder() {
  ModelConfig config;
  auto& e = config.encoder.emplace();
  e.trunk = {4, {4, 4, 8, 8}, {1, 1, 1, 1}, 2};
  e.input_size = 32;
  e.rows = 4;
  e.w_dim = 6;
  e.head_channels = 8;
  return config;
}

std::string ReadData(const std::string& name) {
  auto text = ReadTextFile(std::string(MIEN_SOURCE_DIR) + "/tests/data/golden/" + name, 64 << 20);
  if (text.ok()) return std::move(*text);
  std::fprintf(stderr, "ReadData: %s\n", text.status().message());
  return {};
}

std::string TemporaryPath(const std::string& name) {
  const char* folder = std::getenv("TMPDIR");
  return std::string(folder ? folder : "/tmp") + "/mien_weights_" + std::to_string(getpid()) + "_" + name;
}

}  // namespace mien::testing
