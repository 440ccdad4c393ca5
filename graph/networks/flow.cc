// The PluGeN4Faces flow (arXiv:2309.12033; RealNVP, arXiv:1605.08803, as nflows' SimpleRealNVP): every row of
// w_plus passes through couplings and, between them, batch norms; the one-hot row number is the context of
// each coupling's net.
//   [identity, transform] = columns of x;  p = net(identity, context);  transform' = transform * scale(p) +
//   shift(p)
// The inverse runs the same transforms backwards. logabsdet is the sum over the transforms, in the order they
// run.
#include "graph/networks/module.h"
#include "graph/networks/networks.h"

namespace mien {
namespace {

class FlowNet {
 public:
  FlowNet(Builder* b, const FlowConfig& f, bool inverse) : b_(*b), m_(b, "flow."), f_(f), inverse_(inverse) {}
  void Build(int batch);

 private:
  ValueId Coupling(int index, ValueId x);
  ValueId TransformNet(const std::string& path, ValueId identity);
  ValueId ResidualBlock(const std::string& path, ValueId h);
  ValueId BetweenNorm(int index, ValueId x);
  ValueId NormWithin(const std::string& path, ValueId h);
  ValueId Finish(int index, const std::vector<ValueId>& result);
  void TraceLayer(int index, const char* what, ValueId value) {
    b_.Trace("layer/" + std::to_string(index) + "/" + what, value);
  }

  Builder& b_;
  const Module m_;
  const FlowConfig& f_;
  const bool inverse_;
  ValueId logabsdet_ = kAbsent;
};

std::string TransformPath(int index) { return "_transform._transforms." + std::to_string(index); }

// Batch norm and relu before a linear layer, where the nets have norms (batch_norm_within_layers; nflows'
// eps).
ValueId FlowNet::NormWithin(const std::string& path, ValueId h) {
  BatchNorm::Params params;
  params.eps = 1e-3f;
  params.relu = true;
  return m_.Norm(path, h, params);
}

// h + linear1(relu(norm1(linear0(relu(norm0(h)))))) * sigmoid(context_layer(context)); the norms may be
// missing.
ValueId FlowNet::ResidualBlock(const std::string& path, ValueId h) {
  const auto linear = [&](int k, ValueId x, std::vector<ValueId> gate_and_residual, int contexts) {
    Linear::Params params;
    params.contexts = contexts;
    const std::string layer = path + ".linear_layers." + std::to_string(k);
    if (f_.norm_within)
      x = NormWithin(path + ".batch_norm_layers." + std::to_string(k), x);
    else
      params.pre = Activation::kRelu;
    std::vector<ValueId> in = {x, m_.Weight(layer + ".weight"), m_.Weight(layer + ".bias")};
    in.insert(in.end(), gate_and_residual.begin(), gate_and_residual.end());
    return b_.Call<Linear>(layer, params, std::move(in));
  };
  const std::string gate = path + ".context_layer";
  const ValueId t = linear(0, h, {kAbsent, kAbsent, kAbsent}, 0);
  return linear(1, t, {m_.Weight(gate + ".weight"), m_.Weight(gate + ".bias"), h}, f_.contexts);
}

// nflows' ResidualNet: [shift, raw scale] of the transformed columns, [N,L,2T] (additive: [N,L,T]).
ValueId FlowNet::TransformNet(const std::string& path, ValueId identity) {
  Linear::Params initial;
  initial.contexts = f_.contexts;
  initial.context_in_weight = true;
  ValueId h = m_.FullyConnected(path + ".initial_layer", identity, initial);
  for (int block = 0; block < f_.blocks; ++block)
    h = ResidualBlock(path + ".blocks." + std::to_string(block), h);
  return m_.FullyConnected(path + ".final_layer", h);
}

ValueId FlowNet::Coupling(int index, ValueId x) {
  const std::string path = TransformPath(index);
  const ValueId identity =
      b_.Call<SelectColumns>(path + ".identity", {}, {x, m_.Weight(path + ".identity_features")});
  const ValueId p = TransformNet(path + ".transform_net", identity);
  TraceLayer(index, "net_in", identity);
  TraceLayer(index, "net_out", p);
  AffineCoupling::Params params;
  params.inverse = inverse_;
  params.additive = f_.additive;
  return Finish(index,
                b_.CallAll<AffineCoupling>(path, params, {x, p, m_.Weight(path + ".transform_features")}));
}

ValueId FlowNet::BetweenNorm(int index, ValueId x) {
  const std::string path = TransformPath(index);
  FlowNorm::Params params;
  params.inverse = inverse_;
  return Finish(index,
                b_.CallAll<FlowNorm>(path, params,
                                     {x, m_.Weight(path + ".unconstrained_weight"), m_.Weight(path + ".bias"),
                                      m_.Weight(path + ".running_mean"), m_.Weight(path + ".running_var")}));
}

// Of a transform's results [y, logabsdet]: adds the second to the total, gives the first.
ValueId FlowNet::Finish(int index, const std::vector<ValueId>& result) {
  TraceLayer(index, "out", result[0]);
  TraceLayer(index, "logabsdet", result[1]);
  logabsdet_ = logabsdet_ == kAbsent
                   ? result[1]
                   : b_.Call<Add>("logabsdet." + std::to_string(index), {}, {logabsdet_, result[1]});
  return result[0];
}

void FlowNet::Build(int batch) {
  ValueId x = b_.Input(inverse_ ? "latent" : "w_plus", {batch, f_.contexts, f_.features});
  const int count = f_.norm_between ? 2 * f_.layers : f_.layers;
  for (int i = 0; i < count; ++i) {
    const int index = inverse_ ? count - 1 - i : i;
    const bool is_norm = f_.norm_between && index % 2 == 1;
    x = is_norm ? BetweenNorm(index, x) : Coupling(index, x);
  }
  b_.Output(inverse_ ? "w_plus" : "latent", x);
  b_.Output("logabsdet", logabsdet_);
}

Result<Graph> BuildEither(const ModelConfig& config, const char* name, bool inverse, const GraphOptions& graph) {
  MIEN_TRY(CheckBuild(config.flow.has_value(), "flow", graph.batch));
  Builder b(name, config, graph.trace);
  FlowNet(&b, *config.flow, inverse).Build(graph.batch);
  return b.Finish();
}

}  // namespace

Result<Graph> BuildFlow(const ModelConfig& config, const FlowOptions& options, const GraphOptions& graph) {
  return BuildEither(config, NameOf(options), false, graph);
}

Result<Graph> BuildFlowInverse(const ModelConfig& config, const FlowInverseOptions& options,
                               const GraphOptions& graph) {
  return BuildEither(config, NameOf(options), true, graph);
}

}  // namespace mien
