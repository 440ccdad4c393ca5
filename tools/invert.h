// What the files of the verb `invert` share.
#pragma once

#include <string>

#include "tools/session.h"

namespace mien {

// Takes the recorded steps of `path` and writes to `out`: lr_noisereg_mse_loss [S,4], and after step 1, 2 and S the
// state, after{n}/latent and after{n}/noise/{i}. Rates and losses are those of rosinality's projector (networks.md).
Status ReplayInversion(Session& session, const std::string& path, const std::string& out);

}  // namespace mien
