// Files as the readers hand them out, put together in tests.
#pragma once

#include <cstring>

#include <doctest/doctest.h>

#include "tests/weights/support.h"
#include "weights/import/detect.h"

namespace mien::testing {

inline bool Contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// A file as the readers hand it out.
struct Made {
  ForeignFile file;
  std::vector<std::string> notes;

  void Add(const std::string& name, DType type, Shape shape, const std::string& bytes) {
    ForeignTensor tensor;
    tensor.name = name;
    tensor.type = type;
    tensor.shape = shape;
    tensor.storage = {type, static_cast<uint64_t>(shape.elements()), 0, Source(bytes)};
    SetContiguous(&tensor);
    file.tensors.push_back(tensor);
  }
  template <class T>
  void Add(const std::string& name, DType type, Shape shape, const std::vector<T>& values) {
    Add(name, type, shape, BytesOf(values));
  }
  void Remove(std::string_view end) {
    std::erase_if(file.tensors, [&](const ForeignTensor& tensor) { return tensor.name.ends_with(end); });
  }
  Result<std::vector<FoundComponent>> Detect() {
    notes.clear();
    REQUIRE(file.Finish(uint64_t{1} << 30).ok());
    return DetectComponents(file, &notes);
  }
  std::string Refusal() {
    const auto found = Detect();
    REQUIRE_FALSE(found.ok());
    CHECK(found.status().code() == Code::kRefused);
    return found.status().message();
  }
  ModelConfig Found() {
    const auto found = Detect();
    REQUIRE_MESSAGE(found.ok(), found.status().message());
    REQUIRE(found->size() == 1);
    return (*found)[0].config;
  }
  bool Notes(std::string_view part) const {
    for (const std::string& note : notes) {
      if (Contains(note, part)) return true;
    }
    return false;
  }
};

// The tensors of a network below `prefix`.
inline void AddNetwork(Made* made, const ModelConfig& config, const std::string& prefix) {
  for (const OwnedTensor& tensor : MadeUpTensors(config)) {
    std::string bytes = tensor.bytes;
    if (tensor.name.ends_with("kernel") || tensor.name.ends_with("filter"))
      bytes = BytesOf(std::vector<float>(16, 0.0625f));
    made->Add(prefix + tensor.name.substr(tensor.name.find('.') + 1), tensor.type, tensor.shape, bytes);
  }
}

inline ModelConfig PlainGenerator() {
  ModelConfig config = TinyGenerator();
  config.generator->has_latent_avg = false;
  return config;
}

inline ModelConfig PlainEncoder() {
  ModelConfig config = TinyEncoder();
  config.encoder->trunk.stage_channels = {4, 6, 8, 10};
  config.encoder->head_channels = 10;
  config.encoder->adds_latent_avg = false;
  return config;
}

inline ModelConfig TinyAttributes() {
  ModelConfig config;
  auto& a = config.attributes.emplace();
  a.stage_channels = {3, 4, 5, 6};
  a.stage_blocks = {1, 1, 1, 1};
  a.outputs = kClassifierOutputs;
  return config;
}

inline ModelConfig TinyRecognizer() {
  ModelConfig config;
  config.recognizer = RecognizerConfig{{4, {4, 6, 8, 10}, {1, 1, 1, 1}, 2}, 32, 5};
  return config;
}

inline Made EncoderFile(const std::string& prefix = "state_dict.encoder.") {
  Made made;
  AddNetwork(&made, PlainEncoder(), prefix);
  return made;
}

inline std::vector<float> Floats(const ForeignTensor& tensor) {
  std::vector<std::byte> bytes;
  REQUIRE(ReadContiguous(tensor, &bytes).ok());
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace mien::testing
