// The builder functions: one network each, any size, from the config alone. Inputs and outputs carry the stable names
// that tools/README.md lists. With `trace` the unfused network is built, and every tensor a researcher knows is an
// output named as in the public code: act/<module path> (generator, encoder), layer/<i>/... (flow).
#pragma once

#include "graph/builder.h"

namespace mien {

enum class NoiseMode : uint8_t {
  kConst,  // the noise maps of the file, none where it has none
  kNone,
  kInput,  // inputs noise.{i}, shape [1,1,H,W] or [N,1,H,W]
};

struct MappingOptions {
  int batch = 1;
  float psi = 1.0f;
  int cutoff = -1;  // rows below it are truncated; -1: all
  bool trace = false;
};
// Whether psi changes w: the public code of rosinality truncates only below 1, NVIDIA's extrapolates beyond.
bool Truncates(const GeneratorConfig& generator, float psi);
Result<Graph> BuildMapping(const ModelConfig& config, const MappingOptions& options);  // networks.md, "Mapping"

struct SynthesisOptions {
  int batch = 1;
  NoiseMode noise = NoiseMode::kConst;
  bool noise_per_sample = false;  // with kInput
  int resolution = 0;  // the image after fewer layers, as its skip connections have it; 0: all layers
  bool trace = false;
};
// The layers of a smaller resolution are a prefix of the network; its outputs and inputs (rows, noise maps)
// keep their names.
Result<Graph> BuildSynthesis(const ModelConfig& config, const SynthesisOptions& options);  // networks.md, "Synthesis"

struct EncoderOptions {
  int batch = 1;
  int stages = -1;         // heads 1..stages add their deltas (networks.md, "Encoder"); -1: all
  bool latent_avg = true;  // false: leave the average out
  bool trace = false;
};
Result<Graph> BuildEncoder(const ModelConfig& config, const EncoderOptions& options);

struct FlowOptions {
  int batch = 1;
  bool inverse = false;
  bool trace = false;
};
Result<Graph> BuildFlow(const ModelConfig& config, const FlowOptions& options);  // networks.md, "Couplings"

struct NetOptions {
  int batch = 1;
  bool trace = false;
};
// networks.md, "Attribute classifier" and "Recognizer"
Result<Graph> BuildAttributes(const ModelConfig& config, const NetOptions& options);
Result<Graph> BuildRecognizer(const ModelConfig& config, const NetOptions& options);

}  // namespace mien
