// l2_normalize: shape rules, cost and the double reference.
#include "kernels/l2_normalize/l2_normalize.h"

#include <cmath>

#include "kernels/infer.h"

namespace mien {

Status L2Normalize::Infer(const Params&, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny}, in[kX]));
  out[0] = in[kX];
  return {};
}

Cost L2Normalize::Count(const Params& params, Shapes in) {
  return CostOf<L2Normalize>(params, in, 2 * in[kX].elements());
}

void L2Normalize::Ref(const Params&, Inputs<double> in, Outputs<double> out) {
  const int64_t n = in[kX].shape[0], d = in[kX].shape[1];
  for (int64_t i = 0; i < n; ++i) {
    const double* x = in[kX].data + i * d;
    double squares = 0.0;
    for (int64_t k = 0; k < d; ++k) squares += x[k] * x[k];
    for (int64_t k = 0; k < d; ++k) out[0].data[i * d + k] = squares > 0 ? x[k] / std::sqrt(squares) : 0.0;
  }
}

}  // namespace mien
