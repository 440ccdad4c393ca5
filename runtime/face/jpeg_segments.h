// The segments of a JPEG file before its pixels, walked before any of it is decoded: which way up the picture is
// and what is said of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "runtime/face/image.h"

namespace mien {

// What the data of a segment with an XMP packet begin with.
inline constexpr std::string_view kXmpPrefix("http://ns.adobe.com/xap/1.0/\0", 29);

struct JpegSegments {
  int orientation = 1;  // of the first EXIF segment; 1 where there is none or it is not valid
  std::vector<std::string> warnings;
  std::vector<PictureText> texts;  // as PictureNotes::texts
  std::vector<std::byte> profile, exif;  // as those of Image
  std::string xmp;
};

// The walk ends where the pixels begin, or at damage, which is left for the decoder to judge.
Result<JpegSegments> ScanJpeg(const ByteSource& file);

}  // namespace mien
