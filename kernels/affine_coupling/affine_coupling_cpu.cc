// affine_coupling on the CPU: one row at a time, its columns in chunks, scales and logabsdet in double.
#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/affine_coupling/affine_coupling.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/affine_coupling/affine_coupling_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// After them.
#include "hwy/contrib/math/math-inl.h"

#ifndef MIEN_COUPLING_CHUNK
#define MIEN_COUPLING_CHUNK
namespace mien {
constexpr int64_t kChunk = 64;  // columns
}
#endif

HWY_BEFORE_NAMESPACE();
namespace mien::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// scale = sigmoid(raw + 2) + 1e-3. In double from the exponential on: scales near 1 would lose the digits
// that their logarithm needs.
void ScalesOf(const float* HWY_RESTRICT raw, double* HWY_RESTRICT scale) {
  const hn::CappedTag<float, kChunk> d;
  const auto largest = hn::Set(d, 88.0f);  // whose exponential is finite
  float e[kChunk];
  for (int64_t i = 0; i < kChunk; i += static_cast<int64_t>(hn::Lanes(d))) {
    const auto t = hn::Neg(hn::Add(hn::LoadU(d, raw + i), hn::Set(d, 2.0f)));
    hn::StoreU(hn::Exp(d, hn::Min(t, largest)), d, e + i);
  }
  for (int64_t i = 0; i < kChunk; ++i) scale[i] = 1.0 / (1.0 + double{e[i]}) + 1e-3;
}

}  // namespace mien::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(ScalesOf);

namespace {

// The sum of log(scale) over a row. Scales lie in (1e-3, 1.001]: 64 of them multiply without underflow in
// double, so that one logarithm serves the columns of many chunks that are alike modulo 8.
class LogSum {
 public:
  void Add(const double* scales, int64_t count) {
    for (int64_t i = 0; i < count; ++i) products_[static_cast<size_t>(i % kLanes)] *= scales[i];
    if (++chunks_ % kLanes == 0) Flush();
  }
  double Total() {
    Flush();
    return sum_;
  }

 private:
  static constexpr int64_t kLanes = 8;
  void Flush() {
    for (double& product : products_) {
      sum_ += std::log(product);
      product = 1.0;
    }
  }
  double sum_ = 0.0;
  std::array<double, kLanes> products_ = {1, 1, 1, 1, 1, 1, 1, 1};
  int64_t chunks_ = 0;
};

}  // namespace

void AffineCoupling::Cpu(const Params& params, const CpuCall& call) {
  const int64_t d = call.in[kX].shape[2], transformed = call.in[kIndex].shape[0];
  const int64_t stride = call.in[kP].shape[2];
  const float* index = call.in[kIndex].data;
  call.threads->ParallelFor(static_cast<int>(call.out[1].shape.elements()), [&](int row, int) {
    const float* x = call.in[kX].data + row * d;
    const float* shift = call.in[kP].data + row * stride;
    float* y = call.out[0].data + row * d;
    std::copy_n(x, d, y);
    LogSum logabsdet;
    for (int64_t first = 0; first < transformed; first += kChunk) {
      const int64_t count = std::min(kChunk, transformed - first);
      std::array<double, kChunk> scale;
      scale.fill(1.0);
      if (!params.additive) {
        std::array<float, kChunk> raw = {};
        std::copy_n(shift + transformed + first, count, raw.begin());
        HWY_DYNAMIC_DISPATCH(ScalesOf)(raw.data(), scale.data());
        logabsdet.Add(scale.data(), count);
      }
      for (int64_t t = 0; t < count; ++t) {
        const auto k = static_cast<int64_t>(index[first + t]);
        const auto s = static_cast<float>(scale[static_cast<size_t>(t)]);
        y[k] = params.inverse ? (x[k] - shift[first + t]) / s : x[k] * s + shift[first + t];
      }
    }
    const double total = logabsdet.Total();
    call.out[1].data[row] = static_cast<float>(params.inverse ? -total : total);
  });
}

}  // namespace mien
#endif
