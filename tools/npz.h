// Writes what numpy.savez writes: a zip archive of stored .npy members, little-endian float32.
#pragma once

#include "tools/tensors.h"

namespace mien {

Status WriteNpz(const std::string& path, const std::vector<NamedTensor>& tensors);

}  // namespace mien
