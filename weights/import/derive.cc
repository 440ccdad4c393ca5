// Configs from shapes: sizes are read off the tensors that fix them, counts by walking numbered keys until
// one is missing. What is derived here is confirmed afterwards, tensor by tensor, against the schema.
#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "weights/header.h"
#include "weights/import/derive.h"
#include "weights/layout.h"

namespace mien {

const std::vector<std::string> kFlowAttributes = {"gender", "glasses", "yaw", "pitch",
                                                  "bald",   "beard",   "age", "smile"};
const std::vector<std::string> kClassifierOutputs = {"gender", "glasses", "bald", "beard", "smile",
                                                     "age",    "pitch",   "roll", "yaw"};

namespace {

// Normalisation of a flow whose file has none: networks.md, "Attributes", in the order of kFlowAttributes.
constexpr float kAttributeMin[] = {0, 0, -52.3f, -32, 0, 0, 0, 0};
constexpr float kAttributeMax[] = {1, 1, 58.1f, 28.5f, 0.99f, 0.9f, 72, 1};
std::string ShortNumber(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

Status Refuse(const std::string& text) { return Status::Error(Code::kRefused, "%s", text.c_str()); }

// The IR-SE trunk. Strides leave no trace in the shapes: a stage is a run of blocks of one width (networks.md,
// "IR-SE trunk"), and for the 50-layer net with equal widths the published depths 3, 4, 14, 3 are taken.
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

// Settings of the file that contradict what the engine computes.
Status Contradiction(const Keys& keys, const std::string& name, const std::string& found,
                     const std::string& expected) {
  return Refuse(Join({Printable(keys.prefix() + name), " is ", Printable(found),
                      ", which this program does not compute (", expected, " expected)"}));
}

Status Expect(const Keys& keys, const std::string& name, double expected) {
  MIEN_ASSIGN(const auto found, keys.settings().Number(keys.prefix() + name));
  if (!found || std::abs(*found - expected) <= 1e-6) return {};
  return Contradiction(keys, name, ShortNumber(*found), ShortNumber(expected));
}

Status ExpectFlag(const Keys& keys, const std::string& name, bool expected) {
  MIEN_ASSIGN(const auto found, keys.settings().Flag(keys.prefix() + name));
  if (!found || *found == expected) return {};
  return Contradiction(keys, name, *found ? "true" : "false", expected ? "true" : "false");
}

Status ExpectText(const Keys& keys, const std::string& name, const std::string& expected) {
  MIEN_ASSIGN(const auto found, keys.settings().Text(keys.prefix() + name));
  if (!found || *found == expected) return {};
  return Contradiction(keys, name, *found, expected);
}

// What holds settings is no single value, and no list: there they have no names.
Status ExpectFolder(const Settings& settings, const std::string& folder) {
  const std::string path = folder.substr(0, folder.size() - 1);
  const auto scalar = settings.file().scalars.find(path);
  const bool value = scalar != settings.file().scalars.end() && scalar->second != ForeignScalar();
  if (!value && settings.file().Find(path) == nullptr && !settings.Has(path + ".0")) return {};
  return Refuse(Join(
      {"the settings ", Printable(path), " are in a form that is not understood; a dictionary expected"}));
}

// conv_clamp and the number format must be one for the whole net (networks.md, "Numerics of NVIDIA").
Status NvidiaNumerics(const Keys& keys, GeneratorConfig* g, std::vector<std::string>* notes) {
  bool said = false;
  for (int b = 0; b < static_cast<int>(g->channels.size()); ++b) {
    const std::string block = "synthesis.b" + std::to_string(4 << b) + ".";
    MIEN_TRY(ExpectText(keys, block + "architecture", "skip"));
    for (const char* layer : {"conv0.", "conv1.", "torgb."}) {
      MIEN_TRY(ExpectText(keys, block + layer + "activation", "lrelu"));
      MIEN_TRY(ExpectFlag(keys, block + layer + "use_noise", true));
      const std::string path = Join({keys.prefix(), block, layer, "conv_clamp"});
      if (!keys.settings().Has(path)) continue;
      MIEN_ASSIGN(const auto clamp, keys.settings().Number(path));
      const auto value = clamp ? std::optional<float>(static_cast<float>(*clamp)) : std::nullopt;
      if (said && value != g->clamp) return Refuse(Printable(path) + " differs from the other layers");
      g->clamp = value;
      said = true;
    }
    MIEN_ASSIGN(const auto half, keys.settings().Flag(Join({keys.prefix(), block, "use_fp16"})));
    if (half.value_or(false)) ++g->fp16_resolutions;
  }
  if (!said && !StatesItsConfig(keys.settings().file())) {
    notes->push_back("nothing is said of conv_clamp: the generator is computed without");
  }
  return {};
}

// Modules of NVIDIA's pickles say of which class they are; another class computes something else.
Status NvidiaClasses(const Keys& keys) {
  static const std::set<std::string> known = {"Generator",      "MappingNetwork",     "SynthesisNetwork",
                                              "SynthesisBlock", "SynthesisLayer",     "ToRGBLayer",
                                              "Conv2dLayer",    "FullyConnectedLayer"};
  const auto& scalars = keys.settings().file().scalars;
  for (auto at = scalars.lower_bound(keys.prefix());
       at != scalars.end() && at->first.starts_with(keys.prefix()); ++at) {
    const auto* name = std::get_if<std::string>(&at->second);
    if (name == nullptr || !at->first.ends_with("__class__") || known.count(*name)) continue;
    return Refuse(
        Join({Printable(at->first), " is ", Printable(*name), ", which this program does not compute"}));
  }
  return {};
}

// The mapping's learning-rate multiplier hides in the gains of its layers (networks.md, "Mapping").
Status NvidiaMapping(const Keys& keys, int layers) {
  for (int i = 0; i < layers; ++i) {
    const std::string layer = "mapping.fc" + std::to_string(i);
    MIEN_TRY(ExpectText(keys, layer + ".activation", "lrelu"));
    MIEN_TRY(Expect(keys, layer + ".bias_gain", 0.01));
  }
  return {};
}

// The file's own ranges, or the public ones.
Status FlowRanges(const Keys& keys, FlowConfig* f, std::vector<std::string>* notes) {
  const Settings& settings = keys.settings();
  const std::string path = settings.Anywhere(keys.prefix(), "minmax");
  const auto features = static_cast<size_t>(std::max(f->features, 0));
  size_t count = std::min(kFlowAttributes.size(), features);
  std::optional<SettingNumbers> ranges;
  if (!path.empty()) {
    // Two values of each attribute, in one array or as two things called min and max.
    const bool apart = settings.Has(path + ".min") && settings.Has(path + ".max");
    MIEN_ASSIGN(ranges, settings.Numbers(apart ? path + ".min" : path, 2 * features));
    if (ranges && apart) {
      MIEN_ASSIGN(const auto high, settings.Numbers(path + ".max", features));
      if (!high || high->dims != ranges->dims)
        return Refuse(Printable(path) + ": min and max differ in shape");
      ranges->values.insert(ranges->values.end(), high->values.begin(), high->values.end());
      ranges->dims.insert(ranges->dims.begin(), 2);
    }
    if (ranges && (ranges->dims.empty() || ranges->dims[0] != 2 || ranges->dims.size() > 2)) {
      return Refuse(Join(
          {Printable(path), " is ", ranges->Shape(), ": [2,K] expected, K at most the number of features"}));
    }
  }
  if (ranges) count = ranges->values.size() / 2;
  if (!ranges && !StatesItsConfig(settings.file()))
    notes->push_back("the flow has no minmax: the public ranges are taken");
  for (size_t i = 0; i < count; ++i) {
    const bool named = i < kFlowAttributes.size();
    f->attributes.push_back(named ? kFlowAttributes[i] : "attribute_" + std::to_string(i));
    f->attribute_min.push_back(ranges ? static_cast<float>(ranges->values[i]) : kAttributeMin[i]);
    f->attribute_max.push_back(ranges ? static_cast<float>(ranges->values[count + i]) : kAttributeMax[i]);
    if (!(f->attribute_min[i] < f->attribute_max[i])) {
      return Refuse(
          Join({Printable(path), ": ", f->attributes[i], " goes from ", ShortNumber(f->attribute_min[i]),
                " to ", ShortNumber(f->attribute_max[i]), "; a range expected"}));
    }
  }
  return {};
}

// ---- which encoder it is: e4e and pSp have the same tensors

constexpr struct {
  const char* name;
  EncoderKind kind;
} kEncoderTypes[] = {{"Encoder4Editing", EncoderKind::kE4e}, {"GradualStyleEncoder", EncoderKind::kPsp}};

Status UnknownEncoder(const std::string& path, const std::string& type) {
  const bool restyle = type.ends_with("ProgressiveBackboneEncoder") || type == "BackboneEncoder" ||
                       type == "ResNetBackboneEncoder";
  return Refuse(Join({Printable(path), " is ", Printable(type), restyle ? ", one of ReStyle's" : "",
                      "; Encoder4Editing (e4e) or GradualStyleEncoder (pSp) expected"}));
}

Status CheckInputs(const std::string& what, double channels) {
  if (channels == 3) return {};
  return Refuse(Join({Printable(what), " is ", ShortNumber(channels), ", 3 expected: ",
                      channels == 6 ? "ReStyle's encoders, which read their last result beside the picture,"
                                    : "encoders of label maps and sketches",
                      " are not computed"}));
}

// As many heads as the generator of that size has rows.
Status CheckSize(const Settings& settings, const std::string& path, int rows) {
  MIEN_ASSIGN(const auto size, settings.Number(path));
  if (!size) return {};
  const int expected = *size >= 4 && *size <= 1 << 20 ? 2 * std::ilogb(*size) - 2 : 0;
  if (expected == rows) return {};
  return Refuse(Join({Printable(path), " is ", ShortNumber(*size), ", which has ", std::to_string(expected),
                      " rows; the encoder has ", std::to_string(rows)}));
}

Status EncoderSettings(const Keys& keys, EncoderConfig* e, std::vector<std::string>* notes) {
  const Settings& settings = keys.settings();
  MIEN_TRY(CheckInputs(keys.prefix() + "input_layer.0.weight: the number of channels",
                       keys.Dim("input_layer.0.weight", 1)));
  MIEN_ASSIGN(const auto stated, StatedEncoder(settings));
  if (stated) e->kind = stated->kind;
  if (!stated && !StatesItsConfig(settings.file())) {
    notes->push_back(
        "nothing is said of the encoder's type: it is taken for e4e's (pSp's has the same tensors)");
  }
  const std::string folder = EncoderFolder(settings, keys.prefix(), stated);
  if (!folder.empty()) MIEN_TRY(ExpectFolder(settings, folder));
  MIEN_ASSIGN(const auto inputs, settings.Number(folder + "input_nc"));
  if (inputs) MIEN_TRY(CheckInputs(folder + "input_nc", *inputs));
  MIEN_TRY(ExpectFlag(Keys(settings, folder), "learn_in_w", false));  // such codes have one row
  return CheckSize(settings, folder + (e->kind == EncoderKind::kPsp ? "output_size" : "stylegan_size"),
                   e->rows);
}

}  // namespace

Result<std::optional<StatedType>> StatedEncoder(const Settings& settings) {
  std::optional<StatedType> stated;
  std::string first;
  for (const std::string& path : settings.Named("encoder_type")) {
    MIEN_ASSIGN(const auto type, settings.Text(path));
    if (!type) continue;
    if (stated && *type != first) {
      return Refuse(Join({Printable(stated->path), " is ", Printable(first), ", but ", Printable(path),
                          " is ", Printable(*type)}));
    }
    if (stated) continue;
    const auto known = std::find_if(std::begin(kEncoderTypes), std::end(kEncoderTypes),
                                    [&](const auto& candidate) { return *type == candidate.name; });
    if (known == std::end(kEncoderTypes)) return UnknownEncoder(path, *type);
    stated = {path, known->kind};
    first = *type;
  }
  return stated;
}

std::string EncoderFolder(const Settings& settings, const std::string& prefix,
                          const std::optional<StatedType>& stated) {
  if (stated) return stated->path.substr(0, stated->path.rfind('.') + 1);
  const std::string options = settings.Nearest(prefix, "opts");
  if (!options.empty()) return options + ".";
  const std::string average = settings.Anywhere(prefix, "start_from_latent_avg");
  return average.substr(0, average.rfind('.') + 1);
}

bool StatesItsConfig(const ForeignFile& file) { return file.metadata.count(kConfigKey) > 0; }

// ---- one config per network

namespace {

Result<GeneratorConfig> DeriveRosinality(const Settings& file, const std::string& prefix, Notes*) {
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
  g.has_noise_maps = file.Has(prefix + "noises");  // some of them: all are demanded
  return g;
}

Result<GeneratorConfig> DeriveNvidia(const Settings& file, const std::string& prefix, Notes* notes) {
  const Keys keys(file, prefix);
  GeneratorConfig g;
  g.convention = Convention::kNvidia;
  g.rounding = PixelRounding::kShifted;
  for (int side = 4; side <= 4096 && keys.Has(Join({"synthesis.b", std::to_string(side), ".conv1.weight"}));
       side *= 2) {
    g.resolution = side;
    g.channels.push_back(keys.Dim(Join({"synthesis.b", std::to_string(side), ".conv1.weight"}), 0));
    g.has_noise_maps |= keys.Has(Join({"synthesis.b", std::to_string(side), ".conv1.noise_const"}));
  }
  g.w_dim = keys.Dim("synthesis.b4.conv1.affine.weight", 1);
  g.label_dim = keys.Dim("mapping.embed.weight", 1);
  g.mapping_layers = keys.Count("mapping.fc", ".weight");
  g.z_dim = keys.Dim("mapping.fc0.weight", 1) - (g.label_dim > 0 ? g.w_dim : 0);
  g.has_latent_avg = keys.Has("mapping.w_avg");
  MIEN_TRY(NvidiaClasses(keys));
  MIEN_TRY(NvidiaNumerics(keys, &g, notes));
  MIEN_TRY(NvidiaMapping(keys, g.mapping_layers));
  return g;
}

Result<EncoderConfig> DeriveEncoder(const Settings& file, const std::string& prefix, Notes* notes) {
  const Keys keys(file, prefix);
  EncoderConfig e;
  MIEN_ASSIGN(e.trunk, DeriveTrunk(keys));
  e.rows = keys.Count("styles.", ".linear.weight");
  e.w_dim = keys.Dim("styles.0.linear.weight", 0);
  e.head_channels = keys.Dim("styles.0.linear.weight", 1);
  const int convolutions = keys.Count("styles.0.convs.", ".weight", 0, 2);
  if (convolutions > 8) return Refuse(prefix + "styles.0: too many convolutions");
  e.input_size = 16 << convolutions;
  MIEN_TRY(EncoderSettings(keys, &e, notes));
  return e;
}

Result<RecognizerConfig> DeriveRecognizer(const Settings& file, const std::string& prefix, Notes*) {
  const Keys keys(file, prefix);
  RecognizerConfig r;
  MIEN_ASSIGN(r.trunk, DeriveTrunk(keys));
  r.embedding = keys.Dim("output_layer.3.weight", 0);
  const int cells = keys.Dim("output_layer.3.weight", 1) / std::max(1, r.trunk.stage_channels.back());
  r.input_size = 16 * static_cast<int>(std::lround(std::sqrt(static_cast<double>(cells))));
  return r;
}

Result<FlowConfig> DeriveFlow(const Settings& file, const std::string& prefix, Notes* notes) {
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
  MIEN_TRY(FlowRanges(keys, &f, notes));
  const Keys config(file, file.Nearest(prefix, "config") + ".");
  MIEN_TRY(ExpectFolder(file, config.prefix()));
  MIEN_TRY(Expect(config, "features", f.features));
  MIEN_TRY(Expect(config, "hidden_features", f.hidden));
  MIEN_TRY(Expect(config, "context_features", f.contexts));
  MIEN_TRY(Expect(config, "num_layers", f.layers));
  MIEN_TRY(Expect(config, "num_blocks_per_layer", f.blocks));
  MIEN_TRY(ExpectFlag(config, "use_volume_preserving", f.additive));
  MIEN_TRY(ExpectFlag(config, "batch_norm_within_layers", f.norm_within));
  MIEN_TRY(ExpectFlag(config, "batch_norm_between_layers", f.norm_between));
  MIEN_TRY(ExpectText(config, "activation", "torch.nn.functional.relu"));
  return f;
}

Result<AttributesConfig> DeriveAttributes(const Settings& file, const std::string& prefix, Notes*) {
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

// Landmarks and expressions have the same extractor and differ in what they say.
template <int kOutputs>
bool HasOutputs(const ForeignFile& file, const std::string& prefix) {
  const ForeignTensor* const bias = file.Find(prefix + "fc/bias");
  return bias != nullptr && bias->shape == Shape{kOutputs};
}

template <auto kComponent, auto kDerive>
Result<ModelConfig> ConfigOf(const Settings& file, const std::string& prefix, Notes* notes) {
  ModelConfig config;
  MIEN_ASSIGN(config.*kComponent, kDerive(file, prefix, notes));
  return config;
}

}  // namespace

const std::vector<Signature>& Signatures() {
  static const std::vector<Signature> signatures = {
      {"generator",
       ConfigOf<&ModelConfig::generator, DeriveRosinality>,
       false,
       {"style.1.weight", "conv1.conv.weight", "to_rgb1.conv.weight"},
       {"style", "input", "conv1", "to_rgb1", "convs", "to_rgbs", "noises"}},
      {"generator",
       ConfigOf<&ModelConfig::generator, DeriveNvidia>,
       false,
       {"synthesis.b4.const", "mapping.fc0.weight"},
       {"synthesis", "mapping"}},
      {"encoder",
       ConfigOf<&ModelConfig::encoder, DeriveEncoder>,
       false,
       {"styles.0.linear.weight", "input_layer.0.weight"},
       {"input_layer", "body", "styles", "latlayer1", "latlayer2"}},
      {"recognizer",
       ConfigOf<&ModelConfig::recognizer, DeriveRecognizer>,
       true,
       {"output_layer.3.weight", "input_layer.0.weight"},
       {"input_layer", "body", "output_layer"}},
      {"flow",
       ConfigOf<&ModelConfig::flow, DeriveFlow>,
       false,
       {"_transform._transforms.0.identity_features", "_transform._transforms.0.transform_net.initial_layer.weight"},
       {"_transform"}},
      {"attributes",
       ConfigOf<&ModelConfig::attributes, DeriveAttributes>,
       true,
       {"layer1.0.conv1.weight", "conv1.weight", "linear.weight"},
       {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "linear"}},
      {"face_detector",
       ConfigOf<&ModelConfig::face_detector, DeriveFaceDetector>,
       true,
       {"conv0/filters", "conv1/depthwise_filter", "conv8/filters"},
       {"conv0", "conv1", "conv2", "conv3", "conv4", "conv5", "conv6", "conv7", "conv8"}},
      {"face_detector_ssd",
       ConfigOf<&ModelConfig::face_detector_ssd, DeriveFaceDetectorSsd>,
       true,
       {"MobilenetV1/Conv2d_0_pointwise/weights", "Prediction/BoxPredictor_0/ClassPredictor/weights",
        "Output/extra_dim"},
       {"MobilenetV1", "Prediction", "Output"}},
      {"face_landmarks",
       ConfigOf<&ModelConfig::face_landmarks, DeriveFaceLandmarks>,
       true,
       {"dense0/conv0/filters", "dense3/conv3/bias", "fc/weights"},
       {"dense0", "dense1", "dense2", "dense3", "fc"},
       HasOutputs<2 * kFacePoints>},
      {"face_expression",
       ConfigOf<&ModelConfig::face_expression, DeriveFaceExpression>,
       true,
       {"dense0/conv0/filters", "dense3/conv3/bias", "fc/weights"},
       {"dense0", "dense1", "dense2", "dense3", "fc"},
       HasOutputs<static_cast<int>(std::size(kExpressions))>},
      {"face_recognizer",
       ConfigOf<&ModelConfig::face_recognizer, DeriveFaceRecognizer>,
       true,
       {"conv32_down/conv/filters", "conv256_down_out/conv2/conv/filters", "fc"},
       {"conv32_down", "conv64_down", "conv128_down", "conv256_down", "conv256_down_out", "fc"}},
      {"face_age_gender",
       ConfigOf<&ModelConfig::face_age_gender, DeriveFaceAgeGender>,
       true,
       {"entry_flow/conv_in/filters", "exit_flow/separable_conv/pointwise_filter", "fc/age/weights"},
       {"entry_flow", "middle_flow", "exit_flow", "fc"}},
  };
  return signatures;
}

}  // namespace mien
