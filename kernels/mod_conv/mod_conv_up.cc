// mod_conv with upsampling on the CPU: FIR(conv_transpose(x, W', stride 2)).
// The transposed convolution t [2H+1,2W+1] falls into four phases by the parity of row and column,
// convolutions with 2x2, 2x1, 1x2 and 1x1 taps of the 3x3 kernel; no multiplication meets a stuffed zero. A
// task computes a band of rows for a block of channels from top to bottom and keeps only a ring of t's rows,
// even and odd columns apart, from which each pair of output rows is filtered as soon as its five rows of t
// are there.
#include <algorithm>

#include "kernels/mod_conv/mod_conv_cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/mod_conv/mod_conv_up.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/cpu/conv/fir-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mien::HWY_NAMESPACE {

// `count` output rows of one channel from its rows of t, `pairs` pairs of pixels wide; `sums` says which.
void FilterChannel(const Fir& fir, const SplitRow* rows, int64_t pairs, gemm::Sums sums,
                   const gemm::Sink& sink) {
  alignas(64) float y[kFirRows][kFirLine];
  const int64_t first = sums.pixel;
  sums.sum = y[0];
  sums.stride = kFirLine;
  for (int64_t x = 0; x < pairs; x += kFirPairs) {
    SplitRow part[kFirRows + 3];
    for (int64_t r = 0; r < sums.rows + 3; ++r) part[r] = {rows[r].even + x, rows[r].odd + x};
    const int64_t count = std::min(kFirPairs, pairs - x);
    FilterRows(fir, part, sums.rows, count, y);
    sums.pixel = first + 2 * x;
    sums.count = 2 * count;
    sink.take(sink.context, sums);
  }
}

}  // namespace mien::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(FilterChannel);

namespace {

constexpr int64_t kTasks = 8;  // per sample: bands times blocks of channels
constexpr int64_t kTaskPanels = 5;

// The phase of t's rows 2y + py and columns 2x + px.
gemm::Conv Phase(const Shape& weight, int py, int px) {
  gemm::Conv conv;
  conv.in_channels = weight[1];
  conv.out_channels = weight[0];
  for (int ky = py; ky < 3; ky += 2) {
    for (int kx = px; kx < 3; kx += 2) conv.tap[conv.taps++] = {-(ky / 2), -(kx / 2), ky * 3 + kx};
  }
  return conv;
}

// Taps of the phases before (py, px), in the order they are packed.
int64_t TapsBefore(int py, int px) { return py == 0 ? 4 * px : 6 + 2 * px; }

// How the work is cut, by the shape of one sample alone.
struct UpPlan {
  UpCut cut;
  int64_t height, width;
  int64_t slots;   // rows of t in the ring
  int64_t stride;  // floats of half a row of t
  int64_t splits, block_channels;

  // `rows` of x, those whose output rows are computed.
  UpPlan(const Shape& x, const Shape& weight, int64_t rows) : cut(x, rows), height(x[2]), width(x[3]) {
    slots = 2 * cut.step_rows + 3;
    stride = gemm::RoundUp(width + 2, gemm::kTile) + gemm::kTile;
    const int64_t panels = gemm::Panels(weight[0]).count;
    splits = std::clamp<int64_t>(panels / kTaskPanels, 1, (kTasks + cut.bands - 1) / cut.bands);
    block_channels = (panels + splits - 1) / splits * gemm::kMaxRows;
  }
  int64_t RingFloats() const { return block_channels * slots * 2 * stride; }
};

int64_t ThreadFloats(const UpPlan& plan, const Shape& weight) {
  return plan.stride + plan.RingFloats() + gemm::ThreadScratchFloats(Phase(weight, 0, 0));
}

// One task.
class Band {
 public:
  Band(const CpuCall& call, const UpPlan& plan, const Fir& fir, const gemm::Sink& sink, float* scratch)
      : call_(call), plan_(plan), fir_(fir), sink_(sink) {
    zeros_ = scratch;
    ring_ = zeros_ + plan.stride;
    gemm_scratch_ = ring_ + plan.RingFloats();
  }

  void Run(int64_t sample, int64_t row_begin, int64_t row_end, int64_t panel_begin, int64_t panel_end) {
    sample_ = sample;
    panel_begin_ = panel_begin;
    panel_end_ = panel_end;
    const gemm::Panels panels(call_.in[ModConv::kWeight].shape[0]);
    first_channel_ = panels.Begin(panel_begin);
    end_channel_ = panels.Begin(panel_end);
    ClearEdges();
    const auto run = [&](int py, int px, int64_t begin, int64_t end) { RunPhase(py, px, begin, end); };
    plan_.cut.ForEachStep(row_begin, row_end, plan_.height, run, [&](int64_t begin, int64_t end, bool first) {
      for (int64_t o = first_channel_; o < end_channel_; ++o) {
        for (int64_t y = first ? begin : begin - 1; y < end - 1; ++y) FilterPair(o, y);
      }
    });
  }

 private:
  float* Half(int64_t channel, int64_t t_row, int px) const {
    const int64_t slot = (t_row + plan_.slots) % plan_.slots;
    return ring_ + (((channel - first_channel_) * plan_.slots + slot) * 2 + px) * plan_.stride;
  }
  SplitRow Row(int64_t channel, int64_t t_row) const {
    if (t_row < 0 || t_row > 2 * plan_.height) return {zeros_, zeros_};
    return {Half(channel, t_row, 0), Half(channel, t_row, 1)};
  }

  void ClearEdges() {
    std::fill_n(zeros_, plan_.stride, 0.0f);
    for (int64_t o = first_channel_; o < end_channel_; ++o) {
      for (int64_t slot = 0; slot < plan_.slots; ++slot) {
        Half(o, slot, 1)[0] = 0.0f;
        Half(o, slot, 1)[plan_.width + 1] = 0.0f;
      }
    }
  }

  struct PhaseSink {
    const Band* band;
    int py, px;
    int64_t width;
  };
  static void Take(const void* context, const gemm::Sums& sums) {
    const PhaseSink& sink = *static_cast<const PhaseSink*>(context);
    for (int64_t done = 0, run; done < sums.count; done += run) {
      const int64_t y = (sums.pixel + done) / sink.width, x = (sums.pixel + done) % sink.width;
      run = std::min(sums.count - done, sink.width - x);
      std::copy_n(sums.sum + done, run,
                  sink.band->Half(sums.channel, 2 * y + sink.py, sink.px) + x + sink.px);
    }
  }

  // Rows 2y + py of t, y in [begin, end).
  void RunPhase(int py, int px, int64_t begin, int64_t end) {
    const Shape& weight = call_.in[ModConv::kWeight].shape;
    gemm::Conv conv = Phase(weight, py, px);
    conv.height = plan_.height;
    conv.width = plan_.width;
    conv.out_width = plan_.width + 1 - px;
    conv.plane = call_.in[ModConv::kX].Plane();
    conv.row_end = UpRowsRead(call_.in[ModConv::kX].shape, call_.OutRows()).end;
    const PhaseSink sink = {this, py, px, conv.out_width};
    const float* x = call_.in[ModConv::kX].data + sample_ * conv.in_channels * conv.plane;
    const float* style = call_.in[ModConv::kStyle].data + sample_ * conv.in_channels;
    gemm::ConvolvePixels(
        conv, call_.packed + TapsBefore(py, px) * weight[0] * weight[1],
        {x, style, sample_, begin * conv.out_width, end * conv.out_width, panel_begin_, panel_end_},
        gemm_scratch_, {&Take, &sink});
  }

  // Output rows 2y and 2y + 1.
  void FilterPair(int64_t channel, int64_t y) {
    SplitRow rows[5];
    for (int64_t r = 0; r < 5; ++r) rows[r] = Row(channel, 2 * y - 1 + r);
    const gemm::Sums sums = {.sample = sample_,
                             .channel = channel,
                             .pixel = 4 * y * plan_.width,
                             .rows = 2,
                             .count = 0,
                             .sum = nullptr};
    HWY_DYNAMIC_DISPATCH(FilterChannel)(fir_, rows, plan_.width, sums, sink_);
  }

  const CpuCall& call_;
  const UpPlan& plan_;
  const Fir& fir_;
  const gemm::Sink& sink_;
  float *zeros_, *ring_, *gemm_scratch_;
  int64_t sample_ = 0, panel_begin_ = 0, panel_end_ = 0, first_channel_ = 0, end_channel_ = 0;
};

}  // namespace

void PackPhases(const Shape& weight_shape, const float* weight, float gain, float* packed) {
  for (int py = 0; py < 2; ++py) {
    for (int px = 0; px < 2; ++px) {
      gemm::PackWeight(Phase(weight_shape, py, px), weight, 9, gain,
                       packed + TapsBefore(py, px) * weight_shape[0] * weight_shape[1]);
    }
  }
}

// Fewer rows are cut into fewer bands of fewer channels each.
int64_t UpThreadFloats(const Shape& x, const Shape& weight) {
  return ThreadFloats(UpPlan(x, weight, x[2]), weight);
}

int64_t UpRowStep() { return 2; }

RowRange UpRowsRead(const Shape& x, RowRange out) {
  return {std::max<int64_t>(0, out.begin / 2 - 1), std::min(x[2], out.end / 2 + 1)};
}

void UpConv(const CpuCall& call, const Fir& fir, float* thread_scratch, const gemm::Sink& sink) {
  const Shape &x = call.in[ModConv::kX].shape, &weight = call.in[ModConv::kWeight].shape;
  const RowRange out = call.OutRows();
  const int64_t first = out.begin / 2, rows = out.end / 2 - first;
  const UpPlan plan(x, weight, rows);
  const int64_t thread_floats = ThreadFloats(plan, weight);
  const int64_t panels = gemm::Panels(weight[0]).count, bands = x[0] * plan.cut.bands;
  call.threads->ParallelFor(static_cast<int>(bands * plan.splits), [&](int task, int thread) {
    const int64_t split = task / bands, sample = task % bands / plan.cut.bands, band = task % plan.cut.bands;
    Band(call, plan, fir, sink, thread_scratch + thread * thread_floats)
        .Run(sample, first + rows * band / plan.cut.bands, first + rows * (band + 1) / plan.cut.bands,
             panels * split / plan.splits, panels * (split + 1) / plan.splits);
  });
}

}  // namespace mien
#endif
