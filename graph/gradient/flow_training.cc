#include "graph/gradient/flow_training.h"

#include <cmath>
#include <numbers>

#include "graph/gradient/expression.h"

namespace mien {
namespace {

ValueId Columns(Builder& builder, const std::string& layer, ValueId x, int64_t first, int64_t count) {
  return builder.Call<SelectColumns>(layer, {.first = first, .count = count}, {x, kAbsent});
}

constexpr MatMul::Params kByTransposed = {MatMul::Form::kRightTransposed};
constexpr int kImagesAndRows = 2, kAll = 3;  // dimensions of [B,L,...] that a sum runs over

class FlowStep {
 public:
  FlowStep(Builder* builder, const FlowConfig& config, const FlowStepOptions& options)
      : b_(*builder), f_(config), o_(options) {}
  std::vector<std::string> Build();

 private:
  ValueId Trained(const std::string& name, const Shape& shape) {
    const ValueId value = b_.Parameter(name, shape);
    if (value == kAbsent) return value;
    trained_.push_back(name);
    parameters_.push_back(value);
    return value;
  }
  // [L,out] for the one-hot context: context . w^T + bias, w [out,L].
  ValueId Table(const std::string& path, ValueId weight, ValueId bias, bool sigmoid);
  ValueId ResidualBlock(const std::string& path, ValueId h);
  ValueId TransformNet(const std::string& path, ValueId identity, int64_t outputs);
  ValueId Coupling(int layer, ValueId x);
  ValueId Norm(const std::string& path, ValueId x);
  ValueId LogDeterminant(double rows);
  ValueId FlowLoss(ValueId z);
  ValueId AttributeLoss(ValueId z);

  Builder& b_;
  const FlowConfig& f_;
  const FlowStepOptions& o_;
  ValueId context_ = kAbsent;
  std::vector<std::string> trained_;
  std::vector<ValueId> parameters_;
  std::vector<ValueId> row_log_scales_, norm_log_scales_;  // [1]: of couplings over all rows, of norms for each row
};

ValueId FlowStep::Table(const std::string& path, ValueId weight, ValueId bias, bool sigmoid) {
  Expression e;
  Term t = e(b_.Call<MatMul>(path, kByTransposed, {context_, weight}));
  t = t + e(bias);
  return e.Value(b_, path, sigmoid ? Sigmoid(t) : t);
}

// h + linear1(relu(linear0(relu(h)))) * sigmoid(context_layer(context))
ValueId FlowStep::ResidualBlock(const std::string& path, ValueId h) {
  const int64_t hidden = f_.hidden;
  const auto linear = [&](int k, ValueId x, ValueId* bias) {
    const std::string layer = path + ".linear_layers." + std::to_string(k);
    const ValueId weight = Trained(layer + ".weight", {hidden, hidden});
    *bias = Trained(layer + ".bias", {hidden});
    return b_.Call<MatMul>(layer, kByTransposed, {x, weight});
  };
  const std::string gate_path = path + ".context_layer";
  const ValueId gate_weight = Trained(gate_path + ".weight", {hidden, f_.contexts});
  const ValueId gate = Table(gate_path, gate_weight, Trained(gate_path + ".bias", {hidden}), true);
  ValueId bias = kAbsent;
  Expression before, between, after;
  const ValueId relu = before.Value(b_, path + ".relu", Relu(before(h)));
  const ValueId t0 = linear(0, relu, &bias);
  Term t = between(t0);
  const ValueId inner = between.Value(b_, path + ".relu", Relu(t + between(bias)));
  const ValueId t1 = linear(1, inner, &bias);
  t = after(h);
  const Term product = after(t1) + after(bias);
  return after.Value(b_, path, t + product * after(gate));
}

ValueId FlowStep::TransformNet(const std::string& path, ValueId identity, int64_t outputs) {
  const std::string initial = path + ".initial_layer", final = path + ".final_layer";
  const int64_t columns = b_.ShapeOf(identity)[2];
  const ValueId weight = Trained(initial + ".weight", {f_.hidden, columns + f_.contexts});
  const ValueId table = Table(initial, Columns(b_, initial + ".context", weight, columns, f_.contexts),
                              Trained(initial + ".bias", {f_.hidden}), false);
  const ValueId product =
      b_.Call<MatMul>(initial, kByTransposed, {identity, Columns(b_, initial + ".weight", weight, 0, columns)});
  Expression sum;
  Term t = sum(product);
  ValueId h = sum.Value(b_, initial, t + sum(table));
  for (int block = 0; block < f_.blocks; ++block) h = ResidualBlock(path + ".blocks." + std::to_string(block), h);
  const ValueId final_weight = Trained(final + ".weight", {outputs, f_.hidden});
  const ValueId p = b_.Call<MatMul>(final, kByTransposed, {h, final_weight});
  Expression biased;
  t = biased(p);
  return biased.Value(b_, final, t + biased(Trained(final + ".bias", {outputs})));
}

// v scale + shift of the columns that are transformed, scale = sigmoid(raw + 2) + 1e-3; the others as they are.
ValueId FlowStep::Coupling(int layer, ValueId x) {
  const std::string path = "_transform._transforms." + std::to_string(f_.norm_between ? 2 * layer : layer);
  const int64_t larger = (f_.features + 1) / 2, smaller = f_.features / 2;
  const int64_t kept = layer % 2 == 0 ? larger : smaller, changed = f_.features - kept;
  const ValueId kept_columns = b_.Parameter(path + ".identity_features", {kept});
  const ValueId changed_columns = b_.Parameter(path + ".transform_features", {changed});
  const ValueId u = b_.Call<SelectColumns>(path + ".identity", {}, {x, kept_columns});
  ValueId v = b_.Call<SelectColumns>(path + ".transform", {}, {x, changed_columns});
  const ValueId p = TransformNet(path + ".transform_net", u, (f_.additive ? 1 : 2) * changed);
  const ValueId shift = f_.additive ? p : Columns(b_, path + ".shift", p, 0, changed);
  Expression moved;
  Term t = moved(v);
  if (!f_.additive) {
    const ValueId raw = Columns(b_, path + ".raw", p, changed, changed);
    Expression log_scale;
    const Term scale = Sigmoid(log_scale(raw) + 2.0f) + 1e-3f;
    row_log_scales_.push_back(log_scale.Value(b_, path + ".log_scale", Log(scale), kAll));
    t = t * (Sigmoid(moved(raw) + 2.0f) + 1e-3f);
  }
  v = moved.Value(b_, path, t + moved(shift));
  const auto spread = [&](ValueId part, ValueId columns) {
    return b_.Call<SelectColumns>(path, {.scatter = f_.features}, {part, columns});
  };
  Expression joined;
  t = joined(spread(u, kept_columns));
  return joined.Value(b_, path, t + joined(spread(v, changed_columns)));
}

// nflows' batch norm in training: mean and unbiased variance of the batch, gradients through both.
ValueId FlowStep::Norm(const std::string& path, ValueId x) {
  constexpr float kEps = 1e-5f;
  const auto rows = static_cast<float>(int64_t{o_.batch} * f_.contexts);
  const ValueId unconstrained = Trained(path + ".unconstrained_weight", {f_.features});
  const ValueId bias = Trained(path + ".bias", {f_.features});
  Expression sum, squares, mean_of, var_of, y, logs;
  const ValueId total = sum.Value(b_, path + ".sum", sum(x), kImagesAndRows);
  const ValueId mean = mean_of.Value(b_, path + ".mean", mean_of(total) / rows);
  Term centred = squares(x);
  centred = centred - squares(mean);
  const ValueId square = squares.Value(b_, path + ".squares", centred * centred, kImagesAndRows);
  const ValueId var = var_of.Value(b_, path + ".var", var_of(square) / (rows - 1.0f));
  b_.Output("mean/" + path, mean);
  b_.Output("var/" + path, var);
  Term t = logs(unconstrained);
  t = Log(Softplus(t) + kEps) - Log(logs(var) + kEps) * 0.5f;
  norm_log_scales_.push_back(logs.Value(b_, path + ".log_scale", t, 1));
  t = y(x);
  t = t - y(mean);
  const Term weight = Softplus(y(unconstrained)) + kEps;
  return y.Value(b_, path, weight * t / Sqrt(y(var) + kEps) + y(bias));
}

// The mean over rows of log |det|; kAbsent where nothing changes a volume.
ValueId FlowStep::LogDeterminant(double rows) {
  ValueId total = kAbsent;
  const auto add = [&](const std::vector<ValueId>& parts, double factor) {
    for (const ValueId part : parts) {
      Expression e;
      Term t = e(part) * static_cast<float>(factor);
      if (total != kAbsent) t = t + e(total);
      total = e.Value(b_, "log_determinant", t);
    }
  };
  add(row_log_scales_, 1 / rows);
  add(norm_log_scales_, 1);
  return total;
}

// -mean over rows of log p(z) + log |det|, over the divisor. The first K coordinates are left to the attributes; the
// constant of the normal distribution is still that of all.
ValueId FlowStep::FlowLoss(ValueId z) {
  const int64_t free = f_.features - o_.attributes;
  const double rows = static_cast<double>(o_.batch) * f_.contexts;
  const ValueId rest = Columns(b_, "identity", z, o_.attributes, free);
  Expression e;
  const Term value = e(rest);
  Term t = value * value * 0.5f;
  if (o_.conditional) {
    const ValueId weight = Trained(kBaseWeight, {2 * int64_t{f_.features}, f_.contexts});
    const ValueId base = Table("base", weight, Trained(kBaseBias, {2 * int64_t{f_.features}}), false);
    const Term log_deviation = e(Columns(b_, "base.log_deviation", base, f_.features + o_.attributes, free));
    t = (value - e(Columns(b_, "base.mean", base, o_.attributes, free))) / Exp(log_deviation);
    t = t * t * 0.5f + log_deviation;
  }
  const ValueId energy = e.Value(b_, "energy", t, kAll);
  const double constant = 0.5 * f_.features * std::log(2 * std::numbers::pi);
  Expression loss;
  Term mean = loss(energy) * static_cast<float>(1 / rows) + static_cast<float>(constant);
  const ValueId determinant = LogDeterminant(rows);
  if (determinant != kAbsent) mean = mean - loss(determinant);
  return loss.Value(b_, "flow_loss", mean / static_cast<float>(o_.flow_divisor));
}

// -log N(z; label, sigma) of the labels that are known, times the weight.
ValueId FlowStep::AttributeLoss(ValueId z) {
  const Shape labels = {o_.batch, f_.contexts, o_.attributes};
  Expression e;
  Term distance = e(Columns(b_, "attributes", z, 0, o_.attributes));
  const ValueId label = b_.Input("labels", labels), known = b_.Input("known", labels);
  const ValueId sigma = b_.Input("sigma", {1}), weight = b_.Input("attribute_weight", {1});
  const Term deviation = e(sigma);
  distance = (distance - e(label)) / deviation;
  const auto constant = static_cast<float>(0.5 * std::log(2 * std::numbers::pi));
  const Term energy = distance * distance * 0.5f + Log(deviation) + constant;
  const ValueId sum = e.Value(b_, "attribute_energy", energy * e(known), kAll);
  Expression loss;
  const Term total = loss(sum);
  return loss.Value(b_, "attribute_loss", total * loss(weight));
}

std::vector<std::string> FlowStep::Build() {
  ValueId x = b_.Input("w_plus", {o_.batch, f_.contexts, f_.features});
  context_ = b_.Input("context", {f_.contexts, f_.contexts});
  for (int layer = 0; layer < f_.layers; ++layer) {
    x = Coupling(layer, x);
    if (f_.norm_between) x = Norm("_transform._transforms." + std::to_string(2 * layer + 1), x);
  }
  const ValueId identity = Columns(b_, "identity", x, o_.attributes, f_.features - o_.attributes);
  const ValueId averaging = b_.Input("averaging", {o_.batch, o_.batch});
  const ValueId flow = FlowLoss(x);
  const ValueId contrast = IdentityContrast(&b_, identity, averaging, b_.Input("identity_weight", {1}));
  const ValueId attributes = AttributeLoss(x);
  Expression e;
  Term sum = e(flow);
  sum = sum + e(contrast);
  const ValueId total = e.Value(b_, "total", sum + e(attributes));
  b_.Output("latent", x);
  b_.Output("flow", flow);
  b_.Output("identity", contrast);
  b_.Output("attributes", attributes);
  b_.Output("total", total);
  const std::vector<ValueId> gradients = AddGradients(&b_, total, parameters_);
  for (size_t i = 0; i < trained_.size(); ++i) b_.Output("gradient/" + trained_[i], gradients[i]);
  return trained_;
}

}  // namespace

ValueId IdentityContrast(Builder* builder, ValueId identity, ValueId averaging, ValueId weight) {
  const ValueId mean = builder->Call<MatMul>("person_mean", {}, {averaging, identity});
  Expression distance, loss;
  Term t = distance(identity);
  t = t - distance(mean);
  const ValueId sum = distance.Value(*builder, "person_distance", t * t, kAll);
  t = loss(sum);
  return loss.Value(*builder, "identity_loss", t * loss(weight));
}

Result<FlowStepGraph> BuildFlowStep(const FlowConfig& config, const FlowStepOptions& options) {
  if (config.norm_within) {
    return Status::Error(Code::kUsage, "training: a flow without norms inside its nets expected");
  }
  if (options.attributes < 1 || options.attributes >= config.features) {
    return Status::Error(Code::kUsage, "training: attributes: 1 to %d expected, %d found", config.features - 1,
                         options.attributes);
  }
  Builder builder("flow_step", ModelConfig(), false);
  FlowStepGraph step;
  step.trained = FlowStep(&builder, config, options).Build();
  MIEN_ASSIGN(step.graph, builder.Finish());
  return step;
}

}  // namespace mien
