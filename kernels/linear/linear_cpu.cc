// linear on the CPU: a task takes the sums of sixteen features for all rows, then what follows them.
// Packed, tile after tile: the weights (cpu/rows.h), what is added to the sums [1 or C][16] (bias and
// context column), gate [C][16] when gated. Scratch: the rows after pre; then one tile of sums per thread.
#include <algorithm>
#include <cmath>

#include "kernels/cpu/rows.h"
#include "kernels/cpu/spans.h"
#include "kernels/infer.h"
#include "kernels/linear/linear.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/linear/linear_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// After them.
#include "hwy/contrib/math/math-inl.h"

#ifndef MIEN_LINEAR_FINISH
#define MIEN_LINEAR_FINISH
namespace mien {
// What follows the sums [row_end - row_begin][16] of a tile, of which `count` are features. Pointers are to
// the tile's first feature (residual, y: in row 0), those of gate and residual are null where they are
// absent.
struct LinearFinish {
  const Linear::Params& params;
  int64_t row_begin, row_end, count;
  const float *sums, *table, *gate;
  int64_t contexts, tables;  // rows of gate and table
  const float* residual;
  float* y;
  int64_t y_stride;  // and of the residual
};
}  // namespace mien
#endif

HWY_BEFORE_NAMESPACE();
namespace mien::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D, class V = hn::Vec<D>>
V Activate(D d, const Linear::Params& params, V t) {
  switch (params.act) {
    case Activation::kRelu:
      return hn::IfThenZeroElse(hn::Lt(t, hn::Zero(d)), t);
    case Activation::kLeaky:
      return hn::IfThenElse(hn::Lt(t, hn::Zero(d)), hn::Mul(t, hn::Set(d, params.slope)), t);
    case Activation::kSigmoid: {
      const V one = hn::Set(d, 1.0f), largest = hn::Set(d, 88.0f);  // whose exponential is finite
      return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Min(hn::Neg(t), largest))));
    }
    default:
      return t;
  }
}

// Features of row r from `begin` on, as far as whole vectors of D reach; answers how far.
template <class D>
int64_t FinishSpan(D d, const LinearFinish& f, int64_t r, int64_t begin) {
  const auto gain = hn::Set(d, f.params.act_gain);
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const float* table = f.table + r % f.tables * gemm::kTile;
  int64_t m = begin;
  for (; m + lanes <= f.count; m += lanes) {
    const float* sum = f.sums + (r - f.row_begin) * gemm::kTile + m;
    const auto t = hn::Add(hn::LoadU(d, sum), hn::LoadU(d, table + m));
    auto y = hn::Mul(Activate(d, f.params, t), gain);
    if (f.gate != nullptr) y = hn::Mul(y, hn::LoadU(d, f.gate + r % f.contexts * gemm::kTile + m));
    if (f.residual != nullptr) y = hn::Add(y, hn::LoadU(d, f.residual + r * f.y_stride + m));
    hn::StoreU(y, d, f.y + r * f.y_stride + m);
  }
  return m;
}

void FinishTile(const LinearFinish& f) {
  for (int64_t r = f.row_begin; r < f.row_end; ++r) {
    const int64_t done = FinishSpan(hn::CappedTag<float, gemm::kTile>(), f, r, 0);
    FinishSpan(hn::CappedTag<float, 1>(), f, r, done);
  }
}

}  // namespace mien::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(FinishTile);

namespace {

struct Layout {
  int64_t columns, inputs, features, contexts, tables, tiles;
  int64_t table, gate, tile_floats;  // offsets in a tile, and its size

  Layout(const Linear::Params& params, const Shape& shape, bool gated) {
    columns = shape[1];
    inputs = columns - (params.context_in_weight ? params.contexts : 0);
    features = shape[0];
    contexts = std::max(1, params.contexts);
    tables = params.context_in_weight ? contexts : 1;
    tiles = (features + gemm::kTile - 1) / gemm::kTile;
    table = inputs * gemm::kTile;
    gate = table + tables * gemm::kTile;
    tile_floats = gate + (gated ? contexts * gemm::kTile : 0);
  }
};

int64_t OutputRows(const Linear::Params& params, const Shape& x) {
  return x.rank == 3 && params.row < 0 ? x[0] * x[1] : x[0];
}

int64_t RowsFloats(const Linear::Params& params, int64_t rows, int64_t inputs) {
  return params.pre == Activation::kNone ? 0 : gemm::RoundUp(rows * inputs, gemm::kTile);
}

// Groups of rows that go through the weights together. As many as threads where each has rows enough to hide
// the reading of the weights: then every thread keeps to its rows, layer after layer, and finds them in its
// own cache.
int64_t Groups(int64_t rows, int threads) {
  constexpr int64_t kFew = 9, kMany = 18;  // kMany: three panels; more rows leave the first-level cache
  return std::max((rows + kMany - 1) / kMany, std::min<int64_t>(threads, (rows + kFew - 1) / kFew));
}

// The rows that are multiplied, from `x` or, after pre, in `scratch`.
struct Rows {
  const float* data;
  int64_t stride;
};
Rows RowsOf(const Linear::Params& params, const CpuCall& call, int64_t rows, int64_t inputs) {
  const Shape& x = call.in[Linear::kX].shape;
  const Rows from = {call.in[Linear::kX].data + std::max(0, params.row) * inputs,
                     params.row >= 0 ? x[1] * inputs : inputs};
  if (params.pre == Activation::kNone) return from;
  ForSpans(call.threads, rows, inputs, [&](int64_t row, int64_t begin, int64_t end) {
    const float* __restrict source = from.data + row * from.stride;
    float* __restrict target = call.scratch + row * inputs;
    for (int64_t k = begin; k < end; ++k) target[k] = source[k] < 0 ? 0.0f : source[k];
  });
  return {call.scratch, inputs};
}

}  // namespace

Cost Linear::Count(const Params& params, Shapes in) {
  const Layout layout(params, in[kWeight], in[kGateWeight].present());
  const int64_t rows = OutputRows(params, in[kX]);
  Cost cost = CostOf<Linear>(params, in, rows * layout.features * layout.inputs);
  cost.products = rows * layout.tiles * gemm::kTile * layout.inputs;
  return cost;
}

int64_t Linear::PackedFloats(const Params& params, Shapes in) {
  const Layout layout(params, in[kWeight], in[kGateWeight].present());
  return layout.tiles * layout.tile_floats;
}

void Linear::Pack(const Params& params, Inputs<float> in, float* packed) {
  const bool gated = in[kGateWeight].present();
  const Layout layout(params, in[kWeight].shape, gated);
  std::fill_n(packed, layout.tiles * layout.tile_floats, 0.0f);
  for (int64_t m = 0; m < layout.features; ++m) {
    const float* weight = in[kWeight].data + m * layout.columns;
    float* tile = packed + m / gemm::kTile * layout.tile_floats + m % gemm::kTile;
    for (int64_t k = 0; k < layout.inputs; ++k) tile[k * gemm::kTile] = params.weight_gain * weight[k];
    for (int64_t c = 0; c < layout.tables; ++c) {
      double table = in[kBias].present() ? double{in[kBias].data[m]} * params.bias_gain : 0.0;
      if (params.context_in_weight) table += double{weight[layout.inputs + c]} * params.weight_gain;
      tile[layout.table + c * gemm::kTile] = static_cast<float>(table);
    }
    for (int64_t c = 0; gated && c < layout.contexts; ++c) {
      const double t = double{in[kGateWeight].data[m * layout.contexts + c]} + in[kGateBias].data[m];
      tile[layout.gate + c * gemm::kTile] = static_cast<float>(1.0 / (1.0 + std::exp(-t)));
    }
  }
}

int64_t Linear::ScratchFloats(const Params& params, Shapes in, int threads) {
  const Layout layout(params, in[kWeight], false);
  const int64_t rows = OutputRows(params, in[kX]);
  return RowsFloats(params, rows, layout.inputs) + threads * rows * gemm::kTile;
}

void Linear::Cpu(const Params& params, const CpuCall& call) {
  const bool gated = call.in[kGateWeight].shape.present(), residual = call.in[kResidual].shape.present();
  const Layout layout(params, call.in[kWeight].shape, gated);
  const int64_t rows = OutputRows(params, call.in[kX].shape), features = layout.features;
  const Rows x = RowsOf(params, call, rows, layout.inputs);
  const int64_t tiles = layout.tiles, groups = Groups(rows, call.threads->threads());
  call.threads->ParallelFor(static_cast<int>(groups * tiles), [&](int task, int thread) {
    const int64_t row = task / tiles * rows / groups, end = (task / tiles + 1) * rows / groups;
    const int64_t begin = task % tiles * gemm::kTile;
    const float* tile = call.packed + task % tiles * layout.tile_floats;
    float* sums = call.scratch + RowsFloats(params, rows, layout.inputs) + thread * rows * gemm::kTile;
    gemm::MultiplyRows({.rows = end - row,
                        .depth = layout.inputs,
                        .x = x.data + row * x.stride,
                        .x_stride = x.stride,
                        .tile = tile,
                        .next = tile + layout.tile_floats,
                        .y = sums,
                        .y_stride = gemm::kTile});
    HWY_DYNAMIC_DISPATCH(FinishTile)
    ({.params = params,
      .row_begin = row,
      .row_end = end,
      .count = std::min(gemm::kTile, features - begin),
      .sums = sums,
      .table = tile + layout.table,
      .gate = gated ? tile + layout.gate : nullptr,
      .contexts = layout.contexts,
      .tables = layout.tables,
      .residual = residual ? call.in[kResidual].data + begin : nullptr,
      .y = call.out[0].data + begin,
      .y_stride = features});
  });
}

}  // namespace mien
#endif
