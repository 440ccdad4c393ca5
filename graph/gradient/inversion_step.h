// What one step of inversion computes, as a graph (networks.md, "Inversion"): the synthesis, how far its pictures are
// from those that are wanted, and the gradients of that by latent codes and noise maps. Weights are constants.
#pragma once

#include "graph/gradient/gradient.h"
#include "graph/networks/networks.h"

namespace mien {

struct InversionStepOptions {
  int batch = 1;
  bool noise_per_sample = false;
  bool noise_gradients = true;
  // Weights of the mean squared error at full size, half of it, and so on.
  std::vector<double> scales = {1.0};
};

// Inputs: w_plus [B,L,D]; noise.i [1,1,H,W], or with noise_per_sample [B,1,H,W]; target [B,3,R,R]. Outputs: image
// [B,3,R,R]; mse/k [1] of scale k, without its weight; gradient/w_plus and gradient/noise.i of the weighted sum. Half
// of a picture is what the filter of upsampling, turned around, makes of it. It reads weights that are derived
// (derived_weights.h). Usage errors: no generator; more scales than the picture has.
Result<Graph> BuildInversionStep(const ModelConfig& config, const InversionStepOptions& options);

}  // namespace mien
