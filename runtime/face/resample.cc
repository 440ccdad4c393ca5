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

// For output pixels [begin, end) of one axis: the first source pixel and the weights of the ones that follow.
struct Taps {
  int width = 0;  // weights per output pixel
  std::vector<int> first, count;
  std::vector<int32_t> weights;  // [outputs, width]

  // The source pixels that are read.
  int begin() const { return first.front(); }
  int end() const { return first.back() + count.back(); }
};

Taps TapsOf(Filter filter, int in, int out, int begin, int end) {
  const double scale = static_cast<double>(in) / out;
  const double wider = std::max(scale, 1.0), half = Support(filter) * wider;
  Taps taps;
  taps.width = static_cast<int>(std::ceil(half)) * 2 + 1;
  taps.first.resize(end - begin);
  taps.count.resize(end - begin);
  taps.weights.assign(size_t(end - begin) * taps.width, 0);
  std::vector<double> exact(taps.width);
  for (int i = 0; i < end - begin; ++i) {
    const double centre = (begin + i + 0.5) * scale;
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

constexpr int kRowsPerTask = 16;
template <class Body>
void ForRows(ThreadPool* pool, int rows, const Body& body) {
  const auto task = [&](int index, int) {
    const int begin = index * kRowsPerTask;
    for (int y = begin; y < std::min(begin + kRowsPerTask, rows); ++y) body(y);
  };
  const int tasks = (rows + kRowsPerTask - 1) / kRowsPerTask;
  if (pool != nullptr) return pool->ParallelFor(tasks, task);
  for (int i = 0; i < tasks; ++i) task(i, 0);
}

// Rows [top, bottom) of the picture.
Result<Image> ResizeRows(const Image& image, const Taps& taps, int top, int bottom, ThreadPool* pool) {
  const int width = static_cast<int>(taps.first.size());
  MIEN_ASSIGN(Image out, Image::Create(width, bottom - top));
  ForRows(pool, out.height, [&](int y) {
    uint8_t* to = out.row(y);
    for (int x = 0; x < width; ++x, to += 3) {
      const uint8_t* from = image.row(top + y) + size_t{3} * taps.first[x];
      const int32_t* weights = &taps.weights[size_t(x) * taps.width];
      int32_t red = 1 << (kWeightBits - 1), green = red, blue = red;
      for (int k = 0; k < taps.count[x]; ++k, from += 3) {
        red += from[0] * weights[k];
        green += from[1] * weights[k];
        blue += from[2] * weights[k];
      }
      to[0] = Rounded(red);
      to[1] = Rounded(green);
      to[2] = Rounded(blue);
    }
  });
  return out;
}

// The taps' rows are counted from `top` on; columns [left, right) of the picture.
Result<Image> ResizeColumns(const Image& image, const Taps& taps, int top, int left, int right, ThreadPool* pool) {
  const int height = static_cast<int>(taps.first.size()), samples = 3 * (right - left);
  MIEN_ASSIGN(Image out, Image::Create(right - left, height));
  ForRows(pool, height, [&](int y) {
    constexpr int kTogether = 64;  // sums that stay in registers or close by
    const int32_t* weights = &taps.weights[size_t(y) * taps.width];
    for (int x = 0; x < samples; x += kTogether) {
      const int count = std::min(kTogether, samples - x);
      int32_t sums[kTogether];
      std::fill_n(sums, kTogether, 1 << (kWeightBits - 1));
      for (int k = 0; k < taps.count[y]; ++k) {
        const uint8_t* from = image.row(taps.first[y] + k - top) + 3 * left + x;
        for (int i = 0; i < count; ++i) sums[i] += from[i] * weights[k];
      }
      for (int i = 0; i < count; ++i) out.row(y)[x + i] = Rounded(sums[i]);
    }
  });
  return out;
}

}  // namespace

Result<Image> ResizeImage(const Image& image, int width, int height, Filter filter, ThreadPool* pool) {
  return ResizeRegion(image, width, height, filter, {0, 0, width, height}, pool);
}

Result<Image> ResizeRegion(const Image& image, int width, int height, Filter filter, const Region& region,
                           ThreadPool* pool) {
  MIEN_TRY(CheckPictureSize(width, height));
  const bool rows = image.width != width, columns = image.height != height;
  if (!rows && !columns)
    return CropImage(image, region.left, region.top, region.right - region.left, region.bottom - region.top);
  Taps along, down;
  if (rows) along = TapsOf(filter, image.width, width, region.left, region.right);
  if (columns) down = TapsOf(filter, image.height, height, region.top, region.bottom);
  if (!rows) return ResizeColumns(image, down, 0, region.left, region.right, pool);
  if (!columns) return ResizeRows(image, along, region.top, region.bottom, pool);
  MIEN_ASSIGN(const Image between, ResizeRows(image, along, down.begin(), down.end(), pool));
  return ResizeColumns(between, down, down.begin(), 0, between.width, pool);
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
