#include "kernels/cpu/peak.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/peak.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mien::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Twelve chains, as the product has, from different values so that the compiler cannot make one of them; `values`
// keeps them alive.
int64_t Chains(int64_t steps, float* values) {
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, values[0]), addend = hn::Set(d, values[1]);
  const auto start = [&](int chain) { return hn::Set(d, values[3 + chain]); };
  auto a = start(0), b = start(1), c = start(2), e = start(3), f = start(4), g = start(5);
  auto h = start(6), i = start(7), j = start(8), k = start(9), l = start(10), m = start(11);
  for (int64_t s = 0; s < steps; ++s) {
    a = hn::MulAdd(a, factor, addend), b = hn::MulAdd(b, factor, addend), c = hn::MulAdd(c, factor, addend);
    e = hn::MulAdd(e, factor, addend), f = hn::MulAdd(f, factor, addend), g = hn::MulAdd(g, factor, addend);
    h = hn::MulAdd(h, factor, addend), i = hn::MulAdd(i, factor, addend), j = hn::MulAdd(j, factor, addend);
    k = hn::MulAdd(k, factor, addend), l = hn::MulAdd(l, factor, addend), m = hn::MulAdd(m, factor, addend);
  }
  const auto sum = hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)), hn::Add(hn::Add(f, g), hn::Add(h, i)));
  values[2] = hn::GetLane(hn::Add(sum, hn::Add(hn::Add(j, k), hn::Add(l, m))));
  return 12 * steps * static_cast<int64_t>(hn::Lanes(d));
}

// Four sums, so that no addition waits for the one before. What does not fill four vectors at the end is left out.
float Sum(const float* numbers, int64_t count) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto a = hn::Zero(d), b = a, c = a, e = a;
  for (int64_t i = 0; i + 4 * lanes <= count; i += 4 * lanes) {
    a = hn::Add(a, hn::LoadU(d, numbers + i));
    b = hn::Add(b, hn::LoadU(d, numbers + i + lanes));
    c = hn::Add(c, hn::LoadU(d, numbers + i + 2 * lanes));
    e = hn::Add(e, hn::LoadU(d, numbers + i + 3 * lanes));
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e))));
}

}  // namespace mien::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(Chains);
HWY_EXPORT(Sum);

int64_t ChainsOfMultiplyAdds(int64_t steps) {
  float values[15] = {0.5f, 0.25f, 0.0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const int64_t done = HWY_DYNAMIC_DISPATCH(Chains)(steps, values);
  return values[2] > 0.0f ? done : 0;
}

float SumOf(const float* numbers, int64_t count) { return HWY_DYNAMIC_DISPATCH(Sum)(numbers, count); }

}  // namespace mien
#endif
