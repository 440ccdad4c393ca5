#include "runtime/program.h"

#include <cstring>
#include <utility>

#include "base/checked.h"

namespace mien {
namespace {

// Staged inputs and outputs start at cache lines of the host.
uint64_t Padded(uint64_t bytes) { return *CheckedAlignUp(bytes, kHostAlignment); }

Status CheckStop(const std::atomic<bool>* stop) {
  if (stop == nullptr || !stop->load(std::memory_order_relaxed)) return {};
  return Status::Error(Code::kInterrupted, "interrupted");
}

}  // namespace

Result<Program> Program::Create(Graph graph, const CpuLowering& how, const Backend& backend, Profile* profile) {
  Program program;
  program.graph_ = std::move(graph);
  program.backend_ = &backend;
  MIEN_ASSIGN(program.executable_, backend.lower(backend.state.get(), program.graph_, how));
  const auto scratch_bytes = [&](const Kernel& kernel) { return backend.scratch_bytes(backend.state.get(), kernel); };
  MIEN_ASSIGN(program.plan_, PlanMemory(program.executable_, scratch_bytes));
  MIEN_TRY(CheckPlan(program.executable_, scratch_bytes, program.plan_));
  if (profile != nullptr) {
    program.profile_ = profile;
    program.first_label_ = profile->AddLabels(program.executable_);
  }
  return program;
}

uint64_t Program::staging_bytes() const {
  uint64_t total = 0;
  if (backend_->upload == nullptr) return total;
  for (const ValueId id : executable_.inputs) total += Padded(ValueOf(id).bytes);
  for (const NamedValue& output : executable_.outputs) total += Padded(ValueOf(output.value).bytes);
  return total;
}

std::byte* Program::AddressOf(ValueId id) const {
  const Executable::Value& value = ValueOf(id);
  if (value.in_arena()) return arena_ + plan_.values[static_cast<size_t>(id)].offset;
  if (value.kind == Value::Kind::kParameter) return reinterpret_cast<std::byte*>(parameters_(value.name));
  return value.form < 0 ? nullptr : static_cast<std::byte*>(weights_[static_cast<size_t>(value.form)].get());
}

void Program::Bind(void* arena, void* staging, std::vector<WeightHandle> weights, ParameterPlace parameters) {
  arena_ = static_cast<std::byte*>(arena);
  parameters_ = std::move(parameters);
  weights_ = std::move(weights);
  auto* place = static_cast<std::byte*>(staging);
  const auto span_of = [&](ValueId id) {
    const uint64_t bytes = ValueOf(id).bytes;
    auto* const start = backend_->upload == nullptr ? AddressOf(id) : std::exchange(place, place + Padded(bytes));
    return std::span<float>(reinterpret_cast<float*>(start), bytes / sizeof(float));
  };
  for (const ValueId id : executable_.inputs) inputs_.push_back(span_of(id));
  for (const NamedValue& output : executable_.outputs) outputs_.push_back(span_of(output.value));
  BindSteps();
}

void Program::BindSteps() {
  size_t count = 0;
  for (const Executable::Step& step : executable_.steps) {
    const Executable::Call& call = CallOf(step);
    count += call.in.size() + call.out.size();
  }
  pointers_.reserve(count);  // the spans below stay valid
  std::vector<RowRange> held(executable_.values.size());  // rows of windows in memory
  const auto take = [&](const std::vector<ValueId>& ids) {
    const size_t first = pointers_.size();
    for (const ValueId id : ids) {
      std::byte* address = nullptr;  // of a window: where row 0 would lie
      if (id != kAbsent) address = AddressOf(id) - held[static_cast<size_t>(id)].begin * ValueOf(id).row_bytes;
      pointers_.push_back(address);
    }
    return std::span<void* const>(pointers_.data() + first, ids.size());
  };
  std::vector<std::byte*> carries(executable_.calls.size(), nullptr);
  for (size_t c = 0, next = 0; c < carries.size(); ++c) {
    if (executable_.calls[c].in_rows()) carries[c] = arena_ + plan_.carries[next++].offset;
  }
  for (const Executable::Step& step : executable_.steps) {
    const Executable::Call& call = CallOf(step);
    const Placement& scratch = plan_.scratch[static_cast<size_t>(call.plan_step)];
    BoundStep bound;
    bound.kernel = &call.kernel;
    bound.parts = call.parts | kFirstRun;
    bound.call.in = take(call.in);
    for (const ValueId id : call.out) {
      if (id == kAbsent || ValueOf(id).window_rows == 0) continue;
      bound.call.move = MoveBefore(id, held[static_cast<size_t>(id)], step);
      held[static_cast<size_t>(id)] = {step.window_begin, step.rows.end};
    }
    bound.call.out = take(call.out);
    if (scratch.bytes > 0) bound.call.scratch = arena_ + scratch.offset;
    bound.call.carry = carries[static_cast<size_t>(step.call)];
    bound.call.rows = step.rows;
    steps_.push_back(bound);
  }
}

RowMove Program::MoveBefore(ValueId id, RowRange held, const Executable::Step& step) const {
  const Executable::Value& window = ValueOf(id);
  if (step.window_begin <= held.begin || held.end <= step.window_begin) return {};
  const int64_t plane = window.window_rows * window.row_bytes;
  return {AddressOf(id), static_cast<int64_t>(window.bytes) / plane, plane,
          (step.window_begin - held.begin) * window.row_bytes, (held.end - step.window_begin) * window.row_bytes};
}

void Program::SetInput(int i, std::span<const float> numbers) {
  float* const place = input(i).data();
  for (size_t p = 0; p < executable_.parts.size(); ++p) {
    if (executable_.parts[p].input != i) continue;
    const Shape& shape = graph_.values[static_cast<size_t>(graph_.inputs[static_cast<size_t>(i)])].shape;
    const int64_t row = executable_.parts[p].row;
    const int64_t first = row < 0 ? 0 : row * shape[2], count = row < 0 ? shape.elements() : shape[2];
    for (int64_t at = first; at < shape.elements(); at += row < 0 ? count : shape[1] * shape[2]) {
      if (std::memcmp(place + at, numbers.data() + at, sizeof(float) * static_cast<size_t>(count)) != 0)
        changed_ |= Dependencies::Bit(p);
    }
  }
  std::memcpy(place, numbers.data(), numbers.size_bytes());
}

Status Program::RunStep(size_t s) const {
  const Status status = backend_->run(backend_->state.get(), *steps_[s].kernel, steps_[s].call);
  return status.ok() ? status : status.Within("%s", CallOf(executable_.steps[s]).layer.c_str());
}

// With the step's time: on the CPU while it runs, of a device by a mark behind it.
Status Program::RunProfiled(size_t s) const {
  const Executable::Step& step = executable_.steps[s];
  profile_->Begin(first_label_ + step.call, step.rows);
  const Status ran = RunStep(s);
  profile_->End();
  return ran;
}

Status Program::ProfileDevice(Profile::Clock::time_point start) const {
  for (size_t i = 0; i < sent_.size(); ++i) {
    const int label = first_label_ + executable_.steps[sent_[i]].call;
    MIEN_ASSIGN(const double end, backend_->between(backend_->state.get(), 0, i + 1));
    MIEN_ASSIGN(const double took, backend_->between(backend_->state.get(), i, i + 1));
    profile_->AddOnDevice(label, start, end, took);
  }
  return {};
}

Status Program::Enqueue(uint64_t changed, const std::atomic<bool>* stop) {
  void* const state = backend_->state.get();
  const bool staged = backend_->upload != nullptr;
  for (size_t i = 0; i < inputs_.size() && staged; ++i) {
    MIEN_TRY(backend_->upload(state, AddressOf(executable_.inputs[i]), inputs_[i].data(), inputs_[i].size_bytes(),
                              "uploading inputs"));
  }
  const bool marked = profile_ != nullptr && backend_->mark != nullptr;
  sent_.clear();
  if (marked) MIEN_TRY(backend_->mark(state, 0));
  for (size_t s = 0; s < steps_.size(); ++s) {
    if ((steps_[s].parts & changed) == 0) continue;
    MIEN_TRY(CheckStop(stop));
    MIEN_TRY(profile_ == nullptr ? RunStep(s) : RunProfiled(s));
    ++steps_run_;
    if (!marked) continue;
    sent_.push_back(s);
    MIEN_TRY(backend_->mark(state, sent_.size()));
  }
  for (size_t i = 0; i < outputs_.size() && staged; ++i) {
    MIEN_TRY(backend_->download(state, outputs_[i].data(), AddressOf(executable_.outputs[i].value),
                                outputs_[i].size_bytes(), "downloading outputs"));
  }
  return {};
}

Status Program::Capture() {
  MIEN_ASSIGN(captured_, backend_->capture(backend_->state.get(), [this] { return Enqueue(kEverything, nullptr); }));
  return {};
}

Status Program::Run(const std::atomic<bool>* stop) {
  // Until the run has ended well, nothing that was kept is valid.
  const uint64_t changed = std::exchange(changed_, kEverything);
  void* const state = backend_->state.get();
  steps_run_ = 0;
  MIEN_TRY(CheckStop(stop));
  MIEN_TRY(backend_->enter(state));
  const auto start = Profile::Clock::now();
  const Status ran = captured_ != nullptr ? backend_->replay(state, captured_) : Enqueue(changed, stop);
  const Status ended = backend_->synchronize(state, "running");  // also after a failure: steps may still run
  MIEN_TRY(ran);
  MIEN_TRY(ended);
  MIEN_TRY(ProfileDevice(start));
  if (executable_.keeps_values) changed_ = 0;
  return {};
}

}  // namespace mien
