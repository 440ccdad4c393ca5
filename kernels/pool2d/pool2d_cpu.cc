// pool2d on the CPU: bound by memory. For each row of the output, the rows of x under it become one line (their maximum
// or sum, with its padding), then every stretch of the line that is under a window one number.
#include "kernels/pool2d/pool2d.h"

#include <algorithm>
#include <limits>

#include "kernels/cpu/gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pool2d/pool2d_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#ifndef MIEN_KERNELS_POOL2D_TYPES
#define MIEN_KERNELS_POOL2D_TYPES
namespace mien {

constexpr int64_t kVector = 16;  // floats of the longest vector

struct PoolRow {
  const float* x;  // the first row under the window, and how many there are
  int64_t rows, width;
  int64_t out_width, kernel, stride, pad;
  float* line;    // LineFloats()
  float* result;  // ResultFloats()

  int64_t ResultFloats() const { return gemm::RoundUp(out_width, kVector); }
  int64_t LineFloats() const { return gemm::RoundUp(ResultFloats() * stride + kernel + kVector, kVector); }
};

}  // namespace mien
#endif

HWY_BEFORE_NAMESPACE();
namespace mien::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

struct Largest {
  static constexpr float kOfNothing = -std::numeric_limits<float>::infinity();
  template <class V>
  static HWY_INLINE V Of(V a, V b) {
    return hn::Max(a, b);
  }
};
struct Total {
  static constexpr float kOfNothing = 0.0f;
  template <class V>
  static HWY_INLINE V Of(V a, V b) {
    return hn::Add(a, b);
  }
};

// Columns from `begin` on, whole vectors of D; returns where it stopped.
template <class Both, class D>
HWY_INLINE int64_t JoinRows(D d, const PoolRow& r, int64_t begin) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t j = begin;
  for (; j + lanes <= r.width; j += lanes) {
    auto all = hn::LoadU(d, r.x + j);
    for (int64_t row = 1; row < r.rows; ++row) all = Both::Of(all, hn::LoadU(d, r.x + row * r.width + j));
    hn::StoreU(all, d, r.line + r.pad + j);
  }
  return j;
}

template <class Both>
void Reduce(const PoolRow& r) {
  const hn::CappedTag<float, kVector> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  std::fill_n(r.line, r.pad, Both::kOfNothing);
  const int64_t most = JoinRows<Both>(d, r, 0), nearly = JoinRows<Both>(hn::CappedTag<float, 4>(), r, most);
  JoinRows<Both>(hn::CappedTag<float, 1>(), r, nearly);
  std::fill(r.line + r.pad + r.width, r.line + r.LineFloats(), Both::kOfNothing);
  for (int64_t j = 0; j < r.out_width; j += lanes) {
    const float* const first = r.line + j * r.stride;
    auto all = hn::Set(d, Both::kOfNothing);
    for (int64_t k = 0; k < r.kernel; ++k) {
      auto column = hn::Undefined(d), next = hn::Undefined(d);
      if (r.stride == 1) {
        column = hn::LoadU(d, first + k);
      } else {
        hn::LoadInterleaved2(d, first + k, column, next);
      }
      all = Both::Of(all, column);
    }
    hn::StoreU(all, d, r.result + j);
  }
}

void ReduceToLargest(const PoolRow& row) { Reduce<Largest>(row); }
void ReduceToTotal(const PoolRow& row) { Reduce<Total>(row); }

}  // namespace mien::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(ReduceToLargest);
HWY_EXPORT(ReduceToTotal);

namespace {

constexpr int64_t kTaskPixels = 4096;  // of x, about

PoolRow RowOf(const Pool2d::Params& params, int64_t width) {
  const int64_t out_width = (width + 2 * params.pad + params.end_pad - params.kernel) / params.stride + 1;
  return {nullptr, 0, width, out_width, params.kernel, params.stride, params.pad, nullptr, nullptr};
}

int64_t ThreadFloats(const PoolRow& row) { return row.LineFloats() + row.ResultFloats(); }

// What of a window of `kernel` pixels from `first` on lies in [0, size).
RowRange Covered(int64_t first, int64_t kernel, int64_t size) {
  return {std::max<int64_t>(0, first), std::min(size, first + kernel)};
}

}  // namespace

int64_t Pool2d::ScratchFloats(const Params& params, Shapes in, int threads) {
  return threads * ThreadFloats(RowOf(params, in[kX][3]));
}

void Pool2d::Cpu(const Params& params, const CpuCall& call) {
  const Shape &x = call.in[kX].shape, &y = call.out[0].shape;
  const PoolRow form = RowOf(params, x[3]);
  const int64_t lines = y[0] * y[1] * y[2];
  const int64_t task_lines = std::max<int64_t>(1, kTaskPixels / (x[3] * params.stride));
  const auto run_line = [&](int64_t line, int thread) {
    const int64_t plane = line / y[2];
    const RowRange rows = Covered(line % y[2] * params.stride - params.pad, params.kernel, x[2]);
    PoolRow row = form;
    row.x = call.in[kX].data + (plane * x[2] + rows.begin) * x[3];
    row.rows = rows.end - rows.begin;
    row.line = call.scratch + thread * ThreadFloats(form);
    row.result = row.line + form.LineFloats();
    float* target = call.out[0].data + line * y[3];
    if (params.kind == PoolKind::kMax) {
      HWY_DYNAMIC_DISPATCH(ReduceToLargest)(row);
      std::copy_n(row.result, y[3], target);
      return;
    }
    HWY_DYNAMIC_DISPATCH(ReduceToTotal)(row);
    for (int64_t j = 0; j < y[3]; ++j) {
      const RowRange columns = Covered(j * params.stride - params.pad, params.kernel, x[3]);
      target[j] = row.result[j] / static_cast<float>(row.rows * (columns.end - columns.begin));
    }
  };
  call.threads->ParallelFor(static_cast<int>((lines + task_lines - 1) / task_lines), [&](int task, int thread) {
    const int64_t begin = task * task_lines;
    for (int64_t line = begin; line < std::min(lines, begin + task_lines); ++line) run_line(line, thread);
  });
}

}  // namespace mien
#endif
