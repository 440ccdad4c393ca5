// What a file is that was given as a picture and is no PNG.
#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"

namespace mien {

// Fine for the signature of PNG; otherwise kFailure, with what the first bytes of the file show it to be and
// what to do. The first 512 bytes are enough, fewer where the file is shorter.
Status CheckPngSignature(std::span<const std::byte> first);

}  // namespace mien
