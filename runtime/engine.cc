#include "runtime/engine.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <map>

#include "graph/lowering/winograd.h"
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
  if (!fits.ok() && memory == "auto" && !engine->on_device_) {
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
  MIEN_ASSIGN(engine->backend_, ChooseBackend(options.backend, options.executor));
  MIEN_ASSIGN(const Precision precision, CheckOptions(options, engine->backend_));
  engine->store_ = std::move(weights);
  engine->batch_ = options.batch;
  engine->stop_ = options.stop;
  if (bands && !engine->backend_.device) engine->memory_ = "bands";
  engine->threads_ = options.threads > 0 ? options.threads : std::min(DefaultThreads(), kMaxThreads);
  if (engine->backend_.device) {
    engine->on_device_ = std::make_unique<OnDevice>();
    engine->on_device_->device = *engine->backend_.device;
  }
  for (const ProgramOptions& wanted : options.programs) {
    MIEN_ASSIGN(Graph graph, BuildGraph(engine->store_->config(), wanted.network, {options.batch, wanted.trace}));
    if (engine->on_device_) {
      MIEN_ASSIGN(DeviceProgram program,
                  DeviceProgram::Create(std::move(graph), precision, *engine->backend_.device->executor));
      engine->on_device_->programs.push_back(std::move(program));
    } else {
      if (!options.exact) UseWinograd(&graph, bands);
      Schedule schedule = bands ? BandSchedule(graph) : LayerSchedule(graph);
      schedule.keeps_values = wanted.incremental;
      MIEN_ASSIGN(Program program, Program::Create(std::move(graph), std::move(schedule), engine->threads_));
      engine->programs_.push_back(std::move(program));
    }
  }
  engine->on_device_ ? engine->NeedOfDevice() : engine->NeedOfHost();
  return engine;
}

void Engine::NeedOfHost() {
  // From address 0 on what all programs share, then what incremental ones keep.
  for (const Program& program : programs_) {
    if (!program.schedule().keeps_values) need_.arena = std::max(need_.arena, program.plan().arena_bytes);
  }
  for (const Program& program : programs_) {
    const bool own = program.schedule().keeps_values;
    arena_offsets_.push_back(own ? need_.arena : 0);
    if (own) need_.arena += *CheckedAlignUp(program.plan().arena_bytes, kHostAlignment);
  }
  for (const WeightUse& use : DistinctUses()) {
    need_.weights += use.bytes();
    if (store_->Holds(use)) {
      need_.shared += use.bytes();
    } else {
      need_.loading = std::max(need_.loading, use.loading_bytes());
    }
  }
  if (need_.loading <= need_.arena) need_.loading = 0;  // the arena serves, before anything runs
}

// Weights are packed in host memory, so loading them takes nothing more of the device.
void Engine::NeedOfDevice() {
  std::map<std::string, std::vector<const DeviceWeight*>> seen;
  for (const DeviceProgram& program : on_device_->programs) {
    need_.arena = std::max(need_.arena, program.plan().arena_bytes);
    for (const DeviceValue& value : program.device_graph().values) {
      if (value.kind != Value::Kind::kWeight) continue;
      auto& same_name = seen[value.name];
      if (std::any_of(same_name.begin(), same_name.end(),
                      [&](const DeviceWeight* other) { return SameForm(*other, value.weight); }))
        continue;
      same_name.push_back(&value.weight);
      const uint64_t bytes = *CheckedAlignUp(value.bytes, kDeviceAlignment);
      need_.weights += bytes;
      if (store_->on_devices().Holds(on_device_->device, value.weight)) need_.shared += bytes;
    }
  }
}

std::vector<WeightUse> Engine::DistinctUses() const {
  std::map<std::string, std::vector<const WeightUse*>> seen;
  std::vector<WeightUse> distinct;
  for (const Program& program : programs_) {
    for (const WeightUse& use : program.weight_uses()) {
      std::string key;
      for (const std::string& tensor : use.tensors) key += tensor + "\n";
      auto& same_tensors = seen[key];
      const auto equal = [&](const WeightUse* other) { return *other == use; };
      if (std::any_of(same_tensors.begin(), same_tensors.end(), equal)) continue;
      same_tensors.push_back(&use);
      distinct.push_back(use);
    }
  }
  return distinct;
}

Status Engine::LoadWeights() {
  for (const Program& program : programs_) {
    const auto check = [this] { return CheckStop("loading weights"); };
    MIEN_ASSIGN(std::vector<WeightHandle> handles,
                store_->Get(program.weight_uses(), check, {arena_.data(), arena_.bytes()}));
    handles_.push_back(std::move(handles));
  }
  return {};
}

Status Engine::CheckStop(const char* what) const {
  if (stop_ == nullptr || !stop_->load(std::memory_order_relaxed)) return {};
  return Status::Error(Code::kInterrupted, "%s: interrupted", what);
}

Status Engine::CreateOnHost() {
  MIEN_ASSIGN(arena_, Buffer::Create(need_.arena, "activations"));
  MIEN_TRY(LoadWeights());
  for (size_t i = 0; i < programs_.size(); ++i)
    programs_[i].Bind(arena_.data() + arena_offsets_[i], handles_[i]);
  return {};
}

Status Engine::CreateOnDevice(bool device_graphs) {
  OnDevice& on = *on_device_;
  const DeviceApi& api = on.device.api();
  uint64_t staging = 0, largest_weight = 0;
  for (const DeviceProgram& program : on.programs) {
    staging = std::max(staging, program.staging_bytes());
    for (const DeviceValue& value : program.device_graph().values) {
      if (value.kind == Value::Kind::kWeight) largest_weight = std::max(largest_weight, value.bytes);
    }
  }
  MIEN_ASSIGN(on.stream, CreateStream(api));
  MIEN_ASSIGN(on.arena, AllocateOnDevice(api, need_.arena, "activations"));
  MIEN_ASSIGN(on.staging, AllocatePinned(api, staging, "pinned memory of inputs and outputs"));
  std::memset(on.staging.get(), 0, staging);
  {
    MIEN_ASSIGN(const DeviceHandle packing, AllocatePinned(api, largest_weight, "pinned memory of weights"));
    for (DeviceProgram& program : on.programs) {
      MIEN_TRY(program.Load(on.device, &store_->on_devices(), packing.get(), on.stream.get()));
      MIEN_TRY(CheckStop("loading weights"));
    }
  }
  for (DeviceProgram& program : on.programs) {
    const char* name = program.graph().name.c_str();
    program.Bind(on.device, on.stream.get(), on.arena.get(), on.staging.get());
    // Once on zeros: every kernel is loaded and has been seen to start before anything is captured.
    if (const Status first = program.Run(); !first.ok()) return first.Within("%s, first run", name);
    if (!device_graphs) continue;
    const Status captured = program.Capture();
    if (captured.ok()) continue;
    size_t free = 0, total = 0;
    const bool known = api.memory(&free, &total) == 0;
    return Status::Error(captured.code(), "%s: %s (%llu bytes needed, %s free)", name, captured.message(),
                         static_cast<unsigned long long>(need_.total()),
                         known ? std::to_string(free).c_str() : "unknown");
  }
  return {};
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
  MIEN_TRY(engine->on_device_ ? engine->CreateOnDevice(options.device_graphs) : engine->CreateOnHost());
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
  const DeviceProgram* const on_device = device_program(i);
  for (size_t k = 0; k < inputs.size(); ++k) {
    const int input = static_cast<int>(k);
    const size_t size = on_device ? on_device->input(input).size() : programs_[i].input(input).size();
    if (inputs[k].size() != size) {
      return Status::Error(Code::kUsage, "%s: input %s has %zu numbers, %zu expected", graph.name.c_str(),
                           graph.values[graph.inputs[k]].name.c_str(), inputs[k].size(), size);
    }
    if (on_device) {
      std::memcpy(on_device->input(input).data(), inputs[k].data(), inputs[k].size_bytes());
    } else {
      programs_[i].SetInput(input, inputs[k]);
    }
  }
  if (on_device) {
    MIEN_TRY(CheckStop(graph.name.c_str()));
    if (const Status ran = on_device->Run(); !ran.ok()) return ran.Within("%s", graph.name.c_str());
  } else {
    MIEN_TRY(programs_[i].Run(pool_.get(), stop_));
  }
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
