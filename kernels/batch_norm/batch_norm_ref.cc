// batch_norm: shape rules, cost and the double reference.
#include "kernels/batch_norm/batch_norm.h"

#include <cmath>

#include "kernels/infer.h"

namespace mien {

Status BatchNorm::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  const Shape& x = in[kX];
  if (x.rank == 2) {
    MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny}, x));
  } else if (x.rank == 3) {
    MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny}, x));
  } else {
    MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny, kAny}, x));
  }
  const int64_t c = x.rank == 3 ? x[2] : x[1];
  MIEN_TRY(ExpectShape(kName, "gamma", {c}, in[kGamma]));
  MIEN_TRY(ExpectShape(kName, "beta", {c}, in[kBeta]));
  MIEN_TRY(ExpectShape(kName, "mean", {c}, in[kMean]));
  MIEN_TRY(ExpectShape(kName, "var", {c}, in[kVar]));
  MIEN_TRY(ExpectAtLeast(kName, "eps", 0, params.eps));
  out[0] = x;
  return {};
}

Cost BatchNorm::Count(const Params& params, Shapes in) {
  return CostOf<BatchNorm>(params, in, in[kX].elements());
}

void BatchNorm::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const Shape& shape = in[kX].shape;
  const int64_t c = in[kGamma].shape[0];
  const int64_t inner = shape.rank == 4 ? shape[2] * shape[3] : 1;
  for (int64_t i = 0; i < shape.elements(); ++i) {
    const int64_t j = i / inner % c;
    const double normal = (in[kX].data[i] - in[kMean].data[j]) / std::sqrt(in[kVar].data[j] + params.eps);
    const double y = normal * in[kGamma].data[j] + in[kBeta].data[j];
    out[0].data[i] = params.relu && y < 0 ? 0 : y;
  }
}

}  // namespace mien
