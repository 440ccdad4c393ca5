// conv2d: shape rules and the double reference, as in conv2d.h. Loops run over output rows innermost
// only to be bearable in double on real layers.
#include <algorithm>
#include <cmath>

#include "kernels/conv2d/conv2d.h"
#include "kernels/infer.h"

namespace mien {
namespace {

SlidingWindow WindowOf(const Conv2d::Params& params, const Shape& weight) {
  return {weight[2], params.stride, params.pad, params.end_pad};
}

struct Geometry {
  int64_t height, width, out_height, out_width, kernel, stride, pad;
};

// y += conv(x, w), one input plane and one output plane.
void AddPlane(const Geometry& g, const double* x, const double* w, double* y) {
  for (int64_t ky = 0; ky < g.kernel; ++ky) {
    for (int64_t kx = 0; kx < g.kernel; ++kx) {
      for (int64_t row = 0; row < g.out_height; ++row) {
        const int64_t source_row = row * g.stride + ky - g.pad;
        if (source_row < 0 || source_row >= g.height) continue;
        for (int64_t column = 0; column < g.out_width; ++column) {
          const int64_t source_column = column * g.stride + kx - g.pad;
          if (source_column < 0 || source_column >= g.width) continue;
          y[row * g.out_width + column] += w[ky * g.kernel + kx] * x[source_row * g.width + source_column];
        }
      }
    }
  }
}

double Activate(const Conv2d::Params& params, double t, double prelu) {
  switch (params.act) {
    case Activation::kRelu:
      return std::max(t, 0.0);
    case Activation::kLeaky:
      return t >= 0 ? t : params.slope * t;
    case Activation::kPRelu:
      return t >= 0 ? t : prelu * t;
    default:
      return t;
  }
}

}  // namespace

Status Conv2d::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny, kAny}, in[kX]));
  MIEN_TRY(ExpectShape(kName, "weight", {kAny, in[kX][1], kAny, kAny}, in[kWeight]));
  const int64_t channels = in[kWeight][0], kernel = in[kWeight][2];
  MIEN_TRY(ExpectShape(kName, "weight", {channels, in[kX][1], kernel, kernel}, in[kWeight]));
  if (kernel != 1 && kernel != 3 && kernel != 7) {
    return Status::Error(Code::kUsage, "conv2d: weight: kernel size 1, 3 or 7 expected, %lld found",
                         static_cast<long long>(kernel));
  }
  const SlidingWindow window = WindowOf(params, in[kWeight]);
  MIEN_TRY(ExpectWindow(kName, window, in[kX]));
  if (params.act == Activation::kSigmoid) {
    return Status::Error(Code::kUsage, "conv2d: act: none, relu, leaky or prelu expected, sigmoid found");
  }
  MIEN_TRY(ExpectAtLeast(kName, "clamp", 0, params.clamp));
  MIEN_TRY(ExpectShapeIfPresent(kName, "bias", {channels}, in[kBias]));
  MIEN_TRY(ExpectNorm(kName, in.subspan(kGamma, 4), channels));
  if (params.act == Activation::kPRelu) {
    MIEN_TRY(ExpectShape(kName, "prelu", {channels}, in[kPrelu]));
  } else {
    MIEN_TRY(ExpectAbsent(kName, "prelu", in[kPrelu]));
  }
  out[0] = {in[kX][0], channels, window.Places(in[kX][2]), window.Places(in[kX][3])};
  MIEN_TRY(ExpectShapeIfPresent(kName, "residual", out[0], in[kResidual]));
  return ExpectWithinLimits(kName, out[0]);
}

void Conv2d::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const Shape &x = in[kX].shape, &y = out[0].shape;
  const int64_t kernel = in[kWeight].shape[2];
  const Geometry g = {x[2], x[3], y[2], y[3], kernel, params.stride, params.pad};
  const int64_t pixels = y[2] * y[3];
  for (int64_t n = 0; n < y[0]; ++n) {
    for (int64_t o = 0; o < y[1]; ++o) {
      double* plane = out[0].data + (n * y[1] + o) * pixels;
      std::fill_n(plane, pixels, 0.0);
      for (int64_t i = 0; i < x[1]; ++i) {
        AddPlane(g, in[kX].data + (n * x[1] + i) * x[2] * x[3],
                 in[kWeight].data + (o * x[1] + i) * kernel * kernel, plane);
      }
      for (int64_t p = 0; p < pixels; ++p) {
        double t = plane[p];
        if (in[kBias].present()) t += in[kBias].data[o];
        if (in[kMean].present()) t = (t - in[kMean].data[o]) / std::sqrt(in[kVar].data[o] + params.eps);
        if (in[kGamma].present()) t = t * in[kGamma].data[o] + in[kBeta].data[o];
        if (in[kResidual].present()) t += in[kResidual].data[(n * y[1] + o) * pixels + p];
        t = Activate(params, t, in[kPrelu].present() ? in[kPrelu].data[o] : 0.0);
        plane[p] = params.clamp > 0 ? std::clamp<double>(t, -params.clamp, params.clamp) : t;
      }
    }
  }
}

}  // namespace mien
