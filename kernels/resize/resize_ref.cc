// resize: shape rules, cost and the double reference.
#include "kernels/resize/resize.h"

#include <algorithm>

#include "kernels/infer.h"

namespace mien {

Status Resize::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectAtLeast(kName, "height", 1, params.height));
  MIEN_TRY(ExpectAtLeast(kName, "width", 1, params.width));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny, kAny}, in[kX]));
  out[0] = {in[kX][0], in[kX][1], params.height, params.width};
  MIEN_TRY(ExpectShapeIfPresent(kName, "addend", out[0], in[kAddend]));
  return ExpectWithinLimits(kName, out[0]);
}

Cost Resize::Count(const Params& params, Shapes in) {
  return CostOf<Resize>(params, in, 4 * in[kX][0] * in[kX][1] * params.height * params.width);
}

namespace {

// Where output coordinate `dst` falls between two neighbours of an axis of `size` pixels.
struct Tap {
  int64_t low, high;
  double fraction;
};

Tap TapOf(int64_t dst, int64_t size, int64_t out_size, bool align_corners) {
  const double in = static_cast<double>(size), out = static_cast<double>(out_size), i = static_cast<double>(dst);
  const double src = align_corners ? (out > 1 ? i * (in - 1) / (out - 1) : 0.0)
                                   : std::max(0.0, (i + 0.5) * in / out - 0.5);
  const int64_t low = std::min(static_cast<int64_t>(src), size - 1);
  return {low, std::min(low + 1, size - 1), src - static_cast<double>(low)};
}

}  // namespace

void Resize::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const int64_t h = in[kX].shape[2], w = in[kX].shape[3];
  int64_t o = 0;
  for (int64_t nc = 0; nc < in[kX].shape[0] * in[kX].shape[1]; ++nc) {
    const double* x = in[kX].data + nc * h * w;
    for (int64_t i = 0; i < params.height; ++i) {
      const Tap v = TapOf(i, h, params.height, params.align_corners);
      for (int64_t j = 0; j < params.width; ++j, ++o) {
        const Tap u = TapOf(j, w, params.width, params.align_corners);
        const double top = (1 - u.fraction) * x[v.low * w + u.low] + u.fraction * x[v.low * w + u.high];
        const double bottom = (1 - u.fraction) * x[v.high * w + u.low] + u.fraction * x[v.high * w + u.high];
        out[0].data[o] = (1 - v.fraction) * top + v.fraction * bottom;
        if (in[kAddend].present()) out[0].data[o] += in[kAddend].data[o];
      }
    }
  }
}

}  // namespace mien
