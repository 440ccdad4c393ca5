// The one list of tensors that a config implies: names, shapes and how the value is checked. The loader asks this
// list, never the file; graph builders look their shapes up here. Names are those of the public checkpoints with a
// component prefix (generator., encoder., flow., attributes., recognizer.).
#pragma once

#include <string>
#include <vector>

#include "base/tensor.h"
#include "weights/config.h"

namespace mien {

struct TensorSpec {
  std::string name;
  Shape shape;
  bool is_index = false;  // an int64 list of column numbers (flow masks); everything else is floating point
};

std::vector<TensorSpec> ExpectedTensors(const ModelConfig& config);
// The generator's average latent, where has_latent_avg; and of how many seeds it is the mean where it is estimated.
std::string AverageName(const GeneratorConfig& config);
constexpr int kAverageSeeds = 10000;

}  // namespace mien
