#include "graph/lowering/bands.h"

#include <algorithm>

namespace mien {
namespace {

// Rows that a call computes at a time: enough pixels to be worth another pass over its weights.
constexpr int64_t kStepPixels = 1024, kLeastRows = 4;

int64_t RoundUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

class Bands {
 public:
  explicit Bands(Executable* executable)
      : executable_(*executable), calls_(executable->calls.size()), makers_(executable->values.size(), -1) {
    for (size_t c = 0; c < calls_.size(); ++c) {
      for (ValueId id : executable_.calls[c].out) makers_[id] = static_cast<int>(c);
    }
  }

  // Whether there is anything to run in bands.
  bool Choose();
  void Run();

 private:
  struct CallState {
    bool banded = false;
    int64_t height = 0, step = 0, lag = 0;
    int64_t done = 0;  // rows
  };

  const Executable::Call& call(int c) const { return executable_.calls[c]; }
  const CpuOp& cpu(int c) const { return call(c).cpu(); }
  const Shape& OutShape(int c) const { return cpu(c).out[0]; }
  bool InBands(ValueId id) const { return id != kAbsent && makers_[id] >= 0 && calls_[makers_[id]].banded; }
  bool IsOutput(ValueId id) const {
    return std::any_of(executable_.outputs.begin(), executable_.outputs.end(),
                       [&](const NamedValue& output) { return output.value == id; });
  }
  bool OutgrowsWeights(int c) const {
    const int64_t packed = OpPackedFloats(cpu(c).op, cpu(c).in);
    return OpBandedMask(cpu(c).op) != 0 && packed > 0 && OutShape(c).elements() >= 2 * packed;
  }
  RowRange NextRows(int c) const {
    const CallState& state = calls_[c];
    const int64_t end = ((state.done + state.lag) / state.step + 1) * state.step;
    return {state.done, end < state.height ? end - state.lag : state.height};
  }
  // Calls body(maker, rows) for the rows of images in bands that call c reads for `rows`.
  template <class Body>
  void ForReads(int c, RowRange rows, const Body& body) const;
  bool IsReady(int c) const;
  void Demand(int c, int64_t end);
  void Compute(int c);
  void SetWindows();

  Executable& executable_;
  std::vector<CallState> calls_;
  std::vector<int> makers_;                // per value; -1: nobody
  std::vector<std::vector<int>> readers_;  // per call: calls in bands that read its output
};

bool Bands::Choose() {
  const int count = static_cast<int>(calls_.size());
  int first = 0;
  while (first < count && !OutgrowsWeights(first)) ++first;
  for (int c = first; c < count; ++c) {
    CallState& state = calls_[c];
    const uint32_t may_be_window = OpBandedMask(cpu(c).op);
    state.banded = may_be_window != 0;
    if (state.banded) {
      state.height = OutShape(c)[2];
      const int64_t wanted = std::max(kLeastRows, kStepPixels / OutShape(c)[3]);
      const RowGrid grid = OpRows(cpu(c).op, cpu(c).in);
      state.step = RoundUp(wanted, grid.step);
      state.lag = grid.lag;
    }
    for (size_t i = 0; i < call(c).in.size(); ++i) {
      if (InBands(call(c).in[i]) && !HasInput(may_be_window, i)) return false;
    }
  }
  readers_.resize(calls_.size());
  for (int c = first; c < count; ++c) {
    if (calls_[c].banded)
      ForReads(c, {0, calls_[c].height}, [&](int maker, RowRange) { readers_[maker].push_back(c); });
  }
  return first < count;
}

template <class Body>
void Bands::ForReads(int c, RowRange rows, const Body& body) const {
  for (size_t i = 0; i < cpu(c).in.size(); ++i) {
    const ValueId id = call(c).in[i];
    if (InBands(id)) body(makers_[id], OpRowsRead(cpu(c).op, cpu(c).in, static_cast<int>(i), rows));
  }
}

bool Bands::IsReady(int c) const {
  bool ready = calls_[c].done < calls_[c].height;
  ForReads(c, NextRows(c),
           [&](int maker, RowRange rows) { ready = ready && rows.end <= calls_[maker].done; });
  return ready;
}

void Bands::Demand(int c, int64_t end) {
  while (calls_[c].done < end) {
    ForReads(c, NextRows(c), [&](int maker, RowRange rows) { Demand(maker, rows.end); });
    if (IsReady(c)) Compute(c);
  }
}

// The next rows of call c, whose inputs are there; then of those readers that make less of them than they
// are: the sooner they have run, the sooner these rows can go.
void Bands::Compute(int c) {
  CallState& state = calls_[c];
  const RowRange rows = NextRows(c);
  int64_t needed = rows.begin;
  for (int reader : readers_[c]) {
    ForReads(reader, NextRows(reader), [&](int maker, RowRange read) {
      if (maker == c && calls_[reader].done < calls_[reader].height) needed = std::min(needed, read.begin);
    });
  }
  executable_.steps.push_back({c, rows, needed});
  state.done = rows.end;
  for (int reader : readers_[c]) {
    if (OutShape(reader)[1] * OutShape(reader)[3] >= OutShape(c)[1] * OutShape(c)[3]) continue;
    while (IsReady(reader)) Compute(reader);
  }
}

// The smallest windows in which all steps find what they read; then windows move only when they have to.
void Bands::SetWindows() {
  std::vector<Executable::Value>& values = executable_.values;
  for (const Executable::Step& step : executable_.steps) {
    const ValueId out = call(step.call).out[0];
    if (step.rows.end == 0 || IsOutput(out)) continue;
    values[out].window_rows = std::max(values[out].window_rows, step.rows.end - step.window_begin);
  }
  std::vector<int64_t> begin(values.size(), 0);
  for (Executable::Step& step : executable_.steps) {
    const ValueId out = call(step.call).out[0];
    if (step.rows.end - begin[out] > values[out].window_rows && values[out].window_rows > 0)
      begin[out] = step.window_begin;
    step.window_begin = begin[out];
  }
}

void Bands::Run() {
  for (size_t c = 0; c < calls_.size(); ++c) {
    if (calls_[c].banded) continue;
    executable_.steps.push_back({static_cast<int>(c), {}, 0});
    executable_.calls[c].plan_step = executable_.plan_steps++;
  }
  for (size_t c = 0; c < calls_.size(); ++c) {
    if (!calls_[c].banded) continue;
    executable_.calls[c].plan_step = executable_.plan_steps;
    std::get<CpuOp>(executable_.calls[c].kernel).in_rows = true;
  }
  ++executable_.plan_steps;
  for (int c = static_cast<int>(calls_.size()) - 1; c >= 0; --c) {
    if (calls_[c].banded) Demand(c, calls_[c].height);
  }
  SetWindows();
}

}  // namespace

bool RunInBands(Executable* executable) {
  Bands bands(executable);
  if (!bands.Choose()) return false;
  bands.Run();
  return true;
}

}  // namespace mien
