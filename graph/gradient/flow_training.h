// One step of training the PluGeN4Faces flow as a graph (networks.md, "Flow training"; arXiv:2309.12033): the flow made
// of ops that have rules for gradients, with the statistics of the batch in its norms, the three losses, and the
// gradient of their sum by every parameter.
//
// The official step runs the flow twice on one batch, once for z and once inside the likelihood, with the same values;
// here it runs once, and the gradient is that of the sum of both uses.
#pragma once

#include <string>
#include <vector>

#include "graph/gradient/gradient.h"
#include "weights/config.h"

namespace mien {

struct FlowStepOptions {
  int batch = 512;           // images; every one has the flow's contexts as rows
  int attributes = 8;        // K, the first coordinates
  bool conditional = false;  // the base of the likelihood is a normal distribution per row, with parameters of its own
  double flow_divisor = 400;
};

// Names of the parameters of the conditional base, shapes [2D,L] and [2D]: its means, then the logarithms of its
// deviations (nflows' ConditionalDiagonalNormal with a linear encoder).
constexpr const char* kBaseWeight = "_distribution._context_encoder.weight";
constexpr const char* kBaseBias = "_distribution._context_encoder.bias";

struct FlowStepGraph {
  Graph graph;
  std::vector<std::string> trained;  // parameters, as in the model file without "flow."; output "gradient/NAME" of each
};

// Parameters are named as in a checkpoint: masks, which are not trained, and all that is. Inputs: w_plus [B,L,D];
// context [L,L], the identity matrix; averaging [B,B], row i has 1/n for each of the n images of i's person; labels and
// known [B,L,K], 1 where the label is known and 0 where not; sigma [1]; identity_weight [1], attribute_weight [1]: what
// the sums over squares and over known labels are multiplied by. Outputs: latent [B,L,D], the losses flow, identity,
// attributes and total [1], and for each norm "mean/PATH" and "var/PATH" [D] of the batch.
// Usage error: a flow with norms inside its nets.
Result<FlowStepGraph> BuildFlowStep(const FlowConfig& config, const FlowStepOptions& options);

// What keeps a person together: the squared distances of the identity coordinates [B,L,D-K] to the mean of the person's
// images in the batch, row by row of w_plus, times `weight` [1]. Others can be put in its place.
ValueId IdentityContrast(Builder* builder, ValueId identity, ValueId averaging, ValueId weight);

}  // namespace mien
