// What the files of the verb `train` share.
#pragma once

#include <string>
#include <vector>

#include "runtime/train/snapshot.h"
#include "tools/files.h"
#include "tools/session.h"

namespace mien {

// Takes the recorded steps of `path` and writes to `out`: loss [S,4] (flow, identity, attributes, total), grad_norm [S]
// before clipping, z [B,L,D] and grad/NAME of the first step, the state after1/NAME and after{S}/NAME.
Status ReplaySteps(Session& session, const std::string& path, const std::string& out, int threads);

// The losses over the epochs as SVG.
std::string LossCurves(const std::vector<EpochLosses>& epochs);
// One JSON object a line, an epoch each.
std::string LossLines(const std::vector<EpochLosses>& epochs);

}  // namespace mien
