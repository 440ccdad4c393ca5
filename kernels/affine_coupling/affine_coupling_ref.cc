// affine_coupling: shape rules, cost and the double reference.
#include "kernels/affine_coupling/affine_coupling.h"

#include <cmath>

#include "kernels/infer.h"

namespace mien {

Status AffineCoupling::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny}, in[kX]));
  MIEN_TRY(ExpectShape(kName, "index", {kAny}, in[kIndex]));
  const int64_t n = in[kX][0], l = in[kX][1], transformed = in[kIndex][0];
  MIEN_TRY(ExpectShape(kName, "p", {n, l, (params.additive ? 1 : 2) * transformed}, in[kP]));
  if (transformed > in[kX][2]) {
    return Status::Error(Code::kUsage, "%s: index: at most %lld expected, %lld found", kName,
                         static_cast<long long>(in[kX][2]), static_cast<long long>(transformed));
  }
  out[0] = in[kX];
  out[1] = {n, l};
  return {};
}

Cost AffineCoupling::Count(const Params& params, Shapes in) {
  return CostOf<AffineCoupling>(params, in, in[kP].elements());
}

void AffineCoupling::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const int64_t d = in[kX].shape[2], transformed = in[kIndex].shape[0], stride = in[kP].shape[2];
  for (int64_t row = 0; row < out[1].shape.elements(); ++row) {
    const double* x = in[kX].data + row * d;
    const double* p = in[kP].data + row * stride;
    double* y = out[0].data + row * d;
    for (int64_t k = 0; k < d; ++k) y[k] = x[k];
    double logabsdet = 0.0;
    for (int64_t t = 0; t < transformed; ++t) {
      const int64_t k = static_cast<int64_t>(in[kIndex].data[t]);
      const double shift = p[t];
      const double scale = params.additive ? 1.0 : 1 / (1 + std::exp(-(p[transformed + t] + 2))) + 1e-3;
      y[k] = params.inverse ? (x[k] - shift) / scale : x[k] * scale + shift;
      logabsdet += params.inverse ? -std::log(scale) : std::log(scale);
    }
    out[1].data[row] = logabsdet;
  }
}

}  // namespace mien
