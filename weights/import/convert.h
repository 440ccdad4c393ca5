// `mien convert`: public checkpoints in, one model file (or plain tensors) out. Never linked into inference.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "weights/config.h"
#include "weights/import/readers.h"

namespace mien {

// Fills `out` with the tensor of that name, as finite floats.
using FloatReader = std::function<Status(const std::string& name, std::span<float> out)>;

struct ConvertOptions {
  bool fp16 = false;                  // store weights as F16 where nothing overflows
  std::string card;                   // model card, Markdown
  std::function<bool()> interrupted;  // asked between tensors; may be empty
  // Estimates the average latent [w_dim] of a generator whose file has none; empty: it stays without. It computes, so
  // it lives above this library (runtime/face/average_latent.h).
  std::function<Result<std::vector<float>>(const ModelConfig& config, const FloatReader& read)> average_latent;
};

struct ConvertReport {
  ModelConfig config;
  size_t tensors = 0;
  uint64_t bytes = 0;               // of tensor data
  std::vector<std::string> hashes;  // SHA-256 of each source
  std::vector<std::string> notes;   // choices made and things left out, in words
};

// The sources, with the manifests of TensorFlow.js in the place of a folder that has some.
Result<std::vector<std::string>> ExpandFolders(const std::vector<std::string>& paths);

// Merges the networks of all sources into one model file. Of a network given twice the later file's is taken;
// the generator that travels inside an e4e file gives way to an explicit one. Refusals name the object.
Result<ConvertReport> Convert(const std::vector<std::string>& sources, const std::string& output,
                              const ConvertOptions& options);

// Every tensor of a file as ordinary safetensors under its dotted name (without a leading "state_dict."); a
// bfloat16 or quantised tensor is written a second time as F32, named NAME_as_f32.
Result<ConvertReport> ConvertTensorsOnly(const std::string& source, const std::string& output,
                                         const ConvertOptions& options);

// The networks of opened sources, merged and checked, without writing anything.
struct MergedModel {
  ModelConfig config;
  std::vector<ForeignTensor> tensors;  // in the order of ExpectedTensors(config)
  std::vector<std::string> notes;
};
Result<MergedModel> MergeSources(const std::vector<SharedSource>& sources,
                                 const std::vector<std::string>& names);

}  // namespace mien
