#include "runtime/train/flow_trainer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "graph/gradient/flow_training.h"

namespace mien {
namespace {

// The flow runs twice on every batch of the public code, so its running statistics are updated twice by it.
constexpr int kStatisticsUpdates = 2;
constexpr float kMomentum = 0.1f;

// Row i: 1/n for each of the n images of i's person.
void FillAveraging(std::span<const int64_t> people, std::span<float> averaging) {
  const size_t batch = people.size();
  std::map<int64_t, int> images;
  for (const int64_t person : people) ++images[person];
  for (size_t i = 0; i < batch; ++i) {
    for (size_t j = 0; j < batch; ++j)
      averaging[i * batch + j] = people[i] == people[j] ? 1.0f / static_cast<float>(images[people[i]]) : 0.0f;
  }
}

}  // namespace

Result<std::unique_ptr<FlowTrainer>> FlowTrainer::Create(const FlowConfig& config, int attributes,
                                                         const TrainingRules& rules, int threads,
                                                         const std::atomic<bool>* stop) {
  auto trainer = std::unique_ptr<FlowTrainer>(new FlowTrainer);
  trainer->config_ = config;
  trainer->rules_ = rules;
  trainer->attributes_ = attributes;
  trainer->stop_ = stop;
  MIEN_ASSIGN(trainer->pool_, ThreadPool::Create(threads));
  trainer->backend_ = CpuBackend(threads);
  MIEN_TRY(trainer->backend_.open(trainer->backend_.state.get(), trainer->pool_.get()));
  MIEN_ASSIGN(trainer->state_, FlowState::Create(config, rules.conditional));
  return trainer;
}

// The program for a batch of this size. One that is not larger than an earlier one uses its memory.
Result<FlowTrainer::Prepared*> FlowTrainer::Prepare(int batch) {
  if (const auto found = prepared_.find(batch); found != prepared_.end()) return &found->second;
  FlowStepOptions options;
  options.batch = batch;
  options.attributes = attributes_;
  options.conditional = rules_.conditional;
  options.flow_divisor = rules_.flow_divisor;
  MIEN_ASSIGN(FlowStepGraph step, BuildFlowStep(config_, options));
  Prepared prepared;
  for (const ValueId id : step.graph.inputs) {
    prepared.inputs.emplace(step.graph.values[static_cast<size_t>(id)].name, static_cast<int>(prepared.inputs.size()));
  }
  for (const NamedValue& output : step.graph.outputs)
    prepared.outputs.emplace(output.name, static_cast<int>(prepared.outputs.size()));
  MIEN_ASSIGN(prepared.program, Program::Create(std::move(step.graph), CpuLowering(), backend_));
  const uint64_t bytes = prepared.program.plan().arena_bytes;
  if (bytes > arena_bytes_) {
    MIEN_ASSIGN(arena_, backend_.allocate(backend_.state.get(), bytes, false, "activations of a step"));
    arena_bytes_ = bytes;
  }
  prepared.arena = arena_;
  prepared.program.Bind(arena_.get(), nullptr, {},
                        [this](const std::string& name) { return state_.Values(*state_.Find(name)).data(); });
  return &prepared_.emplace(batch, std::move(prepared)).first->second;
}

Result<uint64_t> FlowTrainer::StepBytes(int batch) {
  MIEN_ASSIGN(const Prepared* prepared, Prepare(batch));
  return prepared->program.plan().arena_bytes;
}

Status FlowTrainer::SetInputs(Prepared* prepared, const FlowBatch& batch, int epoch) const {
  const auto input = [&](const char* name) { return prepared->program.input(prepared->inputs.at(name)); };
  const auto images = static_cast<int64_t>(batch.people.size());
  const int64_t rows = config_.contexts, count = attributes_;
  std::ranges::copy(batch.w_plus, input("w_plus").begin());
  std::ranges::fill(input("context"), 0.0f);
  for (int64_t l = 0; l < rows; ++l) input("context")[static_cast<size_t>(l * rows + l)] = 1.0f;
  FillAveraging(batch.people, input("averaging"));
  int64_t known = 0;
  for (int64_t i = 0; i < images * rows * count; ++i) {
    const float label = batch.labels[static_cast<size_t>(i / (rows * count) * count + i % count)];
    const bool is_known = !std::isnan(label);
    input("labels")[static_cast<size_t>(i)] = is_known ? label : 0.0f;
    input("known")[static_cast<size_t>(i)] = is_known ? 1.0f : 0.0f;
    known += is_known;
  }
  const double numbers = static_cast<double>(images * rows * (config_.features - count));
  input("identity_weight")[0] = static_cast<float>((epoch + 1) / numbers);
  const bool started = epoch >= rules_.attribute_epoch && known > 0;
  input("attribute_weight")[0] =
      started ? static_cast<float>(1 / (rules_.attribute_divisor * static_cast<double>(known))) : 0.0f;
  input("sigma")[0] = static_cast<float>(rules_.sigma * std::pow(rules_.sigma_decay, epoch + 1));
  return {};
}

Result<StepLosses> FlowTrainer::TakeLosses(const Prepared& prepared) const {
  const auto value = [&](const char* name) { return double{prepared.program.output(prepared.outputs.at(name))[0]}; };
  const StepLosses losses = {value("flow"), value("identity"), value("attributes"), value("total"), 0};
  if (std::isfinite(losses.total)) return losses;
  return Status::Error(Code::kNumeric, "training: a finite loss expected, flow %g, identity %g, attributes %g found",
                       losses.flow, losses.identity, losses.attributes);
}

void FlowTrainer::UpdateStatistics(const Prepared& prepared) {
  const auto update = [&](const std::string& output, const std::string& tensor) {
    const std::span<const float> batch = prepared.program.output(prepared.outputs.at(output));
    const std::span<float> running = state_.Values(*state_.Find(tensor));
    for (int update = 0; update < kStatisticsUpdates; ++update) {
      for (size_t i = 0; i < running.size(); ++i) running[i] = running[i] * (1 - kMomentum) + batch[i] * kMomentum;
    }
  };
  for (const auto& [name, at] : prepared.outputs) {
    if (name.starts_with("mean/")) update(name, name.substr(5) + ".running_mean");
    if (name.starts_with("var/")) update(name, name.substr(4) + ".running_var");
  }
}

Result<StepLosses> FlowTrainer::Step(const FlowBatch& batch, int epoch) {
  MIEN_ASSIGN(Prepared* const prepared, Prepare(static_cast<int>(batch.people.size())));
  Program& program = prepared->program;
  MIEN_TRY(SetInputs(prepared, batch, epoch));
  MIEN_TRY(program.Run(stop_));
  MIEN_ASSIGN(StepLosses losses, TakeLosses(*prepared));
  latent_ = program.output(prepared->outputs.at("latent"));
  for (const FlowState::Tensor& tensor : state_.tensors()) {
    if (!tensor.trained) continue;
    const std::span<const float> gradient = program.output(prepared->outputs.at("gradient/" + tensor.name));
    std::ranges::copy(gradient, state_.Gradient(tensor).begin());
    if (keep_gradients_) gradients_[tensor.name].assign(gradient.begin(), gradient.end());
  }
  losses.gradient_norm = state_.ClipGradients(rules_.clip, pool_.get());
  if (!std::isfinite(losses.gradient_norm)) {
    return Status::Error(Code::kNumeric, "training: gradients that are not finite, at a loss of %g", losses.total);
  }
  state_.StepAdam(rules_.adam, pool_.get());
  UpdateStatistics(*prepared);
  return losses;
}

}  // namespace mien
