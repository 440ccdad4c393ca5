#include "runtime/face/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace mien {
namespace {

constexpr int kWeightBits = 22;  // sums of 8-bit pixels stay below 2^31
constexpr double kPi = 3.14159265358979323846;

double Support(Filter filter) { return filter == Filter::kLanczos ? 3.0 : 1.0; }

double Sinc(double x) { return x == 0.0 ? 1.0 : std::sin(x * kPi) / (x * kPi); }

double Weight(Filter filter, double x) {
  if (filter == Filter::kTriangle) return std::max(0.0, 1.0 - std::fabs(x));
  return -3.0 <= x && x < 3.0 ? Sinc(x) * Sinc(x / 3.0) : 0.0;
}

// For every output pixel of one axis: the first source pixel and the weights of the ones that follow.
struct Taps {
  int width = 0;  // weights per output pixel
  std::vector<int> first, count;
  std::vector<int32_t> weights;  // [outputs, width]
};

Taps TapsOf(Filter filter, int in, int out) {
  const double scale = static_cast<double>(in) / out;
  const double wider = std::max(scale, 1.0), half = Support(filter) * wider;
  Taps taps;
  taps.width = static_cast<int>(std::ceil(half)) * 2 + 1;
  taps.first.resize(out);
  taps.count.resize(out);
  taps.weights.assign(size_t(out) * taps.width, 0);
  std::vector<double> exact(taps.width);
  for (int i = 0; i < out; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - half + 0.5));
    const int count = std::min(in, static_cast<int>(centre + half + 0.5)) - first;
    double sum = 0.0;
    for (int k = 0; k < count; ++k) {
      exact[k] = Weight(filter, (first + k - centre + 0.5) * (1.0 / wider));
      sum += exact[k];
    }
    taps.first[i] = first;
    taps.count[i] = count;
    for (int k = 0; k < count; ++k) {
      const double fixed = exact[k] / sum * (1 << kWeightBits);
      taps.weights[size_t(i) * taps.width + k] = static_cast<int32_t>(fixed < 0.0 ? fixed - 0.5 : fixed + 0.5);
    }
  }
  return taps;
}

uint8_t Rounded(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }

Result<Image> ResizeRows(const Image& image, int width, Filter filter) {
  const Taps taps = TapsOf(filter, image.width, width);
  MIEN_ASSIGN(Image out, Image::Create(width, image.height));
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < width; ++x) {
      const uint8_t* from = image.row(y) + size_t{3} * taps.first[x];
      const int32_t* weights = &taps.weights[size_t(x) * taps.width];
      for (int c = 0; c < 3; ++c) {
        int32_t sum = 1 << (kWeightBits - 1);
        for (int k = 0; k < taps.count[x]; ++k) sum += from[3 * k + c] * weights[k];
        out.row(y)[3 * x + c] = Rounded(sum);
      }
    }
  }
  return out;
}

Result<Image> ResizeColumns(const Image& image, int height, Filter filter) {
  const Taps taps = TapsOf(filter, image.height, height);
  MIEN_ASSIGN(Image out, Image::Create(image.width, height));
  for (int y = 0; y < height; ++y) {
    const int32_t* weights = &taps.weights[size_t(y) * taps.width];
    for (int x = 0; x < 3 * image.width; ++x) {
      int32_t sum = 1 << (kWeightBits - 1);
      for (int k = 0; k < taps.count[y]; ++k) sum += image.row(taps.first[y] + k)[x] * weights[k];
      out.row(y)[x] = Rounded(sum);
    }
  }
  return out;
}

}  // namespace

Result<Image> ResizeImage(const Image& image, int width, int height, Filter filter) {
  MIEN_TRY(CheckPictureSize(width, height));
  if (image.width == width && image.height == height) return CropImage(image, 0, 0, width, height);
  if (image.width == width) return ResizeColumns(image, height, filter);
  MIEN_ASSIGN(Image rows, ResizeRows(image, width, filter));
  if (image.height == height) return rows;
  return ResizeColumns(rows, height, filter);
}

Result<Image> CropImage(const Image& image, int left, int top, int width, int height) {
  MIEN_ASSIGN(Image out, Image::Create(width, height));
  for (int y = 0; y < height; ++y) {
    std::memcpy(out.row(y), image.row(top + y) + size_t{3} * left, size_t{3} * width);
  }
  return out;
}

Result<Image> CropCentreSquare(const Image& image) {
  const int side = std::min(image.width, image.height);
  return CropImage(image, (image.width - side) / 2, (image.height - side) / 2, side, side);
}

}  // namespace mien
