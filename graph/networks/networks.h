// The networks: what each can be asked for, and one builder function each, for any size, from the config alone. Inputs
// and outputs carry the stable names that tools/README.md lists. With `trace` the unfused network is built, and every
// tensor a researcher knows is an output named as in the public code: act/<module path> (generator, encoder),
// layer/<i>/... (flow).
#pragma once

#include <variant>

#include "graph/builder.h"

namespace mien {

enum class NoiseMode : uint8_t {
  kConst,  // the noise maps of the file, none where it has none
  kNone,
  kInput,  // inputs noise.{i}, shape [1,1,H,W] or [N,1,H,W]
};

struct MappingOptions {  // networks.md, "Mapping"
  float psi = 1.0f;
  int cutoff = -1;  // rows below it are truncated; -1: all
};
// Whether psi changes w: the public code of rosinality truncates only below 1, NVIDIA's extrapolates beyond.
bool Truncates(const GeneratorConfig& generator, float psi);

struct SynthesisOptions {  // networks.md, "Synthesis"
  NoiseMode noise = NoiseMode::kConst;
  bool noise_per_sample = false;  // with kInput
  // The image after fewer layers, as its skip connections have it; 0: all layers. The layers of a smaller resolution
  // are a prefix of the network; its outputs and inputs (rows, noise maps) keep their names.
  int resolution = 0;
};
struct EncoderOptions {
  int stages = -1;         // heads 1..stages add their deltas (networks.md, "Encoder"); -1: all
  bool latent_avg = true;  // false: leave the average out
};
struct FlowOptions {};  // networks.md, "Couplings"
struct FlowInverseOptions {};
struct AttributesOptions {};  // networks.md, "Attribute classifier"
struct RecognizerOptions {};  // networks.md, "Recognizer"

// networks.md, "Face networks".
constexpr int kFaceCell = 32, kMaxFaceSize = 2048;  // pixels
struct FaceDetectorOptions {
  int size = 0;  // of the picture's side, a multiple of kFaceCell up to kMaxFaceSize; 0: the model's
};
struct FaceDetectorSsdOptions {};
struct FaceLandmarksOptions {};
struct FaceRecognizerOptions {};
struct FaceExpressionOptions {};
struct FaceAgeGenderOptions {};

// Of any network.
struct GraphOptions {
  int batch = 1;
  bool trace = false;
};

#define MIEN_NETWORK(name, component, Options, Build) \
  Result<Graph> Build(const ModelConfig& config, const Options& options, const GraphOptions& graph = {});
#include "graph/networks/networks.def"
#undef MIEN_NETWORK

// The synthesis as part of a graph that goes on behind it.
struct SynthesisValues {
  ValueId w_plus = kAbsent, image = kAbsent;
  std::vector<ValueId> noise;  // with NoiseMode::kInput
};
Result<SynthesisValues> AddSynthesis(Builder* builder, const ModelConfig& config, const SynthesisOptions& options,
                                     int batch);

// Which network, and its options.
template <class, class... Options>
using VariantOfRest = std::variant<Options...>;
using NetworkOptions = VariantOfRest<void
#define MIEN_NETWORK(name, component, Options, Build) , Options
#include "graph/networks/networks.def"
#undef MIEN_NETWORK
                                     >;

const std::vector<std::string>& GraphNames();
const char* NameOf(const NetworkOptions& network);
// With its default options; kUsage: there is none of that name.
Result<NetworkOptions> NetworkNamed(const std::string& name);
// Those whose component the model has, with their default options.
std::vector<NetworkOptions> NetworksOf(const ModelConfig& config);
Result<Graph> BuildGraph(const ModelConfig& config, const NetworkOptions& network, const GraphOptions& graph = {});

}  // namespace mien
