// upsample on the CPU: bound by memory; four multiply-adds per pixel.
#include <algorithm>

#include "kernels/upsample/upsample.h"
#include "kernels/upsample/upsample_row.h"

namespace mien {

void UpsampleRow(const float* x, int64_t height, int64_t width, const float* filter, float gain, int64_t row,
                 bool add, float* y) {
  const int64_t parity = row % 2, first = row / 2 - 1 + parity;  // the two rows of x that meet this one
  float taps[2][4];
  const float* source[2];
  for (int64_t a = 0; a < 2; ++a) {
    const bool inside = first + a >= 0 && first + a < height;
    source[a] = x + (inside ? first + a : first + 1 - a) * width;  // outside: the other row, times zero
    for (int64_t b = 0; b < 4; ++b) taps[a][b] = inside ? gain * filter[(3 - parity - 2 * a) * 4 + b] : 0.0f;
  }
  // Column j of the two rows, zero outside.
  const auto at = [&](int64_t a, int64_t j) { return j >= 0 && j < width ? source[a][j] : 0.0f; };
  const auto put = [&](int64_t j, float left, float right) {
    y[2 * j] = add ? y[2 * j] + left : left;
    y[2 * j + 1] = add ? y[2 * j + 1] + right : right;
  };
  const auto pixel = [&](int64_t j, const auto& get) {
    float left = 0.0f, right = 0.0f;
    for (int64_t a = 0; a < 2; ++a) {
      left += taps[a][3] * get(a, j - 1) + taps[a][1] * get(a, j);
      right += taps[a][2] * get(a, j) + taps[a][0] * get(a, j + 1);
    }
    put(j, left, right);
  };
  pixel(0, at);
  for (int64_t j = 1; j + 1 < width; ++j) pixel(j, [&](int64_t a, int64_t k) { return source[a][k]; });
  if (width > 1) pixel(width - 1, at);
}

void Upsample::Cpu(const Params& params, const CpuCall& call) {
  constexpr int64_t kTaskRows = 32;
  const Shape& x = call.in[kX].shape;
  const int64_t height = x[2], width = x[3];
  const int64_t bands = (2 * height + kTaskRows - 1) / kTaskRows;
  call.threads->ParallelFor(static_cast<int>(x[0] * x[1] * bands), [&](int task, int) {
    const int64_t plane = task / bands, begin = task % bands * kTaskRows;
    for (int64_t row = begin; row < std::min(2 * height, begin + kTaskRows); ++row) {
      UpsampleRow(call.in[kX].data + plane * height * width, height, width, call.in[kFilter].data,
                  params.gain, row, false, call.out[0].data + (plane * 2 * height + row) * 2 * width);
    }
  });
}

}  // namespace mien
