// Trains a flow as the authors of PluGeN4Faces do (arXiv:2309.12033; networks.md, "Flow training"): steps on batches of
// codes, on the CPU, and the rules that span steps. Where the data come from is the caller's concern.
#pragma once

#include <map>
#include <memory>

#include "runtime/program.h"
#include "runtime/train/flow_state.h"

namespace mien {

// The public defaults.
struct TrainingRules {
  bool conditional = false;
  double flow_divisor = 400, attribute_divisor = 4;
  double sigma = 0.7, sigma_decay = 0.9995;  // of the attributes' likelihood, in the first epoch times the decay once
  int attribute_epoch = 30;                  // before it the attributes have no likelihood
  double clip = 1.0;                         // of the gradients' norm
  AdamOptions adam;
};

struct FlowBatch {
  std::span<const float> w_plus;    // [B,L,D]
  std::span<const int64_t> people;  // [B]
  std::span<const float> labels;    // [B,K], normalised; NaN: unknown, and left out of the likelihood
};

struct StepLosses {
  double flow = 0, identity = 0, attributes = 0, total = 0;
  double gradient_norm = 0;  // before it is clipped
};

class FlowTrainer {
 public:
  // `attributes`: K. kUsage: what BuildFlowStep refuses; kMemory.
  static Result<std::unique_ptr<FlowTrainer>> Create(const FlowConfig& config, int attributes,
                                                     const TrainingRules& rules, int threads,
                                                     const std::atomic<bool>* stop);

  FlowState& state() { return state_; }
  TrainingRules& rules() { return rules_; }
  // Makes a step on so many images ready; how much memory it takes, without the state.
  Result<uint64_t> StepBytes(int batch);

  // One step of optimisation in epoch 0, 1, .... kNumeric: a loss is not finite, and nothing has changed.
  Result<StepLosses> Step(const FlowBatch& batch, int epoch);
  // z [B,L,D] of the last step, before it changed anything.
  std::span<const float> latent() const { return latent_; }
  // The gradients of the last step, before they were clipped, when asked for beforehand.
  void KeepGradients() { keep_gradients_ = true; }
  const std::map<std::string, std::vector<float>>& gradients() const { return gradients_; }

 private:
  struct Prepared {
    Program program;
    Memory arena;
    std::map<std::string, int> inputs, outputs;
  };
  FlowTrainer() = default;
  Result<Prepared*> Prepare(int batch);
  Status SetInputs(Prepared* prepared, const FlowBatch& batch, int epoch) const;
  Result<StepLosses> TakeLosses(const Prepared& prepared) const;
  void UpdateStatistics(const Prepared& prepared);

  FlowConfig config_;
  TrainingRules rules_;
  int attributes_ = 0;
  const std::atomic<bool>* stop_ = nullptr;
  std::unique_ptr<ThreadPool> pool_;
  Backend backend_;
  FlowState state_;
  Memory arena_;
  uint64_t arena_bytes_ = 0;
  std::map<int, Prepared> prepared_;  // by batch
  std::span<const float> latent_;
  bool keep_gradients_ = false;
  std::map<std::string, std::vector<float>> gradients_;
};

}  // namespace mien
