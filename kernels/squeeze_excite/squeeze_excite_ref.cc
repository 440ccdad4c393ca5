// squeeze_excite: shape rules, cost and the double reference, as in squeeze_excite.h.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/infer.h"
#include "kernels/squeeze_excite/squeeze_excite.h"

namespace mien {

Status SqueezeExcite::Infer(const Params&, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectShape(kName, "u", {kAny, kAny, kAny, kAny}, in[kU]));
  const int64_t channels = in[kU][1];
  MIEN_TRY(ExpectShape(kName, "fc1", {kAny, channels, 1, 1}, in[kFc1]));
  MIEN_TRY(ExpectShape(kName, "fc2", {channels, in[kFc1][0], 1, 1}, in[kFc2]));
  MIEN_TRY(ExpectShapeIfPresent(kName, "shortcut", in[kU], in[kShortcut]));
  out[0] = in[kU];
  return {};
}

Cost SqueezeExcite::Count(const Params& params, Shapes in) {
  const int64_t mlp = in[kU][0] * (in[kFc1].elements() + in[kFc2].elements());
  return CostOf<SqueezeExcite>(params, in, 2 * in[kU].elements() + mlp);
}

void SqueezeExcite::Ref(const Params&, Inputs<double> in, Outputs<double> out) {
  const Shape& shape = in[kU].shape;
  const int64_t batch = shape[0], channels = shape[1], pixels = shape[2] * shape[3];
  const int64_t hidden_size = in[kFc1].shape[0];
  std::vector<double> mean(static_cast<size_t>(channels)), hidden(static_cast<size_t>(hidden_size));
  for (int64_t n = 0; n < batch; ++n) {
    const int64_t sample = n * channels * pixels;
    for (int64_t c = 0; c < channels; ++c) {
      double sum = 0;
      for (int64_t p = 0; p < pixels; ++p) sum += in[kU].data[sample + c * pixels + p];
      mean[c] = sum / static_cast<double>(pixels);
    }
    for (int64_t h = 0; h < hidden_size; ++h) {
      double sum = 0;
      for (int64_t c = 0; c < channels; ++c) sum += in[kFc1].data[h * channels + c] * mean[c];
      hidden[h] = std::max(sum, 0.0);
    }
    for (int64_t c = 0; c < channels; ++c) {
      double sum = 0;
      for (int64_t h = 0; h < hidden_size; ++h) sum += in[kFc2].data[c * hidden_size + h] * hidden[h];
      const double excitation = 1.0 / (1.0 + std::exp(-sum));
      for (int64_t p = 0; p < pixels; ++p) {
        const int64_t index = sample + c * pixels + p;
        const double shortcut = in[kShortcut].present() ? in[kShortcut].data[index] : 0.0;
        out[0].data[index] = in[kU].data[index] * excitation + shortcut;
      }
    }
  }
}

}  // namespace mien
