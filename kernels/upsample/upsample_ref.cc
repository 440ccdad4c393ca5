// upsample: shape rules, cost and the double reference, as upfirdn2d defines it (see upsample.h): a true
// convolution, so the filter is flipped.
#include "kernels/infer.h"
#include "kernels/upsample/upsample.h"

namespace mien {

Status Upsample::Infer(const Params&, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny, kAny}, in[kX]));
  MIEN_TRY(ExpectShape(kName, "filter", {4, 4}, in[kFilter]));
  const Shape& x = in[kX];
  out[0] = {x[0], x[1], 2 * x[2], 2 * x[3]};
  return ExpectWithinLimits(kName, out[0]);
}

Cost Upsample::Count(const Params& params, Shapes in) {
  const int64_t outputs = 4 * in[kX].elements();
  return CostOf<Upsample>(params, in,
                          4 * outputs);  // 4 of the 16 taps meet a pixel that is not a stuffed zero
}

void Upsample::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const int64_t planes = in[kX].shape[0] * in[kX].shape[1], height = in[kX].shape[2], width = in[kX].shape[3];
  const double* filter = in[kFilter].data;
  for (int64_t c = 0; c < planes; ++c) {
    const double* x = in[kX].data + c * height * width;
    double* y = out[0].data + c * 4 * height * width;
    for (int64_t row = 0; row < 2 * height; ++row) {
      for (int64_t column = 0; column < 2 * width; ++column) {
        double sum = 0;
        for (int64_t a = 0; a < 4; ++a) {
          for (int64_t b = 0; b < 4; ++b) {
            const int64_t r = row + a - 2, s = column + b - 2;  // in the zero-stuffed image
            if (r < 0 || s < 0 || r >= 2 * height || s >= 2 * width || r % 2 != 0 || s % 2 != 0) continue;
            sum += filter[(3 - a) * 4 + (3 - b)] * x[r / 2 * width + s / 2];
          }
        }
        y[row * 2 * width + column] = sum * params.gain;
      }
    }
  }
}

}  // namespace mien
