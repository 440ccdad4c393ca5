#include "runtime/evaluate/measures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/split_mix.h"

namespace mien {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double RangeOf(std::span<const float> values) {
  const auto [low, high] = std::ranges::minmax(values);
  return double{high} - double{low};
}

// The window of SSIM: a normalised Gaussian.
constexpr int kReach = 5;
using Window = std::array<double, 2 * kReach + 1>;
Window GaussianWindow() {
  constexpr double kSigma = 1.5;
  Window window;
  for (int i = -kReach; i <= kReach; ++i)
    window[static_cast<size_t>(i + kReach)] = std::exp(-i * i / (2 * kSigma * kSigma));
  const double sum = std::accumulate(window.begin(), window.end(), 0.0);
  for (double& weight : window) weight /= sum;
  return window;
}

// Weighted means of a map that is the product of two channels, at all places whose window lies inside. The public code
// pads by reflection and crops as much again, so what the padding changed is never counted.
std::vector<double> WindowMeans(const Window& window, const float* a, const float* b, int width, int height) {
  const int inner = width - 2 * kReach, lines = height - 2 * kReach;
  std::vector<double> across(static_cast<size_t>(inner) * static_cast<size_t>(height));
  std::vector<double> product(static_cast<size_t>(width));
  for (int y = 0; y < height; ++y) {
    const size_t row = static_cast<size_t>(y) * static_cast<size_t>(width);
    for (size_t x = 0; x < product.size(); ++x)
      product[x] = double{a[row + x]} * (b == nullptr ? 1.0 : double{b[row + x]});
    for (int x = 0; x < inner; ++x) {
      double sum = 0;
      for (size_t k = 0; k < window.size(); ++k) sum += window[k] * product[static_cast<size_t>(x) + k];
      across[static_cast<size_t>(y) * static_cast<size_t>(inner) + static_cast<size_t>(x)] = sum;
    }
  }
  std::vector<double> means(static_cast<size_t>(inner) * static_cast<size_t>(lines));
  for (size_t i = 0; i < means.size(); ++i) {
    double sum = 0;
    for (size_t k = 0; k < window.size(); ++k) sum += window[k] * across[i + k * static_cast<size_t>(inner)];
    means[i] = sum;
  }
  return means;
}

// Ranks from 1 on.
std::vector<double> Ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t i, size_t k) { return values[i] < values[k]; });
  std::vector<double> ranks(values.size());
  for (size_t first = 0; first < order.size();) {
    size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    for (size_t i = first; i <= last; ++i) ranks[order[i]] = 1 + static_cast<double>(first + last) / 2;
    first = last + 1;
  }
  return ranks;
}

}  // namespace

double MeanSquaredError(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double off = double{a[i]} - double{b[i]};
    sum += off * off;
  }
  return sum / static_cast<double>(a.size());
}

double Psnr(std::span<const float> original, std::span<const float> other) {
  return 10 * (2 * std::log(RangeOf(original)) - std::log(MeanSquaredError(original, other))) / std::log(10.0);
}

double Ssim(std::span<const float> a, std::span<const float> b, int width, int height) {
  const double range = std::max(RangeOf(a), RangeOf(b));
  if (width <= 2 * kReach || height <= 2 * kReach || !(range > 0)) return kNone;
  const double c1 = std::pow(0.01 * range, 2), c2 = std::pow(0.03 * range, 2);
  const Window window = GaussianWindow();
  const size_t pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
  double sum = 0, count = 0;
  for (size_t at = 0; at < a.size(); at += pixels) {
    const float *const x = &a[at], *const y = &b[at];
    const auto mean_x = WindowMeans(window, x, nullptr, width, height);
    const auto mean_y = WindowMeans(window, y, nullptr, width, height);
    const auto xx = WindowMeans(window, x, x, width, height), yy = WindowMeans(window, y, y, width, height);
    const auto xy = WindowMeans(window, x, y, width, height);
    for (size_t i = 0; i < xx.size(); ++i) {
      const double mx = mean_x[i], my = mean_y[i];
      const double likeness = (2 * mx * my + c1) * (2 * (xy[i] - mx * my) + c2);
      sum += likeness / ((mx * mx + my * my + c1) * (xx[i] - mx * mx + yy[i] - my * my + c2));
    }
    count += static_cast<double>(xx.size());
  }
  return sum / count;
}

double CosineSimilarity(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += double{a[i]} * double{b[i]};
    aa += double{a[i]} * double{a[i]};
    bb += double{b[i]} * double{b[i]};
  }
  return ab / (std::sqrt(aa) * std::sqrt(bb));
}

double Spearman(std::span<const double> a, std::span<const double> b) {
  const std::vector<double> x = Ranks(a), y = Ranks(b);
  const double middle = (static_cast<double>(a.size()) + 1) / 2;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - middle) * (y[i] - middle);
    xx += (x[i] - middle) * (x[i] - middle);
    yy += (y[i] - middle) * (y[i] - middle);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : kNone;
}

double Mean(std::span<const double> values) {
  return values.empty() ? kNone
                        : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Interval BootstrapOfMean(std::span<const double> values, uint64_t seed) {
  constexpr size_t kResamples = 1000;
  if (values.empty()) return {kNone, kNone};
  std::vector<double> means(kResamples);
  uint64_t state = SplitMix(seed + kSplitMixStep);
  for (double& mean : means) {
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      state += kSplitMixStep;
      // The upper half of a product is a number below the count, and none is much likelier than another.
      sum += values[static_cast<size_t>((SplitMix(state) >> 32) * values.size() >> 32)];
    }
    mean = sum / static_cast<double>(values.size());
  }
  std::ranges::sort(means);
  const auto percentile = [&](double share) {
    const double place = share * (kResamples - 1);
    const auto below = static_cast<size_t>(place);
    const double between = place - std::floor(place);
    return means[below] + between * (means[std::min(below + 1, kResamples - 1)] - means[below]);
  };
  return {percentile(0.025), percentile(0.975)};
}

void AverageCells(std::span<const float> in, int side, int left, int top, int size, int new_side,
                  std::span<float> out) {
  const auto begin = [&](int i) { return i * size / new_side; };
  const auto end = [&](int i) { return ((i + 1) * size + new_side - 1) / new_side; };
  const auto width = static_cast<size_t>(side);
  const size_t channels = in.size() / (width * width);
  size_t to = 0;
  for (size_t channel = 0; channel < channels; ++channel) {
    const float* const from = in.data() + channel * width * width;
    for (int y = 0; y < new_side; ++y) {
      for (int x = 0; x < new_side; ++x) {
        double sum = 0;
        for (int v = top + begin(y); v < top + end(y); ++v)
          for (int u = left + begin(x); u < left + end(x); ++u)
            sum += double{from[static_cast<size_t>(v) * width + static_cast<size_t>(u)]};
        out[to++] = static_cast<float>(sum / ((end(y) - begin(y)) * (end(x) - begin(x))));
      }
    }
  }
}

}  // namespace mien
