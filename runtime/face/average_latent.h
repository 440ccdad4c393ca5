// The average latent of a generator that came without one.
#pragma once

#include <atomic>
#include <span>
#include <vector>

#include "graph/reference.h"
#include "weights/config.h"
#include "weights/schema.h"

namespace mien {

// The mean of w [w_dim] over seeds 0 to kAverageSeeds - 1, whose z are those of `synth --seeds`, as the public loaders
// take the mean over random z. Labels of a conditional generator take turns. On the CPU; the same bits for any number
// of threads (0: all processors). kInterrupted when `stop` becomes true.
Result<std::vector<float>> AverageLatent(const ModelConfig& config, const WeightSource& read, int threads,
                                         const std::atomic<bool>* stop);

}  // namespace mien
