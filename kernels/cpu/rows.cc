#include "kernels/cpu/rows.h"

#include <array>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rows.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kTile>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(D()));
constexpr int kVectors = static_cast<int>(kTile) / kLanes;
// Rows that pass together: their sums are the chains that keep the units busy.
constexpr int kPanel = kVectors == 1 ? 12 : 6;
constexpr int kLineBytes = 64;  // a tile has one line per k

struct Prefetch {
  const char* at;
  int64_t step;  // bytes per k
};

template <int kRows>
void Micro(int64_t depth, const float* HWY_RESTRICT x, int64_t x_stride, const float* HWY_RESTRICT w,
           Prefetch next, float* HWY_RESTRICT y, int64_t y_stride, bool accumulate) {
  const D d;
  hn::Vec<D> sum[kRows][kVectors];  // in registers only where every loop over it is unrolled
  HWY_UNROLL(12)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(12)
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
  }
  for (int64_t k = 0; k < depth; ++k) {
    __builtin_prefetch(next.at + k * next.step, 0, 2);
    hn::Vec<D> column[kVectors];
    HWY_UNROLL(12)
    for (int v = 0; v < kVectors; ++v) column[v] = hn::LoadU(d, w + k * kTile + v * kLanes);
    HWY_UNROLL(12)
    for (int r = 0; r < kRows; ++r) {
      const hn::Vec<D> row = hn::Set(d, x[r * x_stride + k]);
      HWY_UNROLL(12)
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(row, column[v], sum[r][v]);
    }
  }
  HWY_UNROLL(12)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(12)
    for (int v = 0; v < kVectors; ++v) {
      float* target = y + r * y_stride + v * kLanes;
      hn::StoreU(accumulate ? hn::Add(hn::LoadU(d, target), sum[r][v]) : sum[r][v], d, target);
    }
  }
}

using MicroFunction = void (*)(int64_t, const float*, int64_t, const float*, Prefetch, float*, int64_t, bool);
template <int... kRows>
constexpr std::array<MicroFunction, sizeof...(kRows)> MicrosOf(std::integer_sequence<int, kRows...>) {
  return {&Micro<kRows + 1>...};
}
constexpr std::array<MicroFunction, kPanel> kMicros = MicrosOf(std::make_integer_sequence<int, kPanel>());

// Panels are cut evenly: no row of padding, and chains enough in each. They share the work of the prefetch.
void Rows(const RowsTile& t) {
  const int64_t panels = (t.rows + kPanel - 1) / kPanel, step = (kLineBytes + panels - 1) / panels;
  for (int64_t begin = 0; begin < t.depth; begin += kDepth) {
    const int64_t depth = std::min(kDepth, t.depth - begin);
    const auto* next = reinterpret_cast<const char*>(t.next + begin * kTile);
    for (int64_t p = 0; p < panels; ++p, next += depth * step) {
      const int64_t row = p * t.rows / panels, end = (p + 1) * t.rows / panels;
      kMicros[static_cast<size_t>(end - row - 1)](depth, t.x + row * t.x_stride + begin, t.x_stride,
                                                  t.tile + begin * kTile, {next, step},
                                                  t.y + row * t.y_stride, t.y_stride, begin > 0);
    }
  }
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien::gemm {

HWY_EXPORT(Rows);

void MultiplyRows(const RowsTile& t) {
  NoteProducts(t.rows * t.depth * kTile);
  HWY_DYNAMIC_DISPATCH(Rows)(t);
}

}  // namespace mien::gemm
#endif
