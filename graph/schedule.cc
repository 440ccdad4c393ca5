#include "graph/schedule.h"

#include <algorithm>

namespace mien {
namespace {

// Rows that a node computes at a time: enough pixels to be worth another pass over its weights.
constexpr int64_t kStepPixels = 1024, kLeastRows = 4;

int64_t RoundUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

class Bands {
 public:
  explicit Bands(const Graph& graph)
      : graph_(graph), nodes_(graph.nodes.size()), makers_(graph.values.size(), -1) {
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      for (ValueId id : graph.nodes[n].out) makers_[id] = static_cast<int>(n);
    }
  }

  // Whether there is anything to run in bands.
  bool Choose();
  Schedule Run();

 private:
  struct NodeState {
    bool banded = false;
    int64_t height = 0, step = 0, lag = 0;
    int64_t done = 0;  // rows
    std::vector<Shape> in;
  };

  const Node& node(int n) const { return graph_.nodes[n]; }
  const Shape& OutShape(int n) const { return graph_.values[node(n).out[0]].shape; }
  bool InBands(ValueId id) const { return id != kAbsent && makers_[id] >= 0 && nodes_[makers_[id]].banded; }
  bool IsOutput(ValueId id) const {
    return std::any_of(graph_.outputs.begin(), graph_.outputs.end(),
                       [&](const NamedValue& output) { return output.value == id; });
  }
  bool OutgrowsWeights(int n) const {
    const int64_t packed = OpPackedFloats(node(n).op, graph_.InputShapes(node(n)));
    return OpBandedMask(node(n).op) != 0 && packed > 0 && OutShape(n).elements() >= 2 * packed;
  }
  RowRange NextRows(int n) const {
    const NodeState& state = nodes_[n];
    const int64_t end = ((state.done + state.lag) / state.step + 1) * state.step;
    return {state.done, end < state.height ? end - state.lag : state.height};
  }
  // Calls body(maker, rows) for the rows of images in bands that node n reads for `rows`.
  template <class Body>
  void ForReads(int n, RowRange rows, const Body& body) const;
  bool IsReady(int n) const;
  void Demand(int n, int64_t end);
  void Compute(int n);
  void SetWindows();

  const Graph& graph_;
  std::vector<NodeState> nodes_;
  std::vector<int> makers_;                // per value; -1: nobody
  std::vector<std::vector<int>> readers_;  // per node: nodes in bands that read its output
  Schedule schedule_;
};

bool Bands::Choose() {
  const int count = static_cast<int>(nodes_.size());
  int first = 0;
  while (first < count && !OutgrowsWeights(first)) ++first;
  for (int n = first; n < count; ++n) {
    NodeState& state = nodes_[n];
    const uint32_t may_be_window = OpBandedMask(node(n).op);
    state.banded = may_be_window != 0;
    state.in = graph_.InputShapes(node(n));
    if (state.banded) {
      state.height = OutShape(n)[2];
      const int64_t wanted = std::max(kLeastRows, kStepPixels / OutShape(n)[3]);
      const RowGrid grid = OpRows(node(n).op, state.in);
      state.step = RoundUp(wanted, grid.step);
      state.lag = grid.lag;
    }
    for (size_t i = 0; i < node(n).in.size(); ++i) {
      if (InBands(node(n).in[i]) && !HasInput(may_be_window, i)) return false;
    }
  }
  readers_.resize(nodes_.size());
  for (int n = first; n < count; ++n) {
    if (nodes_[n].banded)
      ForReads(n, {0, nodes_[n].height}, [&](int maker, RowRange) { readers_[maker].push_back(n); });
  }
  return first < count;
}

template <class Body>
void Bands::ForReads(int n, RowRange rows, const Body& body) const {
  for (size_t i = 0; i < node(n).in.size(); ++i) {
    const ValueId id = node(n).in[i];
    if (InBands(id)) body(makers_[id], OpRowsRead(node(n).op, nodes_[n].in, static_cast<int>(i), rows));
  }
}

bool Bands::IsReady(int n) const {
  bool ready = nodes_[n].done < nodes_[n].height;
  ForReads(n, NextRows(n),
           [&](int maker, RowRange rows) { ready = ready && rows.end <= nodes_[maker].done; });
  return ready;
}

void Bands::Demand(int n, int64_t end) {
  while (nodes_[n].done < end) {
    ForReads(n, NextRows(n), [&](int maker, RowRange rows) { Demand(maker, rows.end); });
    if (IsReady(n)) Compute(n);
  }
}

// The next rows of node n, whose inputs are there; then of those readers that make less of them than they
// are: the sooner they have run, the sooner these rows can go.
void Bands::Compute(int n) {
  NodeState& state = nodes_[n];
  const RowRange rows = NextRows(n);
  int64_t needed = rows.begin;
  for (int reader : readers_[n]) {
    ForReads(reader, NextRows(reader), [&](int maker, RowRange read) {
      if (maker == n && nodes_[reader].done < nodes_[reader].height) needed = std::min(needed, read.begin);
    });
  }
  schedule_.steps.push_back({n, rows, needed});
  state.done = rows.end;
  for (int reader : readers_[n]) {
    if (OutShape(reader)[1] * OutShape(reader)[3] >= OutShape(n)[1] * OutShape(n)[3]) continue;
    while (IsReady(reader)) Compute(reader);
  }
}

// The smallest windows in which all steps find what they read; then windows move only when they have to.
void Bands::SetWindows() {
  schedule_.window_rows.assign(graph_.values.size(), 0);
  for (const Step& step : schedule_.steps) {
    const ValueId out = node(step.node).out[0];
    if (step.rows.end == 0 || IsOutput(out)) continue;
    int64_t& rows = schedule_.window_rows[out];
    rows = std::max(rows, step.rows.end - step.window_begin);
  }
  std::vector<int64_t> begin(graph_.values.size(), 0);
  for (Step& step : schedule_.steps) {
    const ValueId out = node(step.node).out[0];
    if (step.rows.end - begin[out] > schedule_.window_rows[out] && schedule_.window_rows[out] > 0)
      begin[out] = step.window_begin;
    step.window_begin = begin[out];
  }
}

Schedule Bands::Run() {
  schedule_.moment.assign(nodes_.size(), 0);
  for (size_t n = 0; n < nodes_.size(); ++n) {
    if (nodes_[n].banded) continue;
    schedule_.steps.push_back({static_cast<int>(n), {}, 0});
    schedule_.moment[n] = schedule_.moments++;
  }
  for (size_t n = 0; n < nodes_.size(); ++n) {
    if (nodes_[n].banded) schedule_.moment[n] = schedule_.moments;
  }
  ++schedule_.moments;
  for (int n = static_cast<int>(nodes_.size()) - 1; n >= 0; --n) {
    if (nodes_[n].banded) Demand(n, nodes_[n].height);
  }
  SetWindows();
  return std::move(schedule_);
}

}  // namespace

Schedule LayerSchedule(const Graph& graph) {
  Schedule schedule;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    schedule.steps.push_back({static_cast<int>(n), {}, 0});
    schedule.moment.push_back(schedule.moments++);
  }
  schedule.window_rows.assign(graph.values.size(), 0);
  return schedule;
}

Schedule BandSchedule(const Graph& graph) {
  Bands bands(graph);
  return bands.Choose() ? bands.Run() : LayerSchedule(graph);
}

}  // namespace mien
