// An inversion under way in a file, from which it goes on with the same bits.
#pragma once

#include <string>

#include "runtime/train/inversion.h"

namespace mien {

// Written atomically, as ordinary safetensors: the tensors of Inversion::State, how many steps were taken in the
// metadata. `settings`: everything that the numbers depend on, as text.
Status WriteInversion(const std::string& path, Inversion* inversion, const std::string& settings);
// Into an inversion that was created and filled alike. kUsage: other settings; kRefused: what is missing, has another
// shape or is not finite; then the inversion may be used for nothing.
Status ReadInversion(const std::string& path, const std::string& settings, Inversion* inversion);

}  // namespace mien
