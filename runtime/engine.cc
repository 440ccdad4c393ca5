#include "runtime/engine.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace mien {
namespace {

constexpr int kMaxThreads = 256;

Status CheckOptions(const EngineOptions& options) {
  if (options.precision != "fp32") {
    return Status::Error(Code::kUsage, "precision %s: the cpu backend computes in fp32 only",
                         options.precision.c_str());
  }
  if (options.batch < 1 || options.batch > kMaxBatch) {
    return Status::Error(Code::kUsage, "batch %d, 1 to %d expected", options.batch, kMaxBatch);
  }
  if (options.threads < 0 || options.threads > kMaxThreads) {
    return Status::Error(Code::kUsage, "threads %d, 0 to %d expected", options.threads, kMaxThreads);
  }
  return {};
}

// An exponent of all ones is infinity or not-a-number; integers, so that no compiler flag can remove it.
int64_t CountNonFinite(std::span<const float> values) {
  int64_t count = 0;
  for (const float value : values)
    count += (__builtin_bit_cast(uint32_t, value) & 0x7f800000u) == 0x7f800000u;
  return count;
}

}  // namespace

const std::vector<std::string>& GraphNames() {
  static const std::vector<std::string> names = {"mapping",      "synthesis",  "encoder",   "flow",
                                                 "flow_inverse", "attributes", "recognizer"};
  return names;
}

Result<Graph> BuildGraph(const ModelConfig& config, const ProgramOptions& options, int batch) {
  const std::string& name = options.graph;
  const bool trace = options.trace;
  if (name == "mapping") return BuildMapping(config, {batch, options.psi, options.psi_cutoff, trace});
  if (name == "synthesis")
    return BuildSynthesis(config, {batch, options.noise, options.noise_per_sample, trace});
  if (name == "encoder") return BuildEncoder(config, {batch, options.stages, options.latent_avg, trace});
  if (name == "flow") return BuildFlow(config, {batch, false, trace});
  if (name == "flow_inverse") return BuildFlow(config, {batch, true, trace});
  if (name == "attributes") return BuildAttributes(config, {batch, trace});
  if (name == "recognizer") return BuildRecognizer(config, {batch, trace});
  std::string known;
  for (const std::string& one : GraphNames()) known += (known.empty() ? "" : ", ") + one;
  return Status::Error(Code::kUsage, "graph %s: one of %s expected", name.c_str(), known.c_str());
}

Result<BackendChoice> ChooseBackend(const std::string& name) {
  if (name == "cpu") return BackendChoice{"cpu", "asked for"};
  if (name == "auto") return BackendChoice{"cpu", "auto chose cpu: this build has no CUDA backend"};
  const bool cuda = name == "cuda" || (name.starts_with("cuda:") && name.size() > 5 &&
                                       name.find_first_not_of("0123456789", 5) == std::string::npos);
  if (cuda) return Status::Error(Code::kDevice, "backend %s: this build has no CUDA backend", name.c_str());
  return Status::Error(Code::kUsage, "backend %s: auto, cpu or cuda[:N] expected", name.c_str());
}

Result<std::unique_ptr<Engine>> Engine::Draft(std::shared_ptr<WeightStore> weights,
                                              const EngineOptions& options) {
  auto engine = std::unique_ptr<Engine>(new Engine);
  MIEN_ASSIGN(engine->backend_, ChooseBackend(options.backend));
  MIEN_TRY(CheckOptions(options));
  engine->store_ = std::move(weights);
  engine->batch_ = options.batch;
  engine->stop_ = options.stop;
  engine->threads_ = options.threads > 0 ? options.threads : std::min(DefaultThreads(), kMaxThreads);
  for (const ProgramOptions& wanted : options.programs) {
    MIEN_ASSIGN(Graph graph, BuildGraph(engine->store_->model().config(), wanted, options.batch));
    MIEN_ASSIGN(Program program, Program::Create(std::move(graph), engine->threads_));
    engine->programs_.push_back(std::move(program));
  }
  MemoryNeed& need = engine->need_;
  for (const Program& program : engine->programs_)
    need.arena = std::max(need.arena, program.plan().arena_bytes);
  for (const WeightUse& use : engine->DistinctUses()) {
    need.weights += use.bytes();
    if (engine->store_->Holds(use)) {
      need.shared += use.bytes();
    } else {
      need.loading = std::max(need.loading, use.loading_bytes());
    }
  }
  if (options.max_memory > 0 && need.total() > options.max_memory) {
    return Status::Error(
        Code::kMemory, "%llu bytes needed (weights %llu, arena %llu, loading %llu), at most %llu allowed",
        static_cast<unsigned long long>(need.total()),
        static_cast<unsigned long long>(need.weights - need.shared),
        static_cast<unsigned long long>(need.arena), static_cast<unsigned long long>(need.loading),
        static_cast<unsigned long long>(options.max_memory));
  }
  return engine;
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
    auto& handles = handles_.emplace_back();
    for (const WeightUse& use : program.weight_uses()) {
      MIEN_ASSIGN(WeightHandle handle, store_->Get(use));
      handles.push_back(std::move(handle));
      if (stop_ != nullptr && stop_->load(std::memory_order_relaxed)) {
        return Status::Error(Code::kInterrupted, "interrupted while loading weights");
      }
    }
  }
  return {};
}

Result<MemoryNeed> Engine::Need(std::shared_ptr<WeightStore> weights, const EngineOptions& options) {
  MIEN_ASSIGN(std::unique_ptr<Engine> engine, Draft(std::move(weights), options));
  return engine->need_;
}

Result<std::unique_ptr<Engine>> Engine::Create(std::shared_ptr<WeightStore> weights,
                                               const EngineOptions& options) {
  MIEN_ASSIGN(std::unique_ptr<Engine> engine, Draft(std::move(weights), options));
  MIEN_ASSIGN(engine->arena_, Buffer::Create(engine->need_.arena, "activations"));
  engine->pool_ = std::make_unique<ThreadPool>(engine->threads_);
  MIEN_TRY(engine->LoadWeights());
  for (size_t i = 0; i < engine->programs_.size(); ++i) {
    engine->programs_[i].Bind(engine->arena_.data(), engine->handles_[i]);
  }
  return engine;
}

Status Engine::Run(int i, std::span<const std::span<const float>> inputs,
                   std::span<const std::span<float>> outputs) {
  const Program& program = programs_[i];
  const Graph& graph = program.graph();
  if (inputs.size() != graph.inputs.size() || outputs.size() != graph.outputs.size()) {
    return Status::Error(Code::kUsage, "%s: %zu inputs and %zu outputs expected, %zu and %zu given",
                         graph.name.c_str(), graph.inputs.size(), graph.outputs.size(), inputs.size(),
                         outputs.size());
  }
  for (size_t k = 0; k < inputs.size(); ++k) {
    const std::span<float> place = program.input(static_cast<int>(k));
    if (inputs[k].size() != place.size()) {
      return Status::Error(Code::kUsage, "%s: input %s has %zu numbers, %zu expected", graph.name.c_str(),
                           graph.values[graph.inputs[k]].name.c_str(), inputs[k].size(), place.size());
    }
    std::memcpy(place.data(), inputs[k].data(), place.size_bytes());
  }
  MIEN_TRY(program.Run(pool_.get(), stop_));
  for (size_t k = 0; k < outputs.size(); ++k) {
    const std::span<const float> value = program.output(static_cast<int>(k));
    if (const int64_t bad = CountNonFinite(value); bad > 0) {
      return Status::Error(Code::kNumeric, "%s: %lld of %zu numbers of %s are not finite", graph.name.c_str(),
                           static_cast<long long>(bad), value.size(), graph.outputs[k].name.c_str());
    }
    if (outputs[k].empty()) continue;
    if (outputs[k].size() != value.size()) {
      return Status::Error(Code::kUsage, "%s: output %s has %zu numbers, room for %zu given",
                           graph.name.c_str(), graph.outputs[k].name.c_str(), value.size(),
                           outputs[k].size());
    }
    std::memcpy(outputs[k].data(), value.data(), value.size_bytes());
  }
  return {};
}

}  // namespace mien
