// Pictures: the walk over the chunks, EXIF, libpng's reader and the turning; the input as it is, and with the
// checksums of its chunks made right, so that mutations reach what lies behind them.
#include <algorithm>

#include <zlib.h>

#include "runtime/face/exif.h"
#include "runtime/face/image.h"
#include "tests/fuzz/touch.h"

namespace {

uint32_t Number(const uint8_t* at) { return uint32_t{at[0]} << 24 | at[1] << 16 | at[2] << 8 | at[3]; }

std::vector<uint8_t> WithChecksums(const uint8_t* data, size_t size) {
  std::vector<uint8_t> file(data, data + size);
  constexpr uint8_t kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  if (size >= 8) std::copy_n(kSignature, 8, file.begin());
  for (size_t at = 8; size >= 12 && at <= size - 12;) {
    const size_t bytes = Number(&file[at]);
    if (bytes > size - 12 - at) break;
    const auto crc =
        static_cast<uint32_t>(crc32(crc32(0, nullptr, 0), &file[at + 4], static_cast<uInt>(bytes + 4)));
    for (int i = 0; i < 4; ++i) file[at + 8 + bytes + i] = static_cast<uint8_t>(crc >> (24 - 8 * i));
    at += bytes + 12;
  }
  return file;
}

void Decode(const uint8_t* data, size_t size) {
  constexpr uint64_t kMostPixels = 1 << 18;  // what is larger takes time and shows nothing new
  if (size >= 24 && uint64_t{Number(data + 16)} * Number(data + 20) > kMostPixels) return;
  mien::PictureNotes notes;
  const auto image = mien::DecodePng(std::as_bytes(std::span(data, size)), &notes);
  if (!image.ok()) return;
  if (notes.orientation < 1 || notes.orientation > 8) mien::fuzz::Bug("an orientation that does not exist");
  mien::fuzz::TouchBytes(std::as_bytes(image->bytes()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Decode(data, size);
  const std::vector<uint8_t> file = WithChecksums(data, size);
  Decode(file.data(), file.size());
  const auto orientation = mien::ExifOrientation(std::as_bytes(std::span(data, size)));
  if (orientation.ok() && (*orientation < 1 || *orientation > 8))
    mien::fuzz::Bug("an orientation that does not exist");
  return 0;
}
