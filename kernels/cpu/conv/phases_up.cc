#include "kernels/cpu/conv/phases_up.h"

#include <algorithm>

#include "kernels/cpu/conv/direct.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv/phases_up.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/cpu/conv/fir-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {

// `count` output rows of one channel from its rows of t, `pairs` pairs of pixels wide; `sums` says which.
void FilterChannel(const Fir& fir, const SplitRow* rows, int64_t pairs, Sums sums,
                   const Sink& sink) {
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

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien::gemm {

HWY_EXPORT(FilterChannel);

namespace {

constexpr int64_t kTasks = 8;  // per sample: bands times blocks of channels
constexpr int64_t kTaskPanels = 5;

// The phase of t's rows 2y + py and columns 2x + px.
TapConv Phase(const ConvShape& shape, int py, int px) {
  TapConv conv;
  conv.in_channels = shape.in_channels;
  conv.out_channels = shape.out_channels;
  conv.height = shape.height;
  conv.width = shape.width;
  conv.out_width = shape.width + 1 - px;
  for (int ky = py; ky < 3; ky += 2) {
    for (int kx = px; kx < 3; kx += 2) conv.tap[conv.taps++] = {-(ky / 2), -(kx / 2), ky * 3 + kx};
  }
  return conv;
}

// Floats of the packed phases before (py, px).
int64_t PhaseOffset(const ConvShape& conv, int py, int px) {
  return (py == 0 ? 4 * px : 6 + 2 * px) * conv.in_channels * conv.out_channels;
}

// How the work is cut, by the shape of one sample alone: bands of rows of x, each a few rows at a time.
struct Plan {
  int64_t height, width;
  int64_t step_rows, bands;
  int64_t slots;   // rows of t in the ring
  int64_t stride;  // floats of half a row of t
  int64_t splits, block_channels;

  // `rows` of x, those whose output rows are computed.
  Plan(const ConvShape& conv, int64_t rows) : height(conv.height), width(conv.width) {
    constexpr int64_t kStepPixels = 512;  // pixels of a phase that are computed at a time, at least
    constexpr int64_t kBandRows = 32, kMostBands = 8;  // a band repeats one and a half rows of its neighbour
    step_rows = std::clamp<int64_t>((kStepPixels + width) / (width + 1), 1, height + 1);
    bands = std::clamp<int64_t>(rows / kBandRows, 1, kMostBands);
    slots = 2 * step_rows + 3;
    stride = RoundUp(width + 2, kTile) + kTile;
    const int64_t panels = Panels(conv.out_channels).count;
    splits = std::clamp<int64_t>(panels / kTaskPanels, 1, (kTasks + bands - 1) / bands);
    block_channels = (panels + splits - 1) / splits * kMaxRows;
  }
  int64_t RingFloats() const { return block_channels * slots * 2 * stride; }

  // run(py, px, begin, end) of every phase of a band of rows of x; then(begin, end, first) after those of a
  // step.
  template <class Run, class Then>
  void ForEachStep(int64_t row_begin, int64_t row_end, const Run& run, const Then& then) const {
    // Step y completes t's rows 2y and 2y + 1, hence the output rows 2y - 2 and 2y - 1.
    for (int64_t begin = row_begin; begin <= row_end; begin += step_rows) {
      const int64_t end = std::min(begin + step_rows, row_end + 1);
      const bool first = begin == row_begin;
      for (int px = 0; px < 2; ++px) {
        run(0, px, begin, end);
        run(1, px, first ? std::max<int64_t>(0, begin - 1) : begin, std::min(end, height));
      }
      then(begin, end, first);
    }
  }
};

int64_t ThreadFloats(const ConvShape& conv, const Plan& plan) {
  return plan.stride + plan.RingFloats() + ThreadScratchFloats(Phase(conv, 0, 0));
}

// One task.
class Band {
 public:
  Band(const ConvShape& conv, const Plan& plan, const ConvCall& call, float* scratch)
      : conv_(conv), plan_(plan), call_(call) {
    zeros_ = scratch;
    ring_ = zeros_ + plan.stride;
    gemm_scratch_ = ring_ + plan.RingFloats();
  }

  void Run(int64_t sample, int64_t row_begin, int64_t row_end, int64_t panel_begin, int64_t panel_end) {
    sample_ = sample;
    panel_begin_ = panel_begin;
    panel_end_ = panel_end;
    const Panels panels(conv_.out_channels);
    first_channel_ = panels.Begin(panel_begin);
    end_channel_ = panels.Begin(panel_end);
    ClearEdges();
    const auto run = [&](int py, int px, int64_t begin, int64_t end) { RunPhase(py, px, begin, end); };
    plan_.ForEachStep(row_begin, row_end, run, [&](int64_t begin, int64_t end, bool first) {
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
  static void Take(const void* context, const Sums& sums) {
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
    TapConv phase = Phase(conv_, py, px);
    phase.plane = call_.x.Plane();
    phase.row_end = PhasesUp::RowsRead(conv_, call_.rows).end;
    const PhaseSink sink = {this, py, px, phase.out_width};
    const float* x = call_.x.data + sample_ * phase.in_channels * phase.plane;
    const float* style = call_.style + sample_ * phase.in_channels;
    ConvolvePixels(phase, call_.packed + PhaseOffset(conv_, py, px),
                   {x, style, sample_, begin * phase.out_width, end * phase.out_width, panel_begin_, panel_end_},
                   gemm_scratch_, {&Take, &sink});
  }

  // Output rows 2y and 2y + 1.
  void FilterPair(int64_t channel, int64_t y) {
    SplitRow rows[5];
    for (int64_t r = 0; r < 5; ++r) rows[r] = Row(channel, 2 * y - 1 + r);
    const Sums sums = {.sample = sample_,
                             .channel = channel,
                             .pixel = 4 * y * plan_.width,
                             .rows = 2,
                             .count = 0,
                             .sum = nullptr};
    HWY_DYNAMIC_DISPATCH(FilterChannel)(*call_.fir, rows, plan_.width, sums, call_.sink);
  }

  const ConvShape& conv_;
  const Plan& plan_;
  const ConvCall& call_;
  float *zeros_, *ring_, *gemm_scratch_;
  int64_t sample_ = 0, panel_begin_ = 0, panel_end_ = 0, first_channel_ = 0, end_channel_ = 0;
};

}  // namespace

void PhasesUp::Pack(const ConvShape& conv, const float* weight, float gain, float* packed) {
  for (int py = 0; py < 2; ++py) {
    for (int px = 0; px < 2; ++px)
      PackPanels(Phase(conv, py, px), weight, 9, gain, packed + PhaseOffset(conv, py, px));
  }
}

// Fewer rows are cut into fewer bands of fewer channels each.
int64_t PhasesUp::ScratchFloats(const ConvShape& conv, int64_t /*batch*/, int64_t threads, bool /*ranges*/) {
  return threads * ThreadFloats(conv, Plan(conv, conv.height));
}

RowRange PhasesUp::RowsRead(const ConvShape& conv, RowRange rows) {
  return {std::max<int64_t>(0, rows.begin / 2 - 1), std::min(conv.height, rows.end / 2 + 1)};
}

int64_t PhasesUp::Products(const ConvShape& conv, int64_t batch) {
  const Plan plan(conv, conv.height);
  int64_t columns_times_taps = 0;
  const auto run = [&](int py, int px, int64_t begin, int64_t end) {
    const int64_t pixels = std::max<int64_t>(end - begin, 0) * (conv.width + 1 - px), taps = (2 - py) * (2 - px);
    columns_times_taps += RoundUp(pixels, kTile) * taps;
  };
  for (int64_t b = 0; b < plan.bands; ++b) {
    plan.ForEachStep(conv.height * b / plan.bands, conv.height * (b + 1) / plan.bands, run,
                     [](int64_t, int64_t, bool) {});
  }
  return batch * columns_times_taps * conv.in_channels * conv.out_channels;
}

void PhasesUp::Run(const ConvShape& conv, const ConvCall& call) {
  const int64_t first = call.rows.begin / 2, rows = call.rows.end / 2 - first;
  const Plan plan(conv, rows);
  const int64_t thread_floats = ThreadFloats(conv, plan);
  const int64_t panels = Panels(conv.out_channels).count, bands = call.x.shape[0] * plan.bands;
  call.threads->ParallelFor(static_cast<int>(bands * plan.splits), [&](int task, int thread) {
    const int64_t split = task / bands, sample = task % bands / plan.bands, band = task % plan.bands;
    Band(conv, plan, call, call.scratch + thread * thread_floats)
        .Run(sample, first + rows * band / plan.bands, first + rows * (band + 1) / plan.bands,
             panels * split / plan.splits, panels * (split + 1) / plan.splits);
  });
}

}  // namespace mien::gemm
#endif
