// What a model file says about its networks: the short config in its metadata, one struct per component.
// Everything a builder needs is here; everything here was validated when the file was opened. The JSON form is written
// and read by config_json.cc; the tensors a config implies are computed by schema.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace mien {

// Whose naming, layout and numerics a generator follows (networks.md, "Two conventions").
enum class Convention : uint8_t { kRosinality, kNvidia };

// Rounding of an image in [-1,1] to 8 bits (the public codes differ by one level on half of all values):
// kUnit trunc(clamp((x+1)/2,0,1)*255), kShifted trunc(clamp(x*127.5+128,0,255)).
enum class PixelRounding : uint8_t { kUnit, kShifted };

// StyleGAN2 mapping and synthesis (arXiv:1912.04958).
struct GeneratorConfig {
  Convention convention = Convention::kRosinality;
  int resolution = 0;                 // R, a power of two >= 8
  int z_dim = 512, w_dim = 512;
  int label_dim = 0;                  // > 0: conditional (NVIDIA only)
  int mapping_layers = 8;
  std::vector<int> channels;          // feature channels at 4, 8, 16, ..., R
  std::optional<float> clamp;         // conv_clamp of NVIDIA nets trained with fp16 blocks
  int fp16_resolutions = 0;           // num_fp16_res; computed here in fp32
  bool has_latent_avg = false;        // tensor generator.latent_avg (rosinality) or generator.mapping.w_avg
  bool has_noise_maps = true;         // constant noise maps stored in the file
  PixelRounding rounding = PixelRounding::kUnit;

  int log2_resolution() const;        // log2(R)
  int rows() const;                   // L = 2 log2(R) - 2
  int noise_maps() const;             // 2 log2(R) - 3
};

// Encoders with an IR-SE trunk, and the ArcFace recogniser on the same trunk. Both kinds of encoder have the same
// tensors; what differs is how the style heads make the rows: kE4e head 0 in every row, plus the row's own head
// (arXiv:2102.02766); kPsp the row's own head alone (arXiv:2008.00951).
enum class EncoderKind : uint8_t { kE4e, kPsp };
struct TrunkConfig {
  int input_channels_out = 64;        // channels of input_layer
  std::vector<int> stage_channels = {64, 128, 256, 512};
  std::vector<int> stage_blocks = {3, 4, 14, 3};
  int se_reduction = 16;
};
struct EncoderConfig {
  EncoderKind kind = EncoderKind::kE4e;  // files from before there were two do not say it
  TrunkConfig trunk;
  int input_size = 256;               // S
  int rows = 18;                      // L, the number of style heads
  int w_dim = 512;
  int head_channels = 512;            // channels of the pyramid and of the head convolutions
  bool adds_latent_avg = true;        // tensor encoder.latent_avg [L,D] is added to the codes

  // Stride-2 convolutions of style head i: heads 0-2 see S/16, 3-6 see S/8, the others S/4, each down to 1x1.
  int head_convolutions(int head) const;
};
struct RecognizerConfig {
  TrunkConfig trunk;
  int input_size = 112;
  int embedding = 512;
};

// The PluGeN4Faces flow: nflows SimpleRealNVP applied to every row with the row index as one-hot context.
struct FlowConfig {
  int features = 512, hidden = 512, contexts = 18, layers = 10, blocks = 2;
  bool additive = false;              // use_volume_preserving
  bool norm_within = false;           // batch_norm_within_layers
  bool norm_between = true;           // batch_norm_between_layers
  std::vector<std::string> attributes;         // names of the first coordinates, in order
  std::vector<float> attribute_min, attribute_max;  // raw values that map to -1 and +1
};

// Attribute classifier: CIFAR-named ResNet18 without max-pool.
struct AttributesConfig {
  std::vector<int> stage_channels = {64, 128, 256, 512};
  std::vector<int> stage_blocks = {2, 2, 2, 2};
  int input_size = 256;
  std::vector<std::string> outputs;   // nine names
};

// The networks that find faces in photos and describe them (networks.md, "Face networks").
struct FaceDetectorConfig {  // boxes on a grid of cells of 32 pixels
  std::vector<int> channels = {16, 32, 64, 128, 256, 512};
  int boxes = 5;         // of a cell
  int input_size = 416;  // unless another is asked for
};
struct FaceDetectorSsdConfig {  // MobileNet, with boxes on six of its maps
  std::vector<int> channels = {32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024};
  std::vector<int> extra_channels = {256, 512, 128, 256, 128, 256, 64, 128};  // of the layers behind it
  std::vector<int> boxes = {3, 6, 6, 6, 6, 6};                                // of a cell, per map
  int classes = 3;
  int input_size = 512;

  int64_t anchors() const;  // boxes of all maps
};
constexpr int kFacePoints = 68;
struct FaceLandmarksConfig {
  std::vector<int> channels = {32, 64, 128, 256};
  int input_size = 112;
};
constexpr const char* kExpressions[] = {"neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised"};
struct FaceExpressionConfig {
  std::vector<int> channels = {32, 64, 128, 256};
  int input_size = 112;
};
struct FaceRecognizerConfig {
  std::vector<int> channels = {32, 64, 128, 256};  // no two the same: layers are called by them
  std::vector<int> blocks = {3, 3, 2, 2};
  int input_size = 150;
  int descriptor = 128;
};
struct FaceAgeGenderConfig {
  std::vector<int> channels = {32, 64, 128, 256, 512};
  int middle_blocks = 2;
  int input_size = 112;
};

struct ModelConfig {
#define MIEN_COMPONENT(name, Config) std::optional<Config> name;
#include "weights/components.def"
#undef MIEN_COMPONENT
};

// visit("generator", the generator of every one of `models`), and so on for each component, whether it is there or not.
template <class Visit, class... Models>
void ForEachComponent(const Visit& visit, Models&... models) {
#define MIEN_COMPONENT(name, Config) visit(#name, models.name...);
#include "weights/components.def"
#undef MIEN_COMPONENT
}

// JSON both ways. Reading is strict: unknown keys, wrong types and numbers out of range are all listed in one error.
std::string ConfigToJson(const ModelConfig& config);
Result<ModelConfig> ConfigFromJson(const std::string& json);

// Agreement between components that are used together (rows, dimensions, resolutions); all disagreements in one error.
Status CheckConfig(const ModelConfig& config);

}  // namespace mien
