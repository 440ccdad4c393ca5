#include "runtime/engine.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <map>

#include "base/checked.h"

namespace mien {
namespace {

constexpr int kMaxThreads = 256;

Result<Precision> CheckOptions(const EngineOptions& options, const BackendChoice& backend) {
  if (options.batch < 1 || options.batch > kMaxBatch) {
    return Status::Error(Code::kUsage, "batch %d, 1 to %d expected", options.batch, kMaxBatch);
  }
  if (options.threads < 0 || options.threads > kMaxThreads) {
    return Status::Error(Code::kUsage, "threads %d, 0 to %d expected", options.threads, kMaxThreads);
  }
  if (!options.device_graphs && !backend.device) {
    return Status::Error(Code::kUsage, "graphs off: the cpu backend captures no graphs (backend cpu: %s)",
                         backend.reason.c_str());
  }
  const std::string& precision = options.precision;
  if (precision == "fp32") return Precision::kFloat;
  if (precision != "tf32" && precision != "fp16") {
    return Status::Error(Code::kUsage, "precision %s: fp32, tf32 or fp16 expected", precision.c_str());
  }
  if (!backend.device) {
    return Status::Error(Code::kUsage,
                         "precision %s: the cpu backend computes in fp32 only (backend cpu: %s)",
                         precision.c_str(), backend.reason.c_str());
  }
  if (std::any_of(options.programs.begin(), options.programs.end(), [](const auto& p) { return p.trace; })) {
    return Status::Error(Code::kUsage, "precision %s: traces are computed in fp32 only", precision.c_str());
  }
  return precision == "tf32" ? Precision::kTf32 : Precision::kHalf;
}

// Copies `values` to `copy`, unless that is empty, and counts those that are not finite. An exponent of all
// ones is infinity or not-a-number; integers, so that no compiler flag can remove it.
int64_t CopyCountingNonFinite(std::span<const float> values, std::span<float> copy, ThreadPool* threads) {
  constexpr size_t kTaskFloats = 1 << 16;
  std::atomic<int64_t> count = 0;
  threads->ParallelFor(static_cast<int>((values.size() + kTaskFloats - 1) / kTaskFloats), [&](int task, int) {
    const size_t begin = static_cast<size_t>(task) * kTaskFloats;
    const std::span<const float> part = values.subspan(begin, std::min(kTaskFloats, values.size() - begin));
    int64_t bad = 0;
    for (const float value : part) bad += (__builtin_bit_cast(uint32_t, value) & 0x7f800000u) == 0x7f800000u;
    if (!copy.empty()) std::memcpy(copy.data() + begin, part.data(), part.size_bytes());
    count.fetch_add(bad, std::memory_order_relaxed);
  });
  return count.load(std::memory_order_relaxed);
}

}  // namespace

Result<BackendChoice> ChooseBackend(const std::string& name, const Executor* executor) {
  if (executor == nullptr) executor = BuildExecutor();
  if (name == "cpu") return BackendChoice{"cpu", "asked for", {}};
  const bool numbered = name.starts_with("cuda:") && name.size() > 5 && name.size() < 10 &&
                        name.find_first_not_of("0123456789", 5) == std::string::npos;
  if (name != "auto" && name != "cuda" && !numbered)
    return Status::Error(Code::kUsage, "backend %s: auto, cpu or cuda[:N] expected", name.c_str());
  const int ordinal = numbered ? std::stoi(name.substr(5)) : 0;
  const Result<Device> device = OpenDevice(executor, ordinal);
  if (!device.ok()) {
    if (name != "auto") return device.status().Within("backend %s", name.c_str());
    return BackendChoice{"cpu", std::string("auto chose cpu: ") + device.status().message(), {}};
  }
  const std::string chosen = "cuda:" + std::to_string(ordinal);
  const std::string what = name == "auto" ? "auto chose " + chosen + ": " : "asked for: ";
  return BackendChoice{chosen, what + device->info.name, *device};
}

// By layers, which are the faster (bench/RESULTS.md), where they are not asked for in bands or, with "auto",
// do not fit.
Result<std::unique_ptr<Engine>> Engine::Draft(std::shared_ptr<WeightStore> weights,
                                              const EngineOptions& options) {
  const std::string& memory = options.memory;
  if (memory != "auto" && memory != "layers" && memory != "bands")
    return Status::Error(Code::kUsage, "memory %s: auto, layers or bands expected", memory.c_str());
  MIEN_ASSIGN(auto engine, DraftIn(weights, options, memory == "bands"));
  engine->memory_reason_ =
      memory == "auto" ? "memory layers: auto chose the faster" : "memory " + memory + ": asked for";
  Status fits = engine->CheckLimit(options.max_memory);
  if (!fits.ok() && memory == "auto" && engine->backend_.runs_in_bands) {
    const std::string by_layers = std::to_string(engine->need_.total()) + " bytes needed by layers";
    MIEN_ASSIGN(engine, DraftIn(weights, options, true));
    engine->memory_reason_ = "memory bands: auto chose what fits, " + by_layers;
    fits = engine->CheckLimit(options.max_memory).Within("%s, in bands", by_layers.c_str());
  }
  if (!fits.ok()) return fits;
  return engine;
}

Status Engine::CheckLimit(uint64_t max_memory) const {
  if (max_memory == 0 || need_.total() <= max_memory) return {};
  return Status::Error(
      Code::kMemory, "%llu bytes needed (weights %llu, arena %llu, loading %llu), at most %llu allowed",
      static_cast<unsigned long long>(need_.total()),
      static_cast<unsigned long long>(need_.weights - need_.shared),
      static_cast<unsigned long long>(need_.arena), static_cast<unsigned long long>(need_.loading),
      static_cast<unsigned long long>(max_memory));
}

Result<std::unique_ptr<Engine>> Engine::DraftIn(std::shared_ptr<WeightStore> weights,
                                                const EngineOptions& options, bool bands) {
  auto engine = std::unique_ptr<Engine>(new Engine);
  MIEN_ASSIGN(engine->choice_, ChooseBackend(options.backend, options.executor));
  MIEN_ASSIGN(const Precision precision, CheckOptions(options, engine->choice_));
  engine->store_ = std::move(weights);
  engine->batch_ = options.batch;
  engine->stop_ = options.stop;
  engine->threads_ = options.threads > 0 ? options.threads : std::min(DefaultThreads(), kMaxThreads);
  const std::optional<Device>& device = engine->choice_.device;
  engine->backend_ = device ? DeviceBackend(*device, precision) : CpuBackend(engine->threads_);
  if (bands && engine->backend_.runs_in_bands) engine->memory_ = "bands";
  for (const ProgramOptions& wanted : options.programs) {
    MIEN_ASSIGN(Graph graph, BuildGraph(engine->store_->config(), wanted.network, {options.batch, wanted.trace}));
    const CpuLowering how = {options.exact, bands, bands, wanted.incremental};
    MIEN_ASSIGN(Program program, Program::Create(std::move(graph), how, engine->backend_, options.profile));
    engine->programs_.push_back(std::move(program));
  }
  engine->AddNeed();
  return engine;
}

void Engine::AddNeed() {
  // From address 0 on what all programs share, then what incremental ones keep.
  for (const Program& program : programs_) {
    if (!program.executable().keeps_values) need_.arena = std::max(need_.arena, program.plan().arena_bytes);
  }
  for (const Program& program : programs_) {
    const bool own = program.executable().keeps_values;
    arena_offsets_.push_back(own ? need_.arena : 0);
    if (own) need_.arena += *CheckedAlignUp(program.plan().arena_bytes, backend_.alignment);
  }
  for (const WeightForm* form : DistinctForms()) {
    const uint64_t bytes = *CheckedAlignUp(form->bytes, backend_.alignment);
    need_.weights += bytes;
    if (store_->Holds(backend_, *form)) {
      need_.shared += bytes;
    } else {
      need_.loading = std::max(need_.loading, form->loading_bytes());
    }
  }
  // The arena serves, before anything runs. Where weights are staged they are packed in memory of the host, which
  // does not count.
  if (need_.loading <= need_.arena || backend_.upload != nullptr) need_.loading = 0;
}

std::vector<const WeightForm*> Engine::DistinctForms() const {
  std::map<std::string, std::vector<const WeightForm*>> seen;
  std::vector<const WeightForm*> distinct;
  for (const Program& program : programs_) {
    for (const WeightForm& form : program.executable().forms) {
      auto& same_tensors = seen[form.tensor_names()];
      const auto equal = [&](const WeightForm* other) { return *other == form; };
      if (std::any_of(same_tensors.begin(), same_tensors.end(), equal)) continue;
      same_tensors.push_back(&form);
      distinct.push_back(&form);
    }
  }
  return distinct;
}

Status Engine::CheckStop(const char* what) const {
  if (stop_ == nullptr || !stop_->load(std::memory_order_relaxed)) return {};
  return Status::Error(Code::kInterrupted, "%s: interrupted", what);
}

// Memory, weights and addresses.
Status Engine::Take() {
  void* const state = backend_.state.get();
  uint64_t staging = 0;
  for (const Program& program : programs_) staging = std::max(staging, program.staging_bytes());
  MIEN_TRY(backend_.open(state, pool_.get()));
  MIEN_ASSIGN(arena_, backend_.allocate(state, need_.arena, true, "activations"));
  auto* const arena = static_cast<std::byte*>(arena_.get());
  std::span<std::byte> workspace = {arena, need_.arena};
  if (backend_.upload != nullptr) {
    MIEN_ASSIGN(staging_, backend_.allocate_staging(state, staging, "pinned memory of inputs and outputs"));
    std::memset(staging_.get(), 0, staging);
    workspace = {};
  }
  const auto check = [this] { return CheckStop("loading weights"); };
  for (size_t i = 0; i < programs_.size(); ++i) {
    Program& program = programs_[i];
    MIEN_ASSIGN(std::vector<WeightHandle> weights,
                store_->Get(backend_, program.executable().forms, check, workspace));
    program.Bind(arena + arena_offsets_[i], staging_.get(), std::move(weights));
  }
  return {};
}

// Once on zeros: every kernel is loaded and has been seen to start before anything is captured.
Status Engine::Warm(Program& program, bool capture) {
  const char* const name = program.graph().name.c_str();
  if (const Status first = program.Run(nullptr); !first.ok()) return first.Within("%s, first run", name);
  const Status captured = capture ? program.Capture() : Status();
  if (captured.ok()) return {};
  const std::optional<size_t> free = backend_.free_bytes(backend_.state.get());
  return Status::Error(captured.code(), "%s: %s (%llu bytes needed, %s free)", name, captured.message(),
                       static_cast<unsigned long long>(need_.total()),
                       free ? std::to_string(*free).c_str() : "unknown");
}

// What is taken from a backend goes back to it after this.
Engine::~Engine() {
  if (backend_.enter != nullptr) (void)backend_.enter(backend_.state.get());
}

Result<std::unique_ptr<const Engine>> Engine::Plan(std::shared_ptr<WeightStore> weights,
                                                   const EngineOptions& options) {
  MIEN_ASSIGN(std::unique_ptr<const Engine> engine, Draft(std::move(weights), options));
  return engine;
}

Result<MemoryNeed> Engine::Need(std::shared_ptr<WeightStore> weights, const EngineOptions& options) {
  MIEN_ASSIGN(const auto engine, Plan(std::move(weights), options));
  return engine->need_;
}

Result<std::unique_ptr<Engine>> Engine::Create(std::shared_ptr<WeightStore> weights,
                                               const EngineOptions& options) {
  MIEN_ASSIGN(std::unique_ptr<Engine> engine, Draft(std::move(weights), options));
  MIEN_ASSIGN(engine->pool_, ThreadPool::Create(engine->threads_));
  if (options.profile != nullptr) {
    options.profile->PrepareThreads(engine->threads_);
    engine->pool_->Observe(&options.profile->observer());
  }
  MIEN_TRY(engine->Take());
  for (Program& program : engine->programs_) {
    if (engine->backend_.capture != nullptr)
      MIEN_TRY(engine->Warm(program, options.device_graphs && options.profile == nullptr));
  }
  malloc_trim(0);  // what planning and packing left free would stay resident
  return engine;
}

Status Engine::Run(int i, std::span<const std::span<const float>> inputs,
                   std::span<const std::span<float>> outputs) {
  const Graph& graph = this->graph(i);
  if (inputs.size() != graph.inputs.size() || outputs.size() != graph.outputs.size()) {
    return Status::Error(Code::kUsage, "%s: %zu inputs and %zu outputs expected, %zu and %zu given",
                         graph.name.c_str(), graph.inputs.size(), graph.outputs.size(), inputs.size(),
                         outputs.size());
  }
  for (size_t k = 0; k < outputs.size(); ++k) {
    const size_t size = output(i, static_cast<int>(k)).size();
    if (outputs[k].empty() || outputs[k].size() == size) continue;
    return Status::Error(Code::kUsage, "%s: output %s has %zu numbers, room for %zu given",
                         graph.name.c_str(), graph.outputs[k].name.c_str(), size, outputs[k].size());
  }
  Program& program = programs_[static_cast<size_t>(i)];
  for (size_t k = 0; k < inputs.size(); ++k) {
    const size_t size = program.input(static_cast<int>(k)).size();
    if (inputs[k].size() != size) {
      return Status::Error(Code::kUsage, "%s: input %s has %zu numbers, %zu expected", graph.name.c_str(),
                           graph.values[graph.inputs[k]].name.c_str(), inputs[k].size(), size);
    }
    program.SetInput(static_cast<int>(k), inputs[k]);
  }
  if (const Status ran = program.Run(stop_); !ran.ok()) return ran.Within("%s", graph.name.c_str());
  for (size_t k = 0; k < outputs.size(); ++k) {
    const std::span<const float> value = output(i, static_cast<int>(k));
    if (const int64_t bad = CopyCountingNonFinite(value, outputs[k], pool_.get()); bad > 0) {
      return Status::Error(Code::kNumeric, "%s: %lld of %zu numbers of %s are not finite", graph.name.c_str(),
                           static_cast<long long>(bad), value.size(), graph.outputs[k].name.c_str());
    }
  }
  return {};
}

}  // namespace mien
