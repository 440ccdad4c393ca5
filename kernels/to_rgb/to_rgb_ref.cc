// to_rgb: shape rules, cost and the double reference, as in to_rgb.h: modulated 1x1 convolution, bias and
// clamp, plus the upsampled skip image.
#include <algorithm>
#include <vector>

#include "kernels/infer.h"
#include "kernels/to_rgb/to_rgb.h"
#include "kernels/upsample/upsample.h"

namespace mien {

Status ToRgb::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny, kAny}, in[kX]));
  const Shape& x = in[kX];
  MIEN_TRY(ExpectShape(kName, "style", {x[0], x[1]}, in[kStyle]));
  MIEN_TRY(ExpectShape(kName, "weight", {kAny, x[1], 1, 1}, in[kWeight]));
  const int64_t colors = in[kWeight][0];
  MIEN_TRY(ExpectShapeIfPresent(kName, "bias", {colors}, in[kBias]));
  if (in[kSkip].present()) {
    if (x[2] % 2 != 0 || x[3] % 2 != 0) {
      return Status::Error(Code::kUsage, "%s: x: even height and width expected with skip, %s found", kName,
                           x.ToString().c_str());
    }
    MIEN_TRY(ExpectShape(kName, "skip", {x[0], colors, x[2] / 2, x[3] / 2}, in[kSkip]));
    MIEN_TRY(ExpectShape(kName, "filter", {4, 4}, in[kFilter]));
  } else {
    MIEN_TRY(ExpectAbsent(kName, "filter", in[kFilter]));
  }
  MIEN_TRY(ExpectAtLeast(kName, "clamp", 0, params.clamp));
  out[0] = {x[0], colors, x[2], x[3]};
  return ExpectWithinLimits(kName, out[0]);
}

Cost ToRgb::Count(const Params& params, Shapes in) {
  const Shape& x = in[kX];
  const int64_t taps = x[1] + (in[kSkip].present() ? 4 : 0);
  return CostOf<ToRgb>(params, in, x[0] * in[kWeight][0] * x[2] * x[3] * taps);
}

void ToRgb::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const Shape& shape = in[kX].shape;
  const int64_t batch = shape[0], channels = shape[1], pixels = shape[2] * shape[3];
  const int64_t colors = in[kWeight].shape[0];
  std::vector<double> skip(static_cast<size_t>(out[0].shape.elements()), 0.0);
  if (in[kSkip].present()) {
    const View<const double> upsample_in[] = {in[kSkip], in[kFilter]};
    const View<double> upsample_out[] = {{skip.data(), out[0].shape}};
    Upsample::Ref({.gain = params.filter_gain}, upsample_in, upsample_out);
  }
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t c = 0; c < colors; ++c) {
      for (int64_t p = 0; p < pixels; ++p) {
        double y = 0;
        for (int64_t i = 0; i < channels; ++i) {
          const double modulated =
              params.weight_gain * in[kWeight].data[c * channels + i] * in[kStyle].data[n * channels + i];
          y += modulated * in[kX].data[(n * channels + i) * pixels + p];
        }
        if (in[kBias].present()) y += in[kBias].data[c];
        if (params.clamp > 0) y = std::clamp(y, -double{params.clamp}, double{params.clamp});
        const int64_t index = (n * colors + c) * pixels + p;
        out[0].data[index] = y + skip[static_cast<size_t>(index)];
      }
    }
  }
}

}  // namespace mien
