// linear: shape rules and the double reference, as in linear.h.
#include <algorithm>
#include <cmath>

#include "kernels/infer.h"
#include "kernels/linear/linear.h"

namespace mien {
namespace {

constexpr const char* kOp = Linear::kName;

// Features of one row.
int64_t InputFeatures(const Shape& x) { return x.rank == 4 ? x[1] * x[2] * x[3] : x[x.rank - 1]; }

Status CheckX(const Linear::Params& params, const Shape& x) {
  if (x.rank == 2) return ExpectShape(kOp, "x", {kAny, kAny}, x);
  if (x.rank == 4) return ExpectShape(kOp, "x", {kAny, kAny, kAny, kAny}, x);
  const int64_t rows = params.contexts > 0 ? params.contexts : kAny;
  return ExpectShape(kOp, "x", {kAny, rows, kAny}, x);
}

Status CheckParams(const Linear::Params& params, Shapes in) {
  const Shape& x = in[Linear::kX];
  if (params.pre != Activation::kNone && params.pre != Activation::kRelu) {
    return Status::Error(Code::kUsage, "linear: pre: none or relu expected, another activation found");
  }
  if (params.act == Activation::kPRelu) {
    return Status::Error(Code::kUsage, "linear: act: none, relu, leaky or sigmoid expected, prelu found");
  }
  MIEN_TRY(ExpectAtLeast(kOp, "contexts", 0, params.contexts));
  MIEN_TRY(ExpectAtLeast(kOp, "row", -1, params.row));
  if (params.contexts > 0 && (x.rank != 3 || params.row >= 0)) {
    return Status::Error(Code::kUsage,
                         "linear: contexts: x [N,L,K] without row expected, %s with row %d found",
                         x.ToString().c_str(), params.row);
  }
  if (params.row >= 0 && (x.rank != 3 || params.row >= x[1])) {
    return Status::Error(Code::kUsage, "linear: row: x [N,L,K] with L > %d expected, %s found", params.row,
                         x.ToString().c_str());
  }
  if (params.context_in_weight && params.contexts == 0) {
    return Status::Error(Code::kUsage, "linear: context_in_weight: contexts of 1 or more expected, 0 found");
  }
  return {};
}

double Activate(Activation act, double slope, double t) {
  switch (act) {
    case Activation::kRelu:
      return std::max(t, 0.0);
    case Activation::kLeaky:
      return t >= 0 ? t : slope * t;
    case Activation::kSigmoid:
      return 1 / (1 + std::exp(-t));
    default:
      return t;
  }
}

}  // namespace

Status Linear::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  const Shape& x = in[kX];
  MIEN_TRY(CheckX(params, x));
  MIEN_TRY(CheckParams(params, in));
  const int64_t columns = InputFeatures(x) + (params.context_in_weight ? params.contexts : 0);
  MIEN_TRY(ExpectShape(kName, "weight", {kAny, columns}, in[kWeight]));
  const int64_t features = in[kWeight][0];
  MIEN_TRY(ExpectShapeIfPresent(kName, "bias", {features}, in[kBias]));
  if (in[kGateWeight].present()) {
    MIEN_TRY(ExpectAtLeast(kName, "contexts of a gated call", 1, params.contexts));
    MIEN_TRY(ExpectShape(kName, "gate_weight", {features, params.contexts}, in[kGateWeight]));
    MIEN_TRY(ExpectShape(kName, "gate_bias", {features}, in[kGateBias]));
  } else {
    MIEN_TRY(ExpectAbsent(kName, "gate_bias", in[kGateBias]));
  }
  out[0] = x.rank == 3 && params.row < 0 ? Shape{x[0], x[1], features} : Shape{x[0], features};
  MIEN_TRY(ExpectShapeIfPresent(kName, "residual", out[0], in[kResidual]));
  return ExpectWithinLimits(kName, out[0]);
}

void Linear::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const Shape& x = in[kX].shape;
  const int64_t inputs = InputFeatures(x), columns = in[kWeight].shape[1], features = in[kWeight].shape[0];
  const int64_t rows = out[0].shape.elements() / features;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t context = params.contexts > 0 ? r % params.contexts : 0;
    const double* source = in[kX].data + (params.row >= 0 ? r * x[1] + params.row : r) * inputs;
    for (int64_t m = 0; m < features; ++m) {
      const double* weight = in[kWeight].data + m * columns;
      double t = 0;
      for (int64_t k = 0; k < inputs; ++k) {
        t += (params.pre == Activation::kRelu ? std::max(source[k], 0.0) : source[k]) * weight[k];
      }
      if (params.context_in_weight) t += weight[inputs + context];
      t *= params.weight_gain;
      if (in[kBias].present()) t += in[kBias].data[m] * params.bias_gain;
      double y = Activate(params.act, params.slope, t) * params.act_gain;
      if (in[kGateWeight].present()) {
        const double gate = in[kGateWeight].data[m * params.contexts + context] + in[kGateBias].data[m];
        y *= 1 / (1 + std::exp(-gate));
      }
      if (in[kResidual].present()) y += in[kResidual].data[r * features + m];
      out[0].data[r * features + m] = y;
    }
  }
}

}  // namespace mien
