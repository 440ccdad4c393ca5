// pool2d: shape rules, cost and the double reference.
#include "kernels/pool2d/pool2d.h"

#include <algorithm>
#include <limits>

#include "kernels/infer.h"

namespace mien {
namespace {

SlidingWindow WindowOf(const Pool2d::Params& params) {
  return {params.kernel, params.stride, params.pad, params.end_pad};
}

}  // namespace

Status Pool2d::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  const Shape& x = in[kX];
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny, kAny}, x));
  MIEN_TRY(ExpectAtLeast(kName, "kernel", 1, params.kernel));
  const SlidingWindow window = WindowOf(params);
  MIEN_TRY(ExpectWindow(kName, window, x));
  out[0] = {x[0], x[1], window.Places(x[2]), window.Places(x[3])};
  return ExpectWithinLimits(kName, out[0]);
}

Cost Pool2d::Count(const Params& params, Shapes in) {
  const SlidingWindow window = WindowOf(params);
  const int64_t outputs = in[kX][0] * in[kX][1] * window.Places(in[kX][2]) * window.Places(in[kX][3]);
  return CostOf<Pool2d>(params, in, outputs * params.kernel * params.kernel);
}

void Pool2d::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const Shape &x = in[kX].shape, &y = out[0].shape;
  for (int64_t i = 0; i < y.elements(); ++i) {
    const int64_t column = i % y[3], row = i / y[3] % y[2], plane = i / y[3] / y[2];
    double largest = -std::numeric_limits<double>::infinity(), sum = 0, count = 0;
    for (int64_t ky = 0; ky < params.kernel; ++ky) {
      for (int64_t kx = 0; kx < params.kernel; ++kx) {
        const int64_t r = row * params.stride + ky - params.pad, s = column * params.stride + kx - params.pad;
        if (r < 0 || s < 0 || r >= x[2] || s >= x[3]) continue;
        const double pixel = in[kX].data[(plane * x[2] + r) * x[3] + s];
        largest = std::max(largest, pixel);
        sum += pixel;
        count += 1;
      }
    }
    out[0].data[i] = params.kind == PoolKind::kMax ? largest : sum / count;
  }
}

}  // namespace mien
