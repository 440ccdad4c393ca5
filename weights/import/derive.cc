// Configs from shapes: sizes are read off the tensors that fix them, counts by walking numbered keys until
// one is missing. What is derived here is confirmed afterwards, tensor by tensor, against the schema.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "weights/header.h"
#include "weights/import/detect.h"

namespace mien {

const std::vector<std::string> kFlowAttributes = {"gender", "glasses", "yaw", "pitch",
                                                  "bald",   "beard",   "age", "smile"};
const std::vector<std::string> kClassifierOutputs = {"gender", "glasses", "bald", "beard", "smile",
                                                     "age",    "pitch",   "roll", "yaw"};

namespace {

// Normalisation of a flow whose file has none: spec c.2, in the order of kFlowAttributes.
constexpr float kAttributeMin[] = {0, 0, -52.3f, -32, 0, 0, 0, 0};
constexpr float kAttributeMax[] = {1, 1, 58.1f, 28.5f, 0.99f, 0.9f, 72, 1};
constexpr int kMaxCount = 4096;

class Keys {
 public:
  Keys(const ForeignFile& file, std::string prefix) : file_(file), prefix_(std::move(prefix)) {}

  bool Has(const std::string& name) const { return file_.Find(prefix_ + name) != nullptr; }
  // One dimension of a tensor; 0 when it is not there, which no config accepts.
  int Dim(const std::string& name, int axis) const {
    const ForeignTensor* tensor = file_.Find(prefix_ + name);
    return tensor == nullptr || axis >= tensor->shape.rank ? 0 : static_cast<int>(tensor->shape[axis]);
  }
  // How many of before0after, before1after, ... are there in a row.
  int Count(const std::string& before, const std::string& after, int first = 0, int step = 1) const {
    int count = 0;
    while (count < kMaxCount && Has(before + std::to_string(first + count * step) + after)) ++count;
    return count;
  }
  const ForeignScalar* Scalar(const std::string& name) const {
    const auto found = file_.scalars.find(prefix_ + name);
    return found == file_.scalars.end() ? nullptr : &found->second;
  }
  const ForeignFile& file() const { return file_; }
  const std::string& prefix() const { return prefix_; }

 private:
  const ForeignFile& file_;
  std::string prefix_;
};

std::string Join(std::initializer_list<std::string> parts) {
  std::string text;
  for (const std::string& part : parts) text += part;
  return text;
}

Status Refuse(const std::string& text) { return Status::Error(Code::kRefused, "%s", text.c_str()); }

// The IR-SE trunk. Strides leave no trace in the shapes: a stage is a run of blocks of one width (spec b),
// and for the 50-layer net with equal widths the published depths 3, 4, 14, 3 are taken.
Result<TrunkConfig> DeriveTrunk(const Keys& keys) {
  TrunkConfig trunk;
  trunk.input_channels_out = keys.Dim("input_layer.0.weight", 0);
  const int blocks = keys.Count("body.", ".res_layer.1.weight");
  std::vector<int> widths;
  for (int i = 0; i < blocks; ++i)
    widths.push_back(keys.Dim(Join({"body.", std::to_string(i), ".res_layer.1.weight"}), 0));
  trunk.stage_channels.clear();
  trunk.stage_blocks.clear();
  for (int width : widths) {
    if (trunk.stage_channels.empty() || trunk.stage_channels.back() != width) {
      trunk.stage_channels.push_back(width);
      trunk.stage_blocks.push_back(0);
    }
    ++trunk.stage_blocks.back();
  }
  if (trunk.stage_channels.size() != 4 && blocks == 24) {
    trunk.stage_blocks = {3, 4, 14, 3};
    trunk.stage_channels = {widths[0], widths[3], widths[7], widths[21]};
  }
  if (trunk.stage_channels.size() != 4) {
    return Refuse(Join({keys.prefix(), "body: ", std::to_string(blocks), " blocks of ",
                        std::to_string(trunk.stage_channels.size()), " widths, 4 expected"}));
  }
  const int squeezed = keys.Dim("body.0.res_layer.5.fc1.weight", 0);
  if (squeezed < 1) return Refuse(keys.prefix() + "body.0: no squeeze-and-excitation layer");
  trunk.se_reduction = widths[0] / squeezed;
  return trunk;
}

// A setting of the file that contradicts what the engine computes.
Status Expect(const Keys& keys, const std::string& name, const ForeignScalar& expected) {
  const ForeignScalar* found = keys.Scalar(name);
  if (found == nullptr || *found == expected) return {};
  return Refuse(Join({Printable(keys.prefix() + name), ": a value this program does not compute"}));
}

// conv_clamp and the number format must be one for the whole net (spec a.6).
Status NvidiaNumerics(const Keys& keys, GeneratorConfig* g) {
  bool first = true;
  for (int b = 0; b < static_cast<int>(g->channels.size()); ++b) {
    const std::string block = "synthesis.b" + std::to_string(4 << b) + ".";
    MIEN_TRY(Expect(keys, block + "architecture", std::string("skip")));
    for (const char* layer : {"conv0.", "conv1.", "torgb."}) {
      MIEN_TRY(Expect(keys, block + layer + "activation", std::string("lrelu")));
      MIEN_TRY(Expect(keys, block + layer + "use_noise", true));
      const ForeignScalar* clamp = keys.Scalar(block + layer + "conv_clamp");
      if (clamp == nullptr) continue;
      std::optional<float> value;
      if (const auto* real = std::get_if<double>(clamp)) value = static_cast<float>(*real);
      if (const auto* integer = std::get_if<int64_t>(clamp)) value = static_cast<float>(*integer);
      if (!first && value != g->clamp)
        return Refuse(Join({keys.prefix(), block, layer, "conv_clamp differs from the other layers"}));
      g->clamp = value;
      first = false;
    }
    const ForeignScalar* half = keys.Scalar(block + "use_fp16");
    if (half != nullptr && *half == ForeignScalar(true)) ++g->fp16_resolutions;
  }
  return {};
}

// The mapping's learning-rate multiplier hides in the gains of its layers (spec a.2).
Status NvidiaMapping(const Keys& keys) {
  MIEN_TRY(Expect(keys, "mapping.fc0.activation", std::string("lrelu")));
  const ForeignScalar* gain = keys.Scalar("mapping.fc0.bias_gain");
  const double* value = gain == nullptr ? nullptr : std::get_if<double>(gain);
  if (value != nullptr && std::abs(*value - 0.01) > 1e-6) {
    return Refuse(keys.prefix() + "mapping: a learning-rate multiplier other than 0.01");
  }
  return {};
}

void FlowRanges(const ForeignFile& file, FlowConfig* f, Status* status) {
  const ForeignTensor* ranges = file.Find("minmax");
  size_t count = std::min<size_t>(kFlowAttributes.size(), static_cast<size_t>(std::max(f->features, 0)));
  std::vector<float> values;
  if (ranges != nullptr) {
    const auto elements = static_cast<size_t>(ranges->shape.elements());
    if (ranges->shape.rank < 1 || ranges->shape[0] != 2 || elements > 2 * static_cast<size_t>(f->features) ||
        ranges->type != DType::kF32) {
      *status = Refuse("minmax: [2,1,1,K] floats expected, K at most the number of features");
      return;
    }
    std::vector<std::byte> bytes;
    *status = ReadContiguous(*ranges, &bytes);
    if (!status->ok()) return;
    values.resize(elements);
    if (elements > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
    count = elements / 2;
  }
  for (size_t i = 0; i < count; ++i) {
    const bool named = i < kFlowAttributes.size();
    f->attributes.push_back(named ? kFlowAttributes[i] : "attribute_" + std::to_string(i));
    f->attribute_min.push_back(values.empty() ? kAttributeMin[i] : values[i]);
    f->attribute_max.push_back(values.empty() ? kAttributeMax[i] : values[count + i]);
  }
}

}  // namespace

Result<GeneratorConfig> DeriveRosinality(const ForeignFile& file, const std::string& prefix) {
  const Keys keys(file, prefix);
  GeneratorConfig g;
  g.convention = Convention::kRosinality;
  g.rounding = PixelRounding::kUnit;
  g.mapping_layers = keys.Count("style.", ".weight", 1);
  g.z_dim = keys.Dim("style.1.weight", 1);
  g.w_dim = keys.Dim("style.1.weight", 0);
  const int blocks = keys.Count("to_rgbs.", ".conv.weight");
  if (blocks < 1 || blocks > 10) return Refuse(prefix + "to_rgbs: 1 to 10 of them expected");
  g.resolution = 4 << blocks;
  g.channels = {keys.Dim("conv1.conv.weight", 1)};
  for (int j = 0; j < blocks; ++j)
    g.channels.push_back(keys.Dim(Join({"convs.", std::to_string(2 * j), ".conv.weight"}), 1));
  g.has_noise_maps = keys.Has("noises.noise_0");
  return g;
}

Result<GeneratorConfig> DeriveNvidia(const ForeignFile& file, const std::string& prefix) {
  const Keys keys(file, prefix);
  GeneratorConfig g;
  g.convention = Convention::kNvidia;
  g.rounding = PixelRounding::kShifted;
  for (int side = 4; side <= 4096 && keys.Has(Join({"synthesis.b", std::to_string(side), ".conv1.weight"}));
       side *= 2) {
    g.resolution = side;
    g.channels.push_back(keys.Dim(Join({"synthesis.b", std::to_string(side), ".conv1.weight"}), 0));
  }
  g.w_dim = keys.Dim("synthesis.b4.conv1.affine.weight", 1);
  g.label_dim = keys.Dim("mapping.embed.weight", 1);
  g.mapping_layers = keys.Count("mapping.fc", ".weight");
  g.z_dim = keys.Dim("mapping.fc0.weight", 1) - (g.label_dim > 0 ? g.w_dim : 0);
  g.has_latent_avg = keys.Has("mapping.w_avg");
  g.has_noise_maps = keys.Has("synthesis.b4.conv1.noise_const");
  MIEN_TRY(NvidiaNumerics(keys, &g));
  MIEN_TRY(NvidiaMapping(keys));
  return g;
}

Result<EncoderConfig> DeriveEncoder(const ForeignFile& file, const std::string& prefix) {
  const Keys keys(file, prefix);
  EncoderConfig e;
  MIEN_ASSIGN(e.trunk, DeriveTrunk(keys));
  e.rows = keys.Count("styles.", ".linear.weight");
  e.w_dim = keys.Dim("styles.0.linear.weight", 0);
  e.head_channels = keys.Dim("styles.0.linear.weight", 1);
  const int convolutions = keys.Count("styles.0.convs.", ".weight", 0, 2);
  if (convolutions > 8) return Refuse(prefix + "styles.0: too many convolutions");
  e.input_size = 16 << convolutions;
  return e;
}

Result<RecognizerConfig> DeriveRecognizer(const ForeignFile& file, const std::string& prefix) {
  const Keys keys(file, prefix);
  RecognizerConfig r;
  MIEN_ASSIGN(r.trunk, DeriveTrunk(keys));
  r.embedding = keys.Dim("output_layer.3.weight", 0);
  const int cells = keys.Dim("output_layer.3.weight", 1) / std::max(1, r.trunk.stage_channels.back());
  r.input_size = 16 * static_cast<int>(std::lround(std::sqrt(static_cast<double>(cells))));
  return r;
}

Result<FlowConfig> DeriveFlow(const ForeignFile& file, const std::string& prefix) {
  const Keys keys(file, prefix);
  const std::string first = "_transform._transforms.0.";
  FlowConfig f;
  const int identity = keys.Dim(first + "identity_features", 0),
            transform = keys.Dim(first + "transform_features", 0);
  f.features = identity + transform;
  f.hidden = keys.Dim(first + "transform_net.initial_layer.weight", 0);
  f.contexts = keys.Dim(first + "transform_net.initial_layer.weight", 1) - identity;
  f.blocks = keys.Count(first + "transform_net.blocks.", ".linear_layers.0.weight");
  f.norm_between = keys.Has("_transform._transforms.1.unconstrained_weight");
  f.norm_within = keys.Has(first + "transform_net.blocks.0.batch_norm_layers.0.weight");
  f.layers = keys.Count("_transform._transforms.", ".identity_features", 0, f.norm_between ? 2 : 1);
  f.additive = keys.Dim(first + "transform_net.final_layer.weight", 0) == transform;
  Status status;
  FlowRanges(file, &f, &status);
  MIEN_TRY(status);
  const Keys config(file, "config.");
  MIEN_TRY(Expect(config, "features", int64_t{f.features}));
  MIEN_TRY(Expect(config, "hidden_features", int64_t{f.hidden}));
  MIEN_TRY(Expect(config, "context_features", int64_t{f.contexts}));
  MIEN_TRY(Expect(config, "num_layers", int64_t{f.layers}));
  MIEN_TRY(Expect(config, "num_blocks_per_layer", int64_t{f.blocks}));
  MIEN_TRY(Expect(config, "use_volume_preserving", f.additive));
  MIEN_TRY(Expect(config, "batch_norm_within_layers", f.norm_within));
  MIEN_TRY(Expect(config, "batch_norm_between_layers", f.norm_between));
  MIEN_TRY(Expect(config, "activation", std::string("torch.nn.functional.relu")));
  return f;
}

Result<AttributesConfig> DeriveAttributes(const ForeignFile& file, const std::string& prefix) {
  const Keys keys(file, prefix);
  AttributesConfig a;
  for (size_t stage = 0; stage < 4; ++stage) {
    const std::string layer = "layer" + std::to_string(stage + 1) + ".";
    a.stage_blocks[stage] = keys.Count(layer, ".conv1.weight");
    a.stage_channels[stage] = keys.Dim(layer + "0.conv1.weight", 0);
  }
  const int outputs = keys.Dim("linear.weight", 0);
  if (outputs < 1 || outputs > 64) return Refuse(prefix + "linear: 1 to 64 outputs expected");
  for (int i = 0; i < outputs; ++i) {
    const bool public_net = outputs == static_cast<int>(kClassifierOutputs.size());
    a.outputs.push_back(public_net ? kClassifierOutputs[static_cast<size_t>(i)]
                                   : "output_" + std::to_string(i));
  }
  return a;
}

}  // namespace mien
