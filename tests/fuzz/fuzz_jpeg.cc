// JPEG pictures: the walk over the segments, EXIF, XMP, libjpeg's reader and the turning. Accepted or not, the input is
// decoded twice: what is not written by the decoder would differ.
#include <algorithm>

#include "runtime/face/image.h"
#include "runtime/face/xmp.h"
#include "tests/fuzz/touch.h"

namespace {

// What is larger takes time and shows nothing new: every frame header that a decoder could take for one is looked at.
bool IsLarge(const uint8_t* data, size_t size) {
  constexpr unsigned kMostPixels = 1 << 16;
  for (size_t at = 0; at + 9 <= size; ++at) {
    if (data[at] != 0xff || data[at + 1] >> 4 != 0xc) continue;
    const unsigned height = data[at + 5] << 8 | data[at + 6], width = data[at + 7] << 8 | data[at + 8];
    if (width * height > kMostPixels) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  mien::TextsInXmp({reinterpret_cast<const char*>(data), size});
  if (IsLarge(data, size)) return 0;
  mien::PictureNotes notes;
  const auto image = mien::DecodeJpeg(bytes, &notes), again = mien::DecodeJpeg(bytes);
  if (image.ok() != again.ok()) mien::fuzz::Bug("accepted once and refused once");
  if (!image.ok()) return 0;
  if (notes.orientation < 1 || notes.orientation > 8) mien::fuzz::Bug("an orientation that does not exist");
  if (!std::ranges::equal(image->bytes(), again->bytes())) mien::fuzz::Bug("pixels that nobody wrote");
  mien::fuzz::TouchBytes(std::as_bytes(image->bytes()));
  return 0;
}
