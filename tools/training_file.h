// The files that `mien train` reads: data (networks.md, "Training data") and recorded steps.
#pragma once

#include <string>
#include <vector>

#include "runtime/train/training_data.h"
#include "tools/tensors.h"

namespace mien {

// The data of all files together. Files have the same rows, numbers and attribute names; a person of one file is none
// of another. Refused, naming file and tensor: what is missing, shapes that do not agree, numbers that are not finite
// (but unknown attributes).
Result<TrainingData> ReadTrainingFiles(const std::vector<std::string>& paths);

// Recorded steps of training, read whole.
struct RecordedSteps {
  FlowConfig config;
  int attributes = 0, epoch = 0;
  TrainingRules rules;
  std::vector<NamedTensor> init;  // by name in a checkpoint
  struct Step {
    std::vector<float> w_plus, labels;
    std::vector<int64_t> people;
  };
  std::vector<Step> steps;
  int images = 0;  // of the first step
};
// Tensors init/NAME, step{s}/ws [B,L,D], step{s}/char_idx [B], step{s}/attrs_norm [B,K], of F32 or F64; the metadata
// say epoch_index, distribution and what differs from the public defaults: lr, weight_decay, flow_divisor,
// attr_divisor, clip, sigma0, decay.
Result<RecordedSteps> ReadRecordedSteps(const std::string& path);

}  // namespace mien
