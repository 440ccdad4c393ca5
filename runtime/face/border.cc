#include "runtime/face/border.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

namespace mien {
namespace {

// [height][width][3] floats.
struct FloatImage {
  int width = 0, height = 0;
  Buffer numbers;

  static Result<FloatImage> Create(int width, int height) {
    FloatImage image = {width, height, {}};
    MIEN_ASSIGN(image.numbers, Buffer::Uninitialised(sizeof(float) * 3 * width * height, "border of a picture"));
    return image;
  }
  float* row(int y) const { return numbers.as<float>() + size_t{3} * width * y; }
};

// Position `i`, which may lie outside, mirrored into [0, n): the outermost pixels are not repeated.
int Mirrored(int64_t i, int n) {
  if (n == 1) return 0;
  const int64_t period = 2 * (int64_t{n} - 1);
  const int64_t at = ((i % period) + period) % period;
  return static_cast<int>(at < n ? at : period - at);
}
// The same with the outermost pixels repeated, for the blur.
int MirroredTwice(int64_t i, int n) {
  const int64_t period = 2 * int64_t{n};
  const int64_t at = ((i % period) + period) % period;
  return static_cast<int>(at < n ? at : period - 1 - at);
}

// NumPy's order of summation, pairwise in blocks.
double Sum(const double* values, size_t n) {
  if (n > 128) {
    const size_t half = n / 2 - n / 2 % 8;
    return Sum(values, half) + Sum(values + half, n - half);
  }
  double sum = 0.0;
  size_t i = 0;
  if (n >= 8) {
    std::array<double, 8> part;
    std::copy_n(values, 8, part.begin());
    for (i = 8; i + 8 <= n; i += 8) {
      for (size_t k = 0; k < 8; ++k) part[k] += values[i + k];
    }
    sum = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
  }
  for (; i < n; ++i) sum += values[i];
  return sum;
}

// Weights of the Gaussian from -radius to radius; it ends after four sigmas.
std::vector<double> GaussianWeights(double sigma) {
  const int radius = static_cast<int>(4.0 * sigma + 0.5);
  std::vector<double> weights(size_t(2 * radius + 1));
  for (int k = -radius; k <= radius; ++k) weights[size_t(k + radius)] = std::exp(-0.5 / (sigma * sigma) * (k * k));
  const double sum = Sum(weights.data(), weights.size());
  for (double& weight : weights) weight /= sum;
  return weights;
}

// One axis: `lines` of numbers a step apart, sums in double in SciPy's order (the middle, then pairs from the outside
// in).
void BlurColumns(const FloatImage& from, const std::vector<double>& weights, const FloatImage& to) {
  const int radius = static_cast<int>(weights.size() / 2);
  const size_t numbers = size_t{3} * from.width;
  std::vector<double> sums(numbers);
  for (int y = 0; y < from.height; ++y) {
    const float* middle = from.row(y);
    for (size_t i = 0; i < numbers; ++i) sums[i] = double{middle[i]} * weights[radius];
    for (int k = -radius; k < 0; ++k) {
      const float* above = from.row(MirroredTwice(int64_t{y} + k, from.height));
      const float* below = from.row(MirroredTwice(int64_t{y} - k, from.height));
      const double weight = weights[k + radius];
      for (size_t i = 0; i < numbers; ++i) sums[i] += (double{above[i]} + double{below[i]}) * weight;
    }
    for (size_t i = 0; i < numbers; ++i) to.row(y)[i] = static_cast<float>(sums[i]);
  }
}

void BlurRows(const FloatImage& image, const std::vector<double>& weights) {
  const int radius = static_cast<int>(weights.size() / 2);
  std::vector<double> line(size_t(image.width + 2 * radius) * 3);  // a row with its mirrored ends
  for (int y = 0; y < image.height; ++y) {
    float* row = image.row(y);
    for (int x = -radius; x < image.width + radius; ++x) {
      const float* pixel = row + size_t{3} * MirroredTwice(x, image.width);
      std::copy_n(pixel, 3, line.begin() + ptrdiff_t{3} * (x + radius));
    }
    for (int i = 0; i < 3 * image.width; ++i) {
      const double* middle = line.data() + 3 * radius + i;
      double sum = *middle * weights[radius];
      for (int k = -radius; k < 0; ++k) sum += (middle[3 * k] + middle[-3 * k]) * weights[k + radius];
      row[i] = static_cast<float>(sum);
    }
  }
}

// Of each channel; of an even number of values the mean of the middle two.
Result<std::array<float, 3>> Medians(const FloatImage& image) {
  const size_t pixels = size_t(image.width) * image.height, middle = pixels / 2;
  MIEN_ASSIGN(Buffer buffer, Buffer::Uninitialised(sizeof(float) * pixels, "border of a picture"));
  float* values = buffer.as<float>();
  std::array<float, 3> medians;
  for (int channel = 0; channel < 3; ++channel) {
    for (size_t i = 0; i < pixels; ++i) values[i] = image.row(0)[3 * i + channel];
    std::nth_element(values, values + middle, values + pixels);
    medians[channel] = values[middle];
    if (pixels % 2 == 0) medians[channel] = (*std::max_element(values, values + middle) + values[middle]) / 2.0f;
  }
  return medians;
}

// 1 at the outermost pixel, 0 where the border begins, below 0 inside the picture.
float Outwards(int at, int size, int first, int last) {
  const auto near = static_cast<float>(at) / static_cast<float>(first);
  const auto far = static_cast<float>(size - 1 - at) / static_cast<float>(last);
  return 1.0f - std::min(near, far);
}

}  // namespace

Result<Image> AddFadingBorder(const Image& image, const Border& border, double sigma) {
  const int64_t width = int64_t{image.width} + border.left + border.right;
  const int64_t height = int64_t{image.height} + border.top + border.bottom;
  const auto bounded = [](int64_t v) { return static_cast<int>(std::min<int64_t>(v, kMaxImageSide + 1)); };
  MIEN_ASSIGN(Image out, Image::Create(bounded(width), bounded(height)));
  MIEN_ASSIGN(FloatImage padded, FloatImage::Create(out.width, out.height));
  MIEN_ASSIGN(FloatImage blurred, FloatImage::Create(out.width, out.height));
  for (int y = 0; y < out.height; ++y) {
    const uint8_t* from = image.row(Mirrored(int64_t{y} - border.top, image.height));
    for (int x = 0; x < out.width; ++x) {
      std::copy_n(from + size_t{3} * Mirrored(int64_t{x} - border.left, image.width), 3, padded.row(y) + size_t{3} * x);
    }
  }
  const std::vector<double> weights = GaussianWeights(sigma);
  BlurColumns(padded, weights, blurred);
  BlurRows(blurred, weights);

  const auto for_masked = [&](const auto& change) {  // change(number, its blurred neighbour, channel, mask)
    for (int y = 0; y < out.height; ++y) {
      const float down = Outwards(y, out.height, border.top, border.bottom);
      for (int x = 0; x < out.width; ++x) {
        const float mask = std::max(Outwards(x, out.width, border.left, border.right), down);
        for (int c = 0; c < 3; ++c) change(padded.row(y)[3 * x + c], blurred.row(y)[3 * x + c], c, mask);
      }
    }
  };
  for_masked([](float& number, float soft, int, float mask) {
    number += (soft - number) * std::clamp(mask * 3.0f + 1.0f, 0.0f, 1.0f);
  });
  MIEN_ASSIGN(const auto medians, Medians(padded));
  for_masked([&](float& number, float, int c, float mask) {
    number += (medians[c] - number) * std::clamp(mask, 0.0f, 1.0f);
  });
  for (size_t i = 0; i < size_t{3} * out.width * out.height; ++i) {
    out.row(0)[i] = static_cast<uint8_t>(std::clamp(std::nearbyintf(padded.row(0)[i]), 0.0f, 255.0f));
  }
  return out;
}

}  // namespace mien
