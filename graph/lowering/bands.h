// The order of steps in bands (line buffers): which calls compute ranges of rows, when, and from windows of which rows.
#pragma once

#include "graph/lowering/executable.h"

namespace mien {

// Sets steps, plan steps and windows; false, and nothing changed, where no call can run in bands.
bool RunInBands(Executable* executable);

}  // namespace mien
