// What numpy.savez writes, a zip archive of stored .npy members, and what numpy.save writes; little-endian
// float32.
#pragma once

#include "tools/tensors.h"

namespace mien {

Status WriteNpz(const std::string& path, const std::vector<NamedTensor>& tensors);
Status WriteNpy(const std::string& path, const NamedTensor& tensor);

}  // namespace mien
