// mod_conv: shape rules and the double reference, as in mod_conv.h: the weights are modulated, as the
// paper writes it, while the CPU kernel modulates the activations.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/infer.h"
#include "kernels/mod_conv/mod_conv.h"

namespace mien {

Status ModConv::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny, kAny}, in[kX]));
  const Shape& x = in[kX];
  MIEN_TRY(ExpectShape(kName, "style", {x[0], x[1]}, in[kStyle]));
  MIEN_TRY(ExpectShape(kName, "weight", {kAny, x[1], 3, 3}, in[kWeight]));
  const int64_t channels = in[kWeight][0], scale = params.up ? 2 : 1;
  if (params.up) {
    MIEN_TRY(ExpectShape(kName, "filter", {4, 4}, in[kFilter]));
  } else {
    MIEN_TRY(ExpectAbsent(kName, "filter", in[kFilter]));
  }
  out[0] = {x[0], channels, scale * x[2], scale * x[3]};
  const Shape& noise = in[kNoise];
  if (noise.present()) {
    const int64_t maps = noise.rank > 0 && noise[0] == 1 ? 1 : x[0];
    MIEN_TRY(ExpectShape(kName, "noise", {maps, 1, out[0][2], out[0][3]}, noise));
    MIEN_TRY(ExpectShape(kName, "noise_strength", {1}, in[kNoiseStrength]));
  } else {
    MIEN_TRY(ExpectAbsent(kName, "noise_strength", in[kNoiseStrength]));
  }
  MIEN_TRY(ExpectShapeIfPresent(kName, "bias", {channels}, in[kBias]));
  if (params.act != Activation::kNone && params.act != Activation::kLeaky) {
    return Status::Error(Code::kUsage, "mod_conv: act: none or leaky expected, another activation found");
  }
  MIEN_TRY(ExpectAtLeast(kName, "eps", 0, params.eps));
  MIEN_TRY(ExpectAtLeast(kName, "clamp", 0, params.clamp));
  return ExpectWithinLimits(kName, out[0]);
}

namespace {

// t[y,x] += sum_k w[ky,kx] x[y+ky-1,x+kx-1]
void AddConv(const double* x, int64_t height, int64_t width, const double* w, double* t) {
  for (int64_t ky = 0; ky < 3; ++ky) {
    for (int64_t kx = 0; kx < 3; ++kx) {
      for (int64_t row = std::max<int64_t>(0, 1 - ky); row < std::min(height, height + 1 - ky); ++row) {
        const double* source = x + (row + ky - 1) * width + kx - 1;
        for (int64_t column = std::max<int64_t>(0, 1 - kx); column < std::min(width, width + 1 - kx);
             ++column) {
          t[row * width + column] += w[ky * 3 + kx] * source[column];
        }
      }
    }
  }
}

// t[2y+ky,2x+kx] += w[ky,kx] x[y,x];  t is [2H+1,2W+1]
void AddTransposed(const double* x, int64_t height, int64_t width, const double* w, double* t) {
  for (int64_t ky = 0; ky < 3; ++ky) {
    for (int64_t kx = 0; kx < 3; ++kx) {
      for (int64_t row = 0; row < height; ++row) {
        double* target = t + (2 * row + ky) * (2 * width + 1) + kx;
        for (int64_t column = 0; column < width; ++column) {
          target[2 * column] += w[ky * 3 + kx] * x[row * width + column];
        }
      }
    }
  }
}

// y = gain * filter * t, a true convolution over t with one pixel of zeros around it.
void Filter(const double* t, int64_t out_height, int64_t out_width, const double* filter, double gain,
            double* y) {
  for (int64_t row = 0; row < out_height; ++row) {
    for (int64_t column = 0; column < out_width; ++column) {
      double sum = 0;
      for (int64_t a = 0; a < 4; ++a) {
        for (int64_t b = 0; b < 4; ++b) {
          const int64_t r = row + a - 1, s = column + b - 1;
          if (r < 0 || s < 0 || r > out_height || s > out_width) continue;
          sum += filter[(3 - a) * 4 + (3 - b)] * t[r * (out_width + 1) + s];
        }
      }
      y[row * out_width + column] = sum * gain;
    }
  }
}

}  // namespace

void ModConv::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const Shape &x = in[kX].shape, &y = out[0].shape;
  const int64_t plane = x[2] * x[3], out_plane = y[2] * y[3];
  std::vector<double> t(static_cast<size_t>(params.up ? (y[2] + 1) * (y[3] + 1) : out_plane));
  std::vector<double> modulated(static_cast<size_t>(x[1] * 9));
  for (int64_t n = 0; n < x[0]; ++n) {
    for (int64_t o = 0; o < y[1]; ++o) {
      double energy = 0;
      for (int64_t k = 0; k < x[1] * 9; ++k) {
        modulated[k] =
            params.weight_gain * in[kWeight].data[o * x[1] * 9 + k] * in[kStyle].data[n * x[1] + k / 9];
        energy += modulated[k] * modulated[k];
      }
      const double d = params.demodulate ? 1 / std::sqrt(energy + params.eps) : 1.0;
      std::fill(t.begin(), t.end(), 0.0);
      for (int64_t i = 0; i < x[1]; ++i) {
        const double* plane_in = in[kX].data + (n * x[1] + i) * plane;
        (params.up ? AddTransposed : AddConv)(plane_in, x[2], x[3], &modulated[i * 9], t.data());
      }
      double* result = out[0].data + (n * y[1] + o) * out_plane;
      if (params.up) {
        Filter(t.data(), y[2], y[3], in[kFilter].data, params.filter_gain, result);
      } else {
        std::copy(t.begin(), t.end(), result);
      }
      const double* noise = in[kNoise].data;
      if (in[kNoise].present() && in[kNoise].shape[0] > 1) noise += n * out_plane;
      for (int64_t p = 0; p < out_plane; ++p) {
        double v = result[p] * d;
        if (in[kNoise].present()) v += in[kNoiseStrength].data[0] * noise[p];
        if (in[kBias].present()) v += in[kBias].data[o];
        if (params.act == Activation::kLeaky && v < 0) v *= params.slope;
        v *= params.act_gain;
        if (params.clamp > 0) v = std::clamp(v, -double{params.clamp}, double{params.clamp});
        result[p] = v;
      }
    }
  }
}

}  // namespace mien
