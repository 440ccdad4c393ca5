// The one thing of EXIF data that concerns pixels: which way up the picture is.
#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"

namespace mien {

// The orientation of an EXIF block (a TIFF header and its first directory, in either byte order, with or
// without the prefix "Exif\0\0" of JPEG files): 1 to 8 as in the EXIF standard, 1 when it states none.
// kRefused, with the reason, for a block that is cut short or states another value. The thumbnail's own
// orientation is not looked at.
Result<int> ExifOrientation(std::span<const std::byte> exif);

}  // namespace mien
