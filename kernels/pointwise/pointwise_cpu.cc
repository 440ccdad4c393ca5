// pointwise on the CPU: a chunk of numbers goes through all steps while they lie in the first-level cache, so a long
// formula reads and writes memory once. Sums are made of parts that the shapes alone decide, in double, in order.
#include <algorithm>
#include <array>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/spans.h"
#include "kernels/infer.h"
#include "kernels/pointwise/pointwise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pointwise/pointwise_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// After them.
#include "hwy/contrib/math/math-inl.h"

#ifndef MIEN_POINTWISE_CHUNK
#define MIEN_POINTWISE_CHUNK
namespace mien {

constexpr int64_t kChunk = 128, kVector = 16;  // numbers at a time; of the longest vector

struct FormulaChunk {
  const Formula& formula;
  int64_t count;  // up to whole longest vectors
  const float* operand[Formula::kOperands];
  float (*result)[kChunk];  // by step
};

}  // namespace mien
#endif

HWY_BEFORE_NAMESPACE();
namespace mien::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kVector>;
using V = hn::Vec<D>;

template <class Function>
void ForVectors(int64_t count, const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, float* HWY_RESTRICT y,
                const Function& function) {
  const D d;
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d)))
    hn::StoreU(function(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
}

// The exponential of what floats have one of that is finite.
V FiniteExp(V x) {
  const D d;
  return hn::Exp(d, hn::Min(x, hn::Set(d, 88.0f)));
}

void RunFormula(const FormulaChunk& chunk) {
  using Code = Formula::Code;
  const D d;
  const V zero = hn::Zero(d), one = hn::Set(d, 1.0f);
  const auto place = [&](uint8_t at) {
    return at < Formula::kOperands ? chunk.operand[at] : chunk.result[at - Formula::kOperands];
  };
  for (int s = 0; s < chunk.formula.steps(); ++s) {
    const Formula::Step& step = chunk.formula.step(s);
    float* const y = chunk.result[s];
    if (step.code == Code::kConstant) {
      std::fill_n(y, chunk.count, step.value);
      continue;
    }
    const float* const a = place(step.a);
    const float* const b = Formula::HasTwo(step.code) ? place(step.b) : a;
    const auto run = [&](const auto& function) { ForVectors(chunk.count, a, b, y, function); };
    switch (step.code) {
      case Code::kAdd:
        run([](V p, V q) { return hn::Add(p, q); });
        break;
      case Code::kSubtract:
        run([](V p, V q) { return hn::Sub(p, q); });
        break;
      case Code::kMultiply:
        run([](V p, V q) { return hn::Mul(p, q); });
        break;
      case Code::kDivide:
        run([](V p, V q) { return hn::Div(p, q); });
        break;
      case Code::kExp:
        run([&](V p, V) { return hn::Exp(d, p); });
        break;
      case Code::kLog:
        run([&](V p, V) { return hn::Log(d, p); });
        break;
      case Code::kSqrt:
        run([](V p, V) { return hn::Sqrt(p); });
        break;
      case Code::kSigmoid:
        run([&](V p, V) { return hn::Div(one, hn::Add(one, FiniteExp(hn::Neg(p)))); });
        break;
      case Code::kSoftplus:
        run([&](V p, V) { return hn::Add(hn::Max(p, zero), hn::Log1p(d, hn::Exp(d, hn::Neg(hn::Abs(p))))); });
        break;
      case Code::kRelu:
        run([&](V p, V) { return hn::IfThenZeroElse(hn::Lt(p, zero), p); });
        break;
      case Code::kPositive:
        run([&](V p, V) { return hn::IfThenElseZero(hn::Gt(p, zero), one); });
        break;
      case Code::kConstant:
        break;
    }
  }
}

}  // namespace mien::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(RunFormula);

namespace {

// The numbers as rows of a length within which every operand is either one number or runs along.
struct Layout {
  int64_t rows, columns;
  int64_t sums, terms;  // numbers of the output; how many are added for each
  // How sums are cut: rows that belong to a sum, or rows whose numbers are sums, in parts.
  bool whole_rows;  // sum_last, or all: a sum is made of whole rows
  int64_t sum_rows, parts, part_rows;

  Layout(const Pointwise::Params& params, Shapes in) {
    const Shape& x = in[0];
    bool flat = params.sum_first + params.sum_last == 0 || params.sum_first + params.sum_last == x.rank;
    for (int i = 1; i < Pointwise::kInputs && flat; ++i)
      flat = !params.formula.Reads(i) || Pointwise::RepeatOf(params, in, i) <= Pointwise::Repeat::kOne;
    const int64_t count = x.elements();
    columns = x[x.rank - 1];
    if (flat && (count <= kLongest || count % kLongest == 0)) columns = std::min<int64_t>(count, kLongest);
    rows = count / columns;
    Shape out;
    sums = Pointwise::Infer(params, in, &out).ok() ? out.elements() : 1;
    terms = count / sums;
    whole_rows = params.sum_last > 0 || params.sum_first == x.rank;
    // Of whole rows: those of one sum. Else the rows of one index of the summed dimensions, and how many indices.
    sum_rows = whole_rows ? terms / columns : sums / columns;
    const int64_t cut = whole_rows ? sum_rows : terms;
    const int64_t wanted = whole_rows ? cut * columns / kPartNumbers : kTasks / sum_rows;
    parts = std::clamp<int64_t>(wanted, 1, cut);
    part_rows = (cut + parts - 1) / parts;
    parts = (cut + part_rows - 1) / part_rows;
  }
  int64_t Partials() const { return sums * parts; }

  static constexpr int64_t kLongest = 1 << 14, kPartNumbers = 1 << 15, kTasks = 64;
};

// One call: evaluates stretches of rows.
class Rows {
 public:
  Rows(const Pointwise::Params& params, const CpuCall& call, const Layout& layout)
      : formula_(params.formula), call_(call), layout_(layout) {
    std::array<Shape, Pointwise::kInputs> shapes;
    for (size_t i = 0; i < shapes.size(); ++i) shapes[i] = call.in[i].shape;
    for (int i = 0; i < Pointwise::kInputs; ++i) {
      if (!formula_.Reads(i)) continue;
      repeat_[i] = Pointwise::RepeatOf(params, shapes, i);
      elements_[i] = shapes[static_cast<size_t>(i)].elements();
    }
  }

  // visit(numbers, first column, how many) for the stretch [begin, end) of a row, chunk by chunk.
  template <class Visit>
  void For(int64_t row, int64_t begin, int64_t end, const Visit& visit) const {
    alignas(64) float copies[Formula::kOperands][kChunk];
    alignas(64) float results[Formula::kMaxSteps][kChunk];
    FormulaChunk chunk = {formula_, 0, {}, results};
    for (int64_t at = begin; at < end; at += kChunk) {
      const int64_t count = std::min(kChunk, end - at);
      chunk.count = gemm::RoundUp(count, kVector);
      for (int i = 0; i < Formula::kOperands; ++i) {
        if (formula_.Reads(i)) chunk.operand[i] = Operand(i, row, at, count, chunk.count, copies[i]);
      }
      HWY_DYNAMIC_DISPATCH(RunFormula)(chunk);
      const int result = formula_.result();
      visit(result < Formula::kOperands ? chunk.operand[result] : results[result - Formula::kOperands], at, count);
    }
  }

 private:
  // Numbers [at, at + count) of the row, readable up to `whole`.
  const float* Operand(int i, int64_t row, int64_t at, int64_t count, int64_t whole, float* copy) const {
    const float* const data = call_.in[static_cast<size_t>(i)].data;
    if (repeat_[i] == Pointwise::Repeat::kOne || repeat_[i] == Pointwise::Repeat::kFirst) {
      const bool one = repeat_[i] == Pointwise::Repeat::kOne;
      std::fill_n(copy, whole, data[one ? 0 : row * elements_[i] / layout_.rows]);
      return copy;
    }
    const float* const from = data + (row * layout_.columns + at) % elements_[i];
    if (count == whole) return from;
    std::copy_n(from, count, copy);
    std::fill(copy + count, copy + whole, 1.0f);
    return copy;
  }

  const Formula& formula_;
  const CpuCall& call_;
  const Layout& layout_;
  Pointwise::Repeat repeat_[Pointwise::kInputs] = {};
  int64_t elements_[Pointwise::kInputs] = {};
};

// Sums over whole rows: a task makes one part of one sum.
void SumRows(const Rows& rows, const Layout& layout, ThreadPool* threads, double* partials) {
  threads->ParallelFor(static_cast<int>(layout.Partials()), [&](int task, int) {
    const int64_t first = task % layout.parts * layout.part_rows, sum = task / layout.parts;
    double lanes[8] = {};
    for (int64_t r = first; r < std::min(layout.sum_rows, first + layout.part_rows); ++r) {
      rows.For(sum * layout.sum_rows + r, 0, layout.columns, [&](const float* y, int64_t, int64_t count) {
        for (int64_t i = 0; i < count; ++i) lanes[i % 8] += double{y[i]};
      });
    }
    partials[task] = ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
  });
}

// Sums over the first dimensions: a task adds its part of the indices to a row of sums.
void SumIndices(const Rows& rows, const Layout& layout, ThreadPool* threads, double* partials) {
  threads->ParallelFor(static_cast<int>(layout.parts * layout.sum_rows), [&](int task, int) {
    const int64_t row = task % layout.sum_rows, part = task / layout.sum_rows;
    double* const sums = partials + part * layout.sums + row * layout.columns;
    std::fill_n(sums, layout.columns, 0.0);
    const int64_t first = part * layout.part_rows;
    for (int64_t index = first; index < std::min(layout.terms, first + layout.part_rows); ++index) {
      rows.For(index * layout.sum_rows + row, 0, layout.columns, [&](const float* y, int64_t at, int64_t count) {
        for (int64_t i = 0; i < count; ++i) sums[at + i] += double{y[i]};
      });
    }
  });
}

}  // namespace

Cost Pointwise::Count(const Params& params, Shapes in) {
  Cost cost = CostOf<Pointwise>(params, in, in[0].elements() * params.formula.steps());
  cost.products = 0;
  return cost;
}

int64_t Pointwise::ScratchFloats(const Params& params, Shapes in, int) {
  return params.sum_first + params.sum_last == 0 ? 0 : 2 * Layout(params, in).Partials();
}

void Pointwise::Cpu(const Params& params, const CpuCall& call) {
  std::array<Shape, kInputs> shapes;
  for (size_t i = 0; i < shapes.size(); ++i) shapes[i] = call.in[i].shape;
  const Layout layout(params, shapes);
  const Rows rows(params, call, layout);
  float* const out = call.out[0].data;
  if (params.sum_first + params.sum_last == 0) {
    ForSpans(call.threads, layout.rows, layout.columns, [&](int64_t row, int64_t begin, int64_t end) {
      rows.For(row, begin, end, [&](const float* y, int64_t at, int64_t count) {
        std::copy_n(y, count, out + row * layout.columns + at);
      });
    });
    return;
  }
  auto* const partials = reinterpret_cast<double*>(call.scratch);
  const int64_t next = layout.whole_rows ? 1 : layout.sums, first = layout.whole_rows ? layout.parts : 1;
  (layout.whole_rows ? SumRows : SumIndices)(rows, layout, call.threads, partials);
  ForSpans(call.threads, 1, layout.sums, [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      double sum = 0.0;
      for (int64_t part = 0; part < layout.parts; ++part) sum += partials[i * first + part * next];
      out[i] = static_cast<float>(sum);
    }
  });
}

}  // namespace mien
#endif
