#include "runtime/profile.h"

#include <algorithm>

namespace mien {
namespace {

// Of each track; the memory is touched only as far as it is used.
constexpr size_t kMostSpans = size_t{1} << 18;

std::string ShapesOf(const std::vector<Shape>& in, const std::vector<Shape>& out) {
  return in.empty() || out.empty() ? "" : in[0].ToString() + " -> " + out[0].ToString();
}

Profile::Label LabelOf(const Executable& executable, const Executable::Call& call) {
  Profile::Label label;
  label.program = executable.name;
  label.layer = call.layer;
  if (const auto* cpu = std::get_if<CpuOp>(&call.kernel)) {
    const Cost cost = OpCount(cpu->op, cpu->in);
    label.op = OpName(cpu->op);
    label.shapes = ShapesOf(cpu->in, cpu->out);
    label.multiply_adds = cost.products;
    label.bytes = cost.bytes;
  } else {
    const FastCost cost = FastCount(call.fast());
    label.op = FastName(call.fast());
    label.multiply_adds = cost.multiply_adds;
    label.bytes = cost.bytes;
  }
  return label;
}

}  // namespace

void Profile::Track::Add(const Span& span) {
  if (spans.size() < spans.capacity()) {
    spans.push_back(span);
  } else {
    ++left_out;
  }
}

Profile::Profile() : start_(Clock::now()) {
  steps_.spans.reserve(kMostSpans);
  observer_.state = this;
  observer_.ran = [](void* state, int thread, Clock::time_point begin, Clock::time_point end) {
    auto* const self = static_cast<Profile*>(state);
    if (!self->running_) return;
    Span span = self->current_;
    span.track = thread + 1;
    span.begin = self->Nanoseconds(begin);
    span.end = self->Nanoseconds(end);
    self->threads_[static_cast<size_t>(thread)]->Add(span);
  };
}

int Profile::AddLabels(const Executable& executable) {
  const int first = static_cast<int>(labels_.size());
  for (const Executable::Call& call : executable.calls) labels_.push_back(LabelOf(executable, call));
  return first;
}

void Profile::PrepareThreads(int threads) {
  while (threads_.size() < static_cast<size_t>(threads)) {
    threads_.push_back(std::make_unique<Track>());
    threads_.back()->spans.reserve(kMostSpans);
  }
}

void Profile::Begin(int label, RowRange rows) {
  current_ = {label, kSteps, rows, Nanoseconds(Clock::now()), 0};
  running_ = true;
}

void Profile::End() {
  running_ = false;
  current_.end = Nanoseconds(Clock::now());
  steps_.Add(current_);
}

void Profile::AddOnDevice(int label, Clock::time_point start, double end_ms, double took_ms) {
  if (device_.spans.capacity() == 0) device_.spans.reserve(kMostSpans);
  const int64_t end = Nanoseconds(start) + static_cast<int64_t>(1e6 * end_ms);
  device_.Add({label, kDevice, {}, end - static_cast<int64_t>(1e6 * took_ms), end});
}

std::vector<Profile::Span> Profile::Spans() const {
  std::vector<Span> all;
  const auto append = [&](const Track& track) { all.insert(all.end(), track.spans.begin(), track.spans.end()); };
  append(steps_);
  append(device_);
  for (const auto& track : threads_) append(*track);
  std::ranges::stable_sort(all, {}, &Span::begin);
  return all;
}

int64_t Profile::left_out() const {
  int64_t count = steps_.left_out + device_.left_out;
  for (const auto& track : threads_) count += track->left_out;
  return count;
}

int64_t Profile::Nanoseconds(Clock::time_point time) const {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time - start_).count();
}

}  // namespace mien
