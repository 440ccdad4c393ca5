#include "kernels/cpu/conv/finish.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv/finish.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Pixels [begin, end), a whole number of vectors of D: a pixel's arithmetic is the same in a vector of any
// length.
template <class D>
int64_t Span(D d, const Finish& f, const float* HWY_RESTRICT sum, const float* HWY_RESTRICT addend,
             int64_t begin, int64_t end, float* HWY_RESTRICT y) {
  const auto scale = hn::Set(d, f.scale), shift = hn::Set(d, f.shift), slope = hn::Set(d, f.slope);
  const auto gain = hn::Set(d, f.gain), high = hn::Set(d, f.limit), low = hn::Set(d, -f.limit);
  const auto addend_gain = hn::Set(d, f.addend_gain);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    auto t = hn::MulAdd(hn::LoadU(d, sum + i), scale, shift);
    if (addend != nullptr) t = hn::MulAdd(hn::LoadU(d, addend + i), addend_gain, t);
    t = hn::IfThenElse(hn::Lt(t, hn::Zero(d)), hn::Mul(t, slope), t);
    if (f.prefetch_offset > 0) __builtin_prefetch(y + i + f.prefetch_offset, 1, 3);
    hn::StoreU(hn::Min(hn::Max(hn::Mul(t, gain), low), high), d, y + i);
  }
  return i;
}

void Rows(const Finish& finish, const Sums& sums, float* y, int64_t y_stride) {
  const float *sum = sums.sum, *addend = finish.addend;
  for (int64_t row = 0; row < sums.rows; ++row, sum += sums.stride, y += y_stride) {
    const int64_t most = Span(hn::ScalableTag<float>(), finish, sum, addend, 0, sums.count, y);
    const int64_t nearly = Span(hn::CappedTag<float, 4>(), finish, sum, addend, most, sums.count, y);
    Span(hn::CappedTag<float, 1>(), finish, sum, addend, nearly, sums.count, y);
    if (addend != nullptr) addend += y_stride;
  }
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien::gemm {

HWY_EXPORT(Rows);

void FinishRows(const Finish& finish, const Sums& sums, float* y, int64_t y_stride) {
  HWY_DYNAMIC_DISPATCH(Rows)(finish, sums, y, y_stride);
}

void PackScaleAndShift(std::span<const View<const float>> bias_and_norm, double eps, int64_t channels, float* packed) {
  const auto of = [&](size_t operand, int64_t o, double otherwise) {
    return bias_and_norm[operand].present() ? double{bias_and_norm[operand].data[o]} : otherwise;
  };
  for (int64_t o = 0; o < channels; ++o) {
    const double scale = of(1, o, 1) / (bias_and_norm[4].present() ? std::sqrt(of(4, o, 1) + eps) : 1.0);
    packed[o] = static_cast<float>(scale);
    packed[channels + o] = static_cast<float>((of(0, o, 0) - of(3, o, 0)) * scale + of(2, o, 0));
  }
}

}  // namespace mien::gemm
#endif
