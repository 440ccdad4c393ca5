// What of EXIF data concerns a picture that is turned upright, edited and written again: which way up it was, its
// thumbnail, where it was taken.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/status.h"

namespace mien {

// The orientation of an EXIF block (a TIFF header and its first directory, in either byte order, with or
// without the prefix "Exif\0\0" of JPEG files): 1 to 8 as in the EXIF standard, 1 when it states none.
// kRefused, with the reason, for a block that is cut short or states another value. The thumbnail's own
// orientation is not looked at.
Result<int> ExifOrientation(std::span<const std::byte> exif);

// The block, without that prefix, as it may stand with the upright, edited picture: with orientation 1 and without the
// thumbnail, of which nothing but zeros stays. All else keeps its place, for makers' notes refer to places. Empty where
// ExifOrientation refuses the block, or where its first directory is not whole.
std::vector<std::byte> UprightExif(std::span<const std::byte> exif);

// Of a block that UprightExif gave: whether it says where the photo was taken (GPS), and the same without it; empty
// where that cannot be taken out.
bool ExifTellsPlace(std::span<const std::byte> exif);
std::vector<std::byte> ExifWithoutPlace(std::vector<std::byte> exif);

}  // namespace mien
