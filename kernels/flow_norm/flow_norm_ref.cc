// flow_norm: shape rules, cost and the double reference.
#include "kernels/flow_norm/flow_norm.h"

#include <cmath>

#include "kernels/infer.h"

namespace mien {

Status FlowNorm::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny}, in[kX]));
  const int64_t d = in[kX][2];
  MIEN_TRY(ExpectShape(kName, "unconstrained", {d}, in[kUnconstrained]));
  MIEN_TRY(ExpectShape(kName, "bias", {d}, in[kBias]));
  MIEN_TRY(ExpectShape(kName, "mean", {d}, in[kMean]));
  MIEN_TRY(ExpectShape(kName, "var", {d}, in[kVar]));
  MIEN_TRY(ExpectAtLeast(kName, "eps", 0, params.eps));
  out[0] = in[kX];
  out[1] = {in[kX][0], in[kX][1]};
  return {};
}

Cost FlowNorm::Count(const Params& params, Shapes in) {
  return CostOf<FlowNorm>(params, in, in[kX].elements());
}

namespace {

// torch.nn.functional.softplus: log(1 + e^x), and x itself beyond its threshold.
double Softplus(double x) { return x > 20 ? x : std::log(1 + std::exp(x)); }

}  // namespace

void FlowNorm::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const int64_t d = in[kX].shape[2];
  for (int64_t row = 0; row < out[1].shape.elements(); ++row) {
    double logabsdet = 0.0;
    for (int64_t k = 0; k < d; ++k) {
      const double weight = Softplus(in[kUnconstrained].data[k]) + params.eps;
      const double var = in[kVar].data[k] + params.eps;
      const double x = in[kX].data[row * d + k], mean = in[kMean].data[k], bias = in[kBias].data[k];
      out[0].data[row * d + k] = params.inverse ? std::sqrt(var) * (x - bias) / weight + mean
                                                : weight * (x - mean) / std::sqrt(var) + bias;
      const double log_scale = std::log(weight) - std::log(var) / 2;
      logabsdet += params.inverse ? -log_scale : log_scale;
    }
    out[1].data[row] = logabsdet;
  }
}

}  // namespace mien
