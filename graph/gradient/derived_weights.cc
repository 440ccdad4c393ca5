#include "graph/gradient/derived_weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "weights/schema.h"

namespace mien {
namespace {

using Taps = std::array<double, 4>;

struct Factors {
  std::array<double, 3> three = {};
  std::array<double, 2> two = {};
};

double ValueOf(const Taps& u, double x) { return ((u[3] * x + u[2]) * x + u[1]) * x + u[0]; }

// u as the product of polynomials with three and two coefficients: u(x) = three(x) (x - root). A cubic has a real root.
Factors Factor(const Taps& u) {
  if (std::fabs(u[3]) < std::fabs(u[0])) {
    Factors turned = Factor({u[3], u[2], u[1], u[0]});
    std::ranges::reverse(turned.three);
    std::ranges::reverse(turned.two);
    return turned;
  }
  if (u[3] == 0) return {{u[1], u[2], 0}, {0, 1}};  // u[0], which is not larger, is 0 as well
  double bound = 1;
  for (const double tap : u) bound = std::max(bound, 1 + std::fabs(tap / u[3]));
  double low = -bound, high = bound;
  const bool rises = u[3] > 0;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2, value = ValueOf(u, middle);
    if (value == 0) low = high = middle;
    ((value < 0) == rises ? low : high) = middle;
  }
  const double root = (low + high) / 2, second = u[2] + root * u[3];
  return {{u[1] + root * second, second, u[3]}, {-root, 1}};
}

// The rows' and the columns' taps of an outer product.
Status Separate(std::span<const float> f, Taps* rows, Taps* columns) {
  const auto largest =
      static_cast<size_t>(std::ranges::max_element(f, {}, [](float tap) { return std::fabs(tap); }) - f.begin());
  const double peak = f[largest];
  for (size_t i = 0; i < 4; ++i) {
    (*rows)[i] = f[i * 4 + largest % 4];
    (*columns)[i] = peak == 0 ? 0 : f[largest / 4 * 4 + i] / peak;
  }
  for (size_t i = 0; i < 16; ++i) {
    if (std::fabs(f[i] - (*rows)[i / 4] * (*columns)[i % 4]) <= 1e-6 * std::fabs(peak)) continue;
    return Status::Error(Code::kRefused,
                         "the filter of upsampling: an outer product expected, tap %zu is %g instead "
                         "of %g",
                         i, double{f[i]}, (*rows)[i / 4] * (*columns)[i % 4]);
  }
  return {};
}

Status DeriveFilter(bool three, std::span<const float> f, std::span<float> out) {
  Taps rows, columns;
  MIEN_TRY(Separate(f, &rows, &columns));
  const Factors r = Factor(rows), c = Factor(columns);
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t y = i % 9 / 3, x = i % 3;
    const bool outside = !three && (y == 2 || x == 2);
    out[i] = static_cast<float>(three ? r.three[y] * c.three[x] : outside ? 0 : r.two[y] * c.two[x]);
  }
  return {};
}

// upsample: y[r] = sum_a f[3-a] xz[r+a-2], xz[2i] = x[i]. Its adjoint reads y[2i-3+k] with f[k-2].
void DeriveDown(std::span<const float> f, std::span<float> out) {
  const auto channels = static_cast<size_t>(std::lround(std::sqrt(static_cast<double>(out.size()) / 49)));
  std::ranges::fill(out, 0.0f);
  for (size_t c = 0; c < channels; ++c) {
    for (size_t tap = 0; tap < 16; ++tap) out[(c * channels + c) * 49 + (tap / 4 + 2) * 7 + tap % 4 + 2] = f[tap];
  }
}

void DeriveOfConvolution(const std::string& what, int64_t outputs, int64_t inputs, std::span<const float> w,
                         std::span<float> out) {
  const auto taps = static_cast<int64_t>(w.size()) / (outputs * inputs);
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t i = 0; i < inputs; ++i) {
      const float* const from = w.data() + (o * inputs + i) * taps;
      double energy = 0;
      for (int64_t k = 0; k < taps; ++k) {
        energy += double{from[k]} * from[k];
        if (what != "energy") out[(i * outputs + o) * taps + k] = from[what == "adjoint" ? taps - 1 - k : k];
      }
      if (what == "energy") out[o * inputs + i] = static_cast<float>(energy);
    }
  }
}

}  // namespace

Status Derive(const std::string& text, const Shape& source, std::span<const float> in, std::span<float> out) {
  const std::string what = text.substr(0, text.find('['));
  if (what == "ones") {
    std::ranges::fill(out, 1.0f);
    return {};
  }
  const size_t count = in.size();
  const bool filter = count == 16;
  if (what == "filter3" && filter && out.size() % 9 == 0) return DeriveFilter(true, in, out);
  if (what == "filter2" && filter && out.size() % 9 == 0) return DeriveFilter(false, in, out);
  if (what == "down" && filter) {
    DeriveDown(in, out);
    return {};
  }
  const bool known = what == "transposed" || what == "adjoint" || what == "energy";
  if (known && source.rank >= 4) {
    const int first = source.rank - 4;
    const int64_t pairs = source[first] * source[first + 1];
    if (out.size() == (what == "energy" ? static_cast<size_t>(pairs) : count)) {
      DeriveOfConvolution(what, source[first], source[first + 1], in, out);
      return {};
    }
  }
  return Status::Error(Code::kFailure, "%s of weights %s: no such thing with %zu numbers", what.c_str(),
                       source.ToString().c_str(), out.size());
}

WeightSource WithDerivedWeights(const ModelConfig& config, WeightSource read) {
  std::map<std::string, Shape> shapes;
  for (const TensorSpec& spec : ExpectedTensors(config)) shapes.emplace(spec.name, spec.shape);
  return [shapes = std::move(shapes), read = std::move(read)](const std::string& name, std::span<float> out) {
    const size_t bar = name.find('|');
    if (bar == std::string::npos) return read(name, out);
    const std::string base = name.substr(0, bar);
    const auto found = shapes.find(base);
    if (found == shapes.end()) return Status::Error(Code::kFailure, "no tensor %s in the model", base.c_str());
    std::vector<float> stored(static_cast<size_t>(found->second.elements()));
    MIEN_TRY(read(base, stored));
    return Derive(name.substr(bar + 1), found->second, stored, out).Within("%s", base.c_str());
  };
}

}  // namespace mien
