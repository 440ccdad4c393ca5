// Shares no code with bands.cc.
#include <cstdarg>
#include <cstdio>

#include "graph/lowering/lower.h"

namespace mien {
namespace {

// What of a value is in memory: all of it, or rows.
struct Presence {
  bool whole = false;
  RowRange rows;
};

class Walk {
 public:
  explicit Walk(const Executable& executable)
      : executable_(executable), values_(executable.values.size()), finished_(executable.calls.size(), false) {
    for (size_t v = 0; v < values_.size(); ++v) {
      if (executable.values[v].kind != Value::Kind::kComputed) values_[v].whole = true;
    }
  }

  Status Check();

 private:
  using Step = Executable::Step;
  [[gnu::format(printf, 3, 4)]] Status Wrong(const Step& step, const char* format, ...) const {
    char what[160];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return Status::Error(Code::kFailure, "steps: %s, rows %lld to %lld: %s", CallOf(step).layer.c_str(),
                         static_cast<long long>(step.rows.begin), static_cast<long long>(step.rows.end), what);
  }
  const Executable::Call& CallOf(const Step& step) const { return executable_.calls[static_cast<size_t>(step.call)]; }
  Presence& Of(ValueId id) { return values_[static_cast<size_t>(id)]; }
  int64_t WindowOf(ValueId id) const { return executable_.values[static_cast<size_t>(id)].window_rows; }

  Status CheckPlanStep(const Step& step);
  Status CheckBytes(const Step& step) const;
  Status RunWhole(const Step& step);
  Status RunRows(const Step& step);

  const Executable& executable_;
  std::vector<Presence> values_;
  std::vector<bool> finished_;
  int now_ = 0;
};

Status Walk::CheckPlanStep(const Step& step) {
  const int plan_step = CallOf(step).plan_step;
  if (plan_step < now_ || plan_step >= executable_.plan_steps) {
    return Wrong(step, "step %d to %d of the plan expected, %d found", now_, executable_.plan_steps - 1, plan_step);
  }
  now_ = plan_step;
  return {};
}

// Of results on the CPU: floats of their shapes, or of their windows.
Status Walk::CheckBytes(const Step& step) const {
  const Executable::Call& call = CallOf(step);
  const CpuOp* const cpu = std::get_if<CpuOp>(&call.kernel);
  for (size_t i = 0; cpu != nullptr && i < call.out.size(); ++i) {
    const Shape& shape = cpu->out[i];
    const int64_t window = WindowOf(call.out[i]);
    const int64_t floats = window > 0 ? shape.elements() / shape[2] * window : shape.elements();
    const uint64_t bytes = executable_.values[static_cast<size_t>(call.out[i])].bytes;
    if (bytes != 4 * static_cast<uint64_t>(floats))
      return Wrong(step, "%lld floats expected, %llu bytes found", static_cast<long long>(floats),
                   static_cast<unsigned long long>(bytes));
  }
  return {};
}

Status Walk::RunWhole(const Step& step) {
  const Executable::Call& call = CallOf(step);
  for (ValueId id : call.in) {
    if (id != kAbsent && !Of(id).whole) return Wrong(step, "operand %d is not there", id);
  }
  for (ValueId id : call.out) {
    if (id == kAbsent) continue;
    if (WindowOf(id) != 0) return Wrong(step, "a window expects rows");
    Of(id).whole = true;
  }
  finished_[static_cast<size_t>(step.call)] = true;
  return {};
}

Status Walk::RunRows(const Step& step) {
  const Executable::Call& call = CallOf(step);
  if (!call.in_rows()) return Wrong(step, "the call computes no rows");
  const CpuOp& cpu = call.cpu();
  const RowGrid grid = OpRows(cpu.op, cpu.in);
  const int64_t height = cpu.out[0][2];
  const RowRange rows = step.rows;
  if (grid.step == 0) return Wrong(step, "the op computes no rows");
  if (((rows.end + grid.lag) % grid.step != 0 && rows.end != height) || rows.begin >= rows.end ||
      rows.end > height) {
    return Wrong(step, "multiples of %lld less %lld, or %lld, expected", static_cast<long long>(grid.step),
                 static_cast<long long>(grid.lag), static_cast<long long>(height));
  }
  for (size_t i = 0; i < call.in.size(); ++i) {
    if (call.in[i] == kAbsent) continue;
    const Presence& found = Of(call.in[i]);
    if (found.whole) continue;
    if (!HasInput(OpBandedMask(cpu.op), i)) return Wrong(step, "operand %zu is not whole", i);
    const RowRange read = OpRowsRead(cpu.op, cpu.in, static_cast<int>(i), rows);
    if (read.begin < found.rows.begin || read.end > found.rows.end) {
      return Wrong(step, "rows %lld to %lld of operand %zu expected, %lld to %lld found",
                   static_cast<long long>(read.begin), static_cast<long long>(read.end), i,
                   static_cast<long long>(found.rows.begin), static_cast<long long>(found.rows.end));
    }
  }
  Presence& out = Of(call.out[0]);
  const int64_t window = WindowOf(call.out[0]);
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
    finished_[static_cast<size_t>(step.call)] = true;
    out.whole = window == 0;
  }
  return {};
}

Status Walk::Check() {
  for (const Step& step : executable_.steps) {
    if (finished_[static_cast<size_t>(step.call)]) return Wrong(step, "the call has finished");
    MIEN_TRY(CheckPlanStep(step));
    MIEN_TRY(CheckBytes(step));
    MIEN_TRY(CallOf(step).in_rows() || step.rows.end > 0 ? RunRows(step) : RunWhole(step));
  }
  for (size_t c = 0; c < finished_.size(); ++c) {
    if (!finished_[c]) return Status::Error(Code::kFailure, "steps: call %zu does not finish", c);
  }
  for (const NamedValue& output : executable_.outputs) {
    if (!Of(output.value).whole)
      return Status::Error(Code::kFailure, "steps: output %s is not whole", output.name.c_str());
  }
  return {};
}

}  // namespace

Status CheckSteps(const Executable& executable) { return Walk(executable).Check(); }

}  // namespace mien
