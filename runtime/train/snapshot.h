// A training run in files: snapshots from which it goes on with the same bits, and the model that it makes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/train/training_data.h"
#include "weights/container.h"

namespace mien {

// Means over the steps of an epoch; the rate and sigma are those of its steps.
struct EpochLosses {
  StepLosses mean;
  double rate = 0, sigma = 0;
};

// How far a run is, besides the state.
struct TrainingProgress {
  std::vector<EpochLosses> epochs;  // those that are done
  double rate = 0;                  // of the next
  Plateau plateau;
};

// Written atomically, as ordinary safetensors: the tensors of a checkpoint, adam/first/NAME and adam/second/NAME, and
// the progress in the metadata. `settings`: everything that the numbers depend on, as text.
Status WriteSnapshot(const std::string& path, const FlowState& state, const TrainingProgress& progress,
                     const std::string& settings);
// Into a state that was created for the same flow. kRefused: what is missing or has another shape; other settings.
Status ReadSnapshot(const std::string& path, const std::string& settings, FlowState* state, TrainingProgress* progress);

// A model file with the flow, and with the other components of `others` where there is one. kRefused: they do not fit.
Status WriteFlowModel(const std::string& path, const FlowConfig& config, const FlowState& state,
                      const std::shared_ptr<const ModelFile>& others, const std::string& card);

}  // namespace mien
