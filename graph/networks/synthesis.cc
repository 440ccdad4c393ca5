// StyleGAN2 synthesis network (arXiv:1912.04958, section 2.2; skip architecture), both public conventions.
// Which row of w_plus feeds what: the 4x4 convolution row 0 and its ToRGB row 1; at resolution 8 * 2^j the
// upsampling convolution row 1+2j, the second convolution row 2+2j, ToRGB row 3+2j. Noise maps have the rows'
// numbers.
#include <cmath>

#include "graph/networks/module.h"
#include "graph/networks/networks.h"

namespace mien {
namespace {

// One styled convolution: where its tensors are.
struct ConvPaths {
  std::string path;  // of the layer, in traces
  std::string weight, affine, noise_map, noise_strength, bias;
  std::string filter;  // with up
};

// One ToRGB layer.
struct RgbPaths {
  std::string path;
  std::string weight, affine, bias;
  std::string filter;  // of the skip connection's upsampling
};

class Synthesis {
 public:
  Synthesis(Builder* b, const GeneratorConfig& g, const SynthesisOptions& options, int batch)
      : b_(*b), m_(b, "generator."), g_(g), options_(options), batch_(batch) {}

  SynthesisValues Build(int levels);

 private:
  bool nvidia() const { return g_.convention == Convention::kNvidia; }
  // NVIDIA stores the filter with sum 1, rosinality with sum 4.
  float filter_gain() const { return nvidia() ? 4.0f : 1.0f; }
  float clamp() const { return g_.clamp.value_or(0.0f); }
  int64_t channels(int level) const { return g_.channels[static_cast<size_t>(level)]; }

  ConvPaths Paths(int level, bool up) const;
  RgbPaths ToRgbPaths(int level) const;
  ValueId Constant();
  ValueId Style(const std::string& affine, int row);
  ValueId StyledConv(int level, bool up, ValueId x);
  ValueId TracedConv(const ConvPaths& paths, ModConv::Params params, std::vector<ValueId> in);
  ValueId Rgb(int level, ValueId x, ValueId skip);
  ValueId TracedRgb(const RgbPaths& paths, ToRgb::Params params, std::vector<ValueId> in);

  Builder& b_;
  const Module m_;
  const GeneratorConfig& g_;
  const SynthesisOptions& options_;
  const int batch_;
  ValueId w_plus_ = kAbsent;
  std::vector<ValueId> noise_inputs_;
};

std::string BlockPath(int level) { return std::string("b").append(std::to_string(4 << level)); }

// `level` counts resolutions: 4 is 0, 8 is 1, ... Noise map and w_plus row of a convolution have the same
// number.
int ConvRow(int level, bool up) { return up ? 2 * level - 1 : 2 * level; }
int RgbRow(int level) { return 2 * level + 1; }

ConvPaths Synthesis::Paths(int level, bool up) const {
  const int row = ConvRow(level, up);
  if (nvidia()) {
    const std::string path = BlockPath(level) + (up ? ".conv0" : ".conv1"), full = "synthesis." + path;
    return {path,
            full + ".weight",
            full + ".affine",
            full + ".noise_const",
            full + ".noise_strength",
            full + ".bias",
            full + ".resample_filter"};
  }
  const std::string path = level == 0 ? "conv1" : "convs." + std::to_string(row - 1);
  return {path,
          path + ".conv.weight",
          path + ".conv.modulation",
          "noises.noise_" + std::to_string(row),
          path + ".noise.weight",
          path + ".activate.bias",
          path + ".conv.blur.kernel"};
}

RgbPaths Synthesis::ToRgbPaths(int level) const {
  if (nvidia()) {
    const std::string block = "synthesis." + BlockPath(level), full = block + ".torgb";
    return {BlockPath(level) + ".torgb", full + ".weight", full + ".affine", full + ".bias",
            block + ".resample_filter"};
  }
  const std::string path = level == 0 ? "to_rgb1" : "to_rgbs." + std::to_string(level - 1);
  return {path, path + ".conv.weight", path + ".conv.modulation", path + ".bias", path + ".upsample.kernel"};
}

ValueId Synthesis::Constant() {
  RepeatBatch::Params params;
  params.batch = batch_;
  const ValueId constant = m_.Weight(nvidia() ? "synthesis.b4.const" : "input.input", {channels(0), 4, 4});
  const ValueId x = b_.Call<RepeatBatch>(nvidia() ? "b4.const" : "input", params, {constant});
  if (!nvidia()) m_.Trace("input", x);
  return x;
}

// s = w_plus[row] (A / sqrt(D))^T + a, [N,I]; the stored bias includes the 1 around which styles move.
ValueId Synthesis::Style(const std::string& affine, int row) {
  Linear::Params params;
  params.weight_gain = 1.0f / std::sqrt(static_cast<float>(g_.w_dim));
  params.row = row;
  return m_.FullyConnected(affine, w_plus_, params);
}

ValueId Synthesis::StyledConv(int level, bool up, ValueId x) {
  const ConvPaths paths = Paths(level, up);
  const int row = ConvRow(level, up);
  const int64_t in = channels(up ? level - 1 : level), out = channels(level), side = int64_t{4} << level;
  const ValueId style = Style(paths.affine, row);
  m_.Trace(paths.path + (nvidia() ? ".affine" : ".conv.modulation"), style);

  ModConv::Params params;
  params.up = up;
  // Demodulation cancels the gain but for eps: rosinality scales the weight before it, NVIDIA does not.
  params.weight_gain = nvidia() ? 1.0f : 1.0f / std::sqrt(static_cast<float>(9 * in));
  params.eps = 1e-8f;
  params.filter_gain = filter_gain();
  params.act = Activation::kLeaky;
  params.slope = 0.2f;
  params.act_gain = std::sqrt(2.0f);
  params.clamp = clamp();
  ValueId noise = kAbsent, strength = kAbsent;
  if (options_.noise != NoiseMode::kNone) {
    noise = options_.noise == NoiseMode::kInput ? noise_inputs_[static_cast<size_t>(row)]
                                                : m_.Weight(paths.noise_map, {1, 1, side, side});
    strength = m_.Weight(paths.noise_strength, {1});
  }
  std::vector<ValueId> operands = {x,
                                   style,
                                   m_.Weight(paths.weight, {out, in, 3, 3}),
                                   up ? m_.Weight(paths.filter) : kAbsent,
                                   noise,
                                   strength,
                                   m_.Weight(paths.bias)};
  if (m_.tracing()) return TracedConv(paths, params, std::move(operands));
  return b_.Call<ModConv>(paths.path, params, std::move(operands));
}

ValueId Synthesis::TracedConv(const ConvPaths& paths, ModConv::Params params, std::vector<ValueId> in) {
  BiasAct::Params act;
  act.act = params.act;
  act.slope = params.slope;
  act.act_gain = params.act_gain;
  act.clamp = params.clamp;
  params.act = Activation::kNone;
  params.act_gain = 1.0f;
  params.clamp = 0.0f;
  const ValueId conv = b_.Call<ModConv>(paths.path + ".conv", params,
                                        {in[ModConv::kX], in[ModConv::kStyle], in[ModConv::kWeight],
                                         in[ModConv::kFilter], kAbsent, kAbsent, kAbsent});
  const ValueId noise = in[ModConv::kNoise];
  const ValueId noisy = noise == kAbsent
                            ? conv
                            : b_.Call<BiasAct>(paths.path + ".noise", {},
                                               {conv, noise, in[ModConv::kNoiseStrength], kAbsent, kAbsent});
  const ValueId y =
      b_.Call<BiasAct>(paths.path + ".activate", act, {noisy, kAbsent, kAbsent, in[ModConv::kBias], kAbsent});
  if (!nvidia()) {
    if (params.up) m_.Trace(paths.path + ".conv.blur", conv);
    m_.Trace(paths.path + ".conv", conv);
    m_.Trace(paths.path + ".noise", noisy);
    m_.Trace(paths.path + ".activate", y);
  }
  m_.Trace(paths.path, y);
  return y;
}

ValueId Synthesis::Rgb(int level, ValueId x, ValueId skip) {
  const RgbPaths paths = ToRgbPaths(level);
  const ValueId style = Style(paths.affine, RgbRow(level));
  m_.Trace(paths.path + (nvidia() ? ".affine" : ".conv.modulation"), style);
  ToRgb::Params params;
  params.weight_gain = 1.0f / std::sqrt(static_cast<float>(channels(level)));
  params.clamp = clamp();
  params.filter_gain = filter_gain();
  std::vector<ValueId> operands = {x,
                                   style,
                                   m_.Weight(paths.weight, {3, channels(level), 1, 1}),
                                   m_.Weight(paths.bias, {3}),
                                   skip,
                                   skip == kAbsent ? kAbsent : m_.Weight(paths.filter)};
  if (m_.tracing()) return TracedRgb(paths, params, std::move(operands));
  return b_.Call<ToRgb>(paths.path, params, std::move(operands));
}

ValueId Synthesis::TracedRgb(const RgbPaths& paths, ToRgb::Params params, std::vector<ValueId> in) {
  BiasAct::Params act;
  act.clamp = params.clamp;
  params.clamp = 0.0f;
  const ValueId conv =
      b_.Call<ToRgb>(paths.path + ".conv", params,
                     {in[ToRgb::kX], in[ToRgb::kStyle], in[ToRgb::kWeight], kAbsent, kAbsent, kAbsent});
  ValueId y =
      b_.Call<BiasAct>(paths.path + ".bias", act, {conv, kAbsent, kAbsent, in[ToRgb::kBias], kAbsent});
  if (nvidia())
    m_.Trace(paths.path, y);
  else
    m_.Trace(paths.path + ".conv", conv);
  if (in[ToRgb::kSkip] != kAbsent) {
    Upsample::Params up;
    up.gain = params.filter_gain;
    const ValueId skip =
        b_.Call<Upsample>(paths.path + ".upsample", up, {in[ToRgb::kSkip], in[ToRgb::kFilter]});
    if (!nvidia()) m_.Trace(paths.path + ".upsample", skip);
    y = b_.Call<Add>(paths.path + ".skip", {}, {y, skip});
  }
  if (!nvidia()) m_.Trace(paths.path, y);
  return y;
}

SynthesisValues Synthesis::Build(int levels) {
  w_plus_ = b_.Input("w_plus", {batch_, g_.rows(), g_.w_dim});
  if (options_.noise == NoiseMode::kInput) {
    for (int i = 0; i < 2 * levels - 1; ++i) {
      const int64_t side = int64_t{4} << ((i + 1) / 2);
      noise_inputs_.push_back(b_.Input("noise." + std::to_string(i),
                                       {options_.noise_per_sample ? batch_ : 1, 1, side, side}));
    }
  }
  ValueId x = Constant(), image = kAbsent;
  for (int level = 0; level < levels; ++level) {
    if (level > 0) x = StyledConv(level, /*up=*/true, x);
    x = StyledConv(level, /*up=*/false, x);
    image = Rgb(level, x, image);
    if (nvidia()) {
      m_.Trace(BlockPath(level) + ".x", x);
      m_.Trace(BlockPath(level) + ".img", image);
    }
  }
  return {w_plus_, image, noise_inputs_};
}

}  // namespace

Result<SynthesisValues> AddSynthesis(Builder* builder, const ModelConfig& config, const SynthesisOptions& options,
                                     int batch) {
  MIEN_TRY(CheckBuild(config.generator.has_value(), "generator", batch));
  const GeneratorConfig& g = *config.generator;
  const int all_levels = g.log2_resolution() - 1;
  int levels = options.resolution == 0 ? all_levels : 1;
  while (levels < all_levels && (4 << (levels - 1)) < options.resolution) ++levels;
  if (options.resolution != 0 && (4 << (levels - 1)) != options.resolution) {
    return Status::Error(Code::kUsage, "resolution %d: a power of two from 4 to %d expected",
                         options.resolution, g.resolution);
  }
  SynthesisOptions chosen = options;
  if (chosen.noise == NoiseMode::kConst && !g.has_noise_maps) chosen.noise = NoiseMode::kNone;
  return Synthesis(builder, g, chosen, batch).Build(levels);
}

Result<Graph> BuildSynthesis(const ModelConfig& config, const SynthesisOptions& options, const GraphOptions& graph) {
  Builder b(NameOf(options), config, graph.trace);
  MIEN_ASSIGN(const SynthesisValues synthesis, AddSynthesis(&b, config, options, graph.batch));
  b.Output("image", synthesis.image);
  return b.Finish();
}

}  // namespace mien
