// What a file is that was given as a picture.
#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "runtime/face/image.h"

namespace mien {

// By the first bytes of a file; kFailure, with what they show it to be and what to do, for what is neither. The first
// 512 bytes are enough, fewer where the file is shorter.
Result<PictureKind> KindOfPicture(std::span<const std::byte> first);

}  // namespace mien
