// pixel_norm: shape rules, cost and the double reference.
#include "kernels/pixel_norm/pixel_norm.h"

#include <cmath>

#include "kernels/infer.h"

namespace mien {

Status PixelNorm::Infer(const Params&, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny}, in[kX]));
  out[0] = in[kX];
  return {};
}

Cost PixelNorm::Count(const Params& params, Shapes in) {
  return CostOf<PixelNorm>(params, in, 2 * in[kX].elements());
}

void PixelNorm::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const int64_t n = in[kX].shape[0], d = in[kX].shape[1];
  for (int64_t i = 0; i < n; ++i) {
    const double* x = in[kX].data + i * d;
    double squares = 0.0;
    for (int64_t k = 0; k < d; ++k) squares += x[k] * x[k];
    const double mean = squares / static_cast<double>(d);
    for (int64_t k = 0; k < d; ++k) out[0].data[i * d + k] = x[k] / std::sqrt(mean + params.eps);
  }
}

}  // namespace mien
