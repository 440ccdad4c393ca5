// The chunks of a PNG file, walked before any of it is decoded: how much compressed data there is, which way
// up the picture is, what is said of it, whether the file has its end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "runtime/face/image.h"

namespace mien {

// The text chunk that holds an XMP packet.
inline constexpr char kXmpKeyword[] = "XML:com.adobe.xmp";

struct PngChunks {
  uint64_t data_bytes = 0;  // of all IDAT chunks
  int orientation =
      1;  // of the first eXIf chunk, or of the first EXIF profile in a text chunk; 1 where it is not valid
  std::vector<std::string> warnings;
  std::vector<PictureText> texts;  // as PictureNotes::texts
  std::vector<std::byte> profile, exif;  // as those of Image
  std::string xmp;
};

// `file` begins with the signature. Damage before the pixels is left for the decoder to refuse; what stands
// after them cannot harm them and gives warnings. kFailure: a kind of PNG that no decoder here reads.
Result<PngChunks> ScanPng(const ByteSource& file);

}  // namespace mien
