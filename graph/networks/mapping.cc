// StyleGAN2 mapping network (arXiv:1912.04958; conditional form: arXiv:2006.06676):
//   x = norm(z), with labels [norm(z), norm(embed(label))];  x = sqrt(2) lrelu(x (W s)^T + 0.01 b),
//   mapping_layers times w_plus = the result in every row, truncated: average + psi (w - average)
// Fully connected layers train with a learning rate of 0.01, so their stored weights are 100 times too large:
// s = 0.01 / sqrt(fan_in).
#include <cmath>

#include "graph/networks/module.h"
#include "graph/networks/networks.h"

namespace mien {
namespace {

constexpr float kLearningRate = 0.01f;

Status CheckOptions(const GeneratorConfig& g, const MappingOptions& options) {
  if (!std::isfinite(options.psi)) return Status::Error(Code::kUsage, "psi is not a finite number");
  if (Truncates(g, options.psi) && !g.has_latent_avg) {
    return Status::Error(Code::kUsage, "psi %g needs an average latent, and the model has none", options.psi);
  }
  if (options.cutoff < -1 || options.cutoff > g.rows()) {
    return Status::Error(Code::kUsage, "psi cutoff %d, 0 to %d rows expected", options.cutoff, g.rows());
  }
  return {};
}

float Gain(const Builder& b, ValueId x, float learning_rate) {
  return learning_rate / std::sqrt(static_cast<float>(b.ShapeOf(x)[1]));
}

// The name of fully connected layer i: the public code of rosinality counts the pixel norm as layer 0.
std::string LayerPath(const GeneratorConfig& g, int i) {
  return g.convention == Convention::kNvidia ? "mapping.fc" + std::to_string(i)
                                             : "style." + std::to_string(i + 1);
}

// [norm(z), norm(embed(label))], [N,Dz+Dw].
ValueId Condition(const Module& m, ValueId z, ValueId label) {
  Builder& b = m.builder();
  Linear::Params params;
  params.weight_gain = Gain(b, label, 1.0f);
  const ValueId embedded = m.FullyConnected("mapping.embed", label, params);
  b.Trace("mapping/embed", embedded);
  return b.Call<Concat>("mapping.concat", {}, {z, b.Call<PixelNorm>("mapping.embed_norm", {}, {embedded})});
}

}  // namespace

bool Truncates(const GeneratorConfig& generator, float psi) {
  return generator.convention == Convention::kNvidia ? psi != 1.0f : psi < 1.0f;
}

Result<Graph> BuildMapping(const ModelConfig& config, const MappingOptions& options, const GraphOptions& graph) {
  MIEN_TRY(CheckBuild(config.generator.has_value(), "generator", graph.batch));
  const GeneratorConfig& g = *config.generator;
  MIEN_TRY(CheckOptions(g, options));
  Builder b(NameOf(options), config, graph.trace);
  const Module m(&b, "generator.");
  const bool nvidia = g.convention == Convention::kNvidia;
  const ValueId z = b.Input("z", {graph.batch, g.z_dim});
  ValueId x = b.Call<PixelNorm>(nvidia ? "mapping.norm" : "style.0", {}, {z});
  b.Trace(nvidia ? "mapping/norm" : "mapping/style.0", x);
  if (g.label_dim > 0) x = Condition(m, x, b.Input("label", {graph.batch, g.label_dim}));
  for (int i = 0; i < g.mapping_layers; ++i) {
    Linear::Params params;
    params.weight_gain = Gain(b, x, kLearningRate);
    params.bias_gain = kLearningRate;
    params.act = Activation::kLeaky;
    params.act_gain = std::sqrt(2.0f);
    const std::string path = LayerPath(g, i);
    x = m.FullyConnected(path, x, params);
    b.Trace(nvidia ? "mapping/fc" + std::to_string(i) : "mapping/" + path, x);
  }
  BroadcastRows::Params rows;
  rows.rows = g.rows();
  rows.cutoff = options.cutoff;
  const bool truncates = Truncates(g, options.psi);
  if (truncates) rows.psi = options.psi;
  const ValueId average = truncates ? m.Weight(nvidia ? "mapping.w_avg" : "latent_avg") : kAbsent;
  b.Output("w_plus", b.Call<BroadcastRows>("w_plus", rows, {x, average}));
  return b.Finish();
}

}  // namespace mien
