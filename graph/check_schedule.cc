// Shares no code with schedule.cc.
#include <cstdarg>
#include <cstdio>

#include "graph/schedule.h"

namespace mien {
namespace {

// What of a value is in memory: all of it, or rows.
struct Presence {
  bool whole = false;
  RowRange rows;
};

class Walk {
 public:
  Walk(const Graph& graph, const Schedule& schedule)
      : graph_(graph),
        schedule_(schedule),
        values_(graph.values.size()),
        finished_(graph.nodes.size(), false) {
    for (size_t v = 0; v < values_.size(); ++v) {
      if (graph.values[v].kind != Value::Kind::kComputed) MakeWhole(static_cast<ValueId>(v));
    }
  }

  Status Check();

 private:
  [[gnu::format(printf, 3, 4)]] Status Wrong(const Step& step, const char* format, ...) const {
    char what[160];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    const Node& node = graph_.nodes[static_cast<size_t>(step.node)];
    return Status::Error(Code::kFailure, "schedule: %s, rows %lld to %lld: %s",
                         node.out.empty() ? "" : graph_.values[static_cast<size_t>(node.out[0])].name.c_str(),
                         static_cast<long long>(step.rows.begin), static_cast<long long>(step.rows.end), what);
  }
  Presence& Of(ValueId id) { return values_[static_cast<size_t>(id)]; }
  const Shape& ShapeOf(ValueId id) const { return graph_.values[static_cast<size_t>(id)].shape; }
  int64_t WindowOf(ValueId id) const { return schedule_.window_rows[static_cast<size_t>(id)]; }
  void MakeWhole(ValueId id) { Of(id) = {true, {0, ShapeOf(id).rank == 4 ? ShapeOf(id)[2] : 0}}; }

  Status CheckMoment(const Step& step);
  Status RunWhole(const Step& step);
  Status RunRows(const Step& step);

  const Graph& graph_;
  const Schedule& schedule_;
  std::vector<Presence> values_;
  std::vector<bool> finished_;
  int now_ = 0;
};

Status Walk::CheckMoment(const Step& step) {
  const int moment = schedule_.moment[static_cast<size_t>(step.node)];
  if (moment < now_ || moment >= schedule_.moments) {
    return Wrong(step, "moment %d to %d expected, %d found", now_, schedule_.moments - 1, moment);
  }
  now_ = moment;
  return {};
}

Status Walk::RunWhole(const Step& step) {
  const Node& node = graph_.nodes[static_cast<size_t>(step.node)];
  for (ValueId id : node.in) {
    if (id != kAbsent && !Of(id).whole) return Wrong(step, "operand %d is not there", id);
  }
  for (ValueId id : node.out) {
    if (WindowOf(id) != 0) return Wrong(step, "a window expects rows");
    MakeWhole(id);
  }
  finished_[static_cast<size_t>(step.node)] = true;
  return {};
}

Status Walk::RunRows(const Step& step) {
  const Node& node = graph_.nodes[static_cast<size_t>(step.node)];
  const std::vector<Shape> shapes = graph_.InputShapes(node);
  const RowGrid grid = OpRows(node.op, shapes);
  const int64_t height = ShapeOf(node.out[0])[2];
  const RowRange rows = step.rows;
  if (grid.step == 0) return Wrong(step, "the op computes no rows");
  if (((rows.end + grid.lag) % grid.step != 0 && rows.end != height) || rows.begin >= rows.end ||
      rows.end > height) {
    return Wrong(step, "multiples of %lld less %lld, or %lld, expected", static_cast<long long>(grid.step),
                 static_cast<long long>(grid.lag), static_cast<long long>(height));
  }
  for (size_t i = 0; i < node.in.size(); ++i) {
    if (node.in[i] == kAbsent) continue;
    const Presence& found = Of(node.in[i]);
    if (found.whole) continue;
    if (!HasInput(OpBandedMask(node.op), i)) return Wrong(step, "operand %zu is not whole", i);
    const RowRange read = OpRowsRead(node.op, shapes, static_cast<int>(i), rows);
    if (read.begin < found.rows.begin || read.end > found.rows.end) {
      return Wrong(step, "rows %lld to %lld of operand %zu expected, %lld to %lld found",
                   static_cast<long long>(read.begin), static_cast<long long>(read.end), i,
                   static_cast<long long>(found.rows.begin), static_cast<long long>(found.rows.end));
    }
  }
  Presence& out = Of(node.out[0]);
  const int64_t window = WindowOf(node.out[0]);
  if (rows.begin != out.rows.end)
    return Wrong(step, "row %lld is next", static_cast<long long>(out.rows.end));
  if (step.window_begin < out.rows.begin || step.window_begin > rows.begin ||
      (window == 0 && step.window_begin > 0)) {
    return Wrong(step, "the window cannot begin at row %lld", static_cast<long long>(step.window_begin));
  }
  if (window > 0 && rows.end - step.window_begin > window)
    return Wrong(step, "the window has %lld rows only", static_cast<long long>(window));
  out.rows = {step.window_begin, rows.end};
  if (rows.end == height) {
    finished_[static_cast<size_t>(step.node)] = true;
    out.whole = window == 0;
  }
  return {};
}

Status Walk::Check() {
  if (schedule_.moment.size() != graph_.nodes.size() || schedule_.window_rows.size() != graph_.values.size())
    return Status::Error(Code::kFailure, "schedule: of another graph");
  for (const Step& step : schedule_.steps) {
    if (finished_[static_cast<size_t>(step.node)]) return Wrong(step, "the node has finished");
    MIEN_TRY(CheckMoment(step));
    MIEN_TRY(step.rows.end == 0 ? RunWhole(step) : RunRows(step));
  }
  for (size_t n = 0; n < finished_.size(); ++n) {
    if (!finished_[n]) return Status::Error(Code::kFailure, "schedule: node %zu does not finish", n);
  }
  for (const NamedValue& output : graph_.outputs) {
    if (!Of(output.value).whole)
      return Status::Error(Code::kFailure, "schedule: output %s is not whole", output.name.c_str());
  }
  return {};
}

}  // namespace

Status CheckSchedule(const Graph& graph, const Schedule& schedule) { return Walk(graph, schedule).Check(); }

}  // namespace mien
