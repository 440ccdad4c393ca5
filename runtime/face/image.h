// Pictures: 8-bit RGB in memory, PNG files, and the few operations around the networks: [-1,1] floats, contact
// sheets. Other sizes and parts of pictures: resample.h. Errors are Status values; sizes are bounded before
// memory is taken.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/file.h"
#include "weights/config.h"

namespace mien {

constexpr int kMaxImageSide = 16384;
constexpr int64_t kMaxImagePixels = int64_t{64} << 20;
constexpr uint64_t kMaxImageFileBytes = uint64_t{256} << 20;

// kUsage unless both sides and their product are within the limits above.
Status CheckPictureSize(int width, int height);

// height rows of width RGB pixels, no padding between rows.
struct Image {
  int width = 0, height = 0;
  Buffer pixels;  // at least 3 width height bytes

  static Result<Image> Create(int width, int height);  // black
  uint8_t* row(int y) const { return pixels.as<uint8_t>() + size_t{3} * width * y; }
  std::span<const uint8_t> bytes() const { return {pixels.as<uint8_t>(), size_t{3} * width * height}; }
};

// What a file said about its picture besides the pixels.
struct PictureNotes {
  int orientation = 1;                // of EXIF, 1 to 8; the pixels have been turned by it
  std::vector<std::string> warnings;  // what was found wrong and ignored
};

// PNG of any colour type, depth and interlacing. 16 bits are rounded to 8, grey becomes RGB, transparency is
// laid over white; gamma and colour profiles are ignored, as the public preprocessing code does. The picture is
// upright: turned and mirrored as EXIF data in the file says. Damage up to the last pixel is refused, also a header
// that promises more pixels than the compressed data can hold; after the pixels it is a warning.
Result<Image> DecodePng(const ByteSource& file, PictureNotes* notes = nullptr);
inline Result<Image> DecodePng(std::span<const std::byte> file, PictureNotes* notes = nullptr) {
  return DecodePng(MemorySource(file), notes);
}

// The picture that is meant by `image` and an EXIF orientation (1 to 8).
Result<Image> TurnUpright(Image image, int orientation);

struct PngText {
  std::string keyword;  // 1..79 characters of Latin-1
  std::string text;     // UTF-8
};
Result<std::vector<std::byte>> EncodePng(const Image& image, const std::vector<PngText>& texts);

// The whole picture file, or stream ("-" is stdin; base/stream.h); messages carry the name.
Result<Image> ReadImage(const std::string& path, PictureNotes* notes = nullptr);
Status WriteImage(const std::string& path, const Image& image, const std::vector<PngText>& texts);

// out [3,H,W] = (v/255 - 0.5) / 0.5, the input of the encoder and the classifiers.
void ToFloats(const Image& image, std::span<float> out);
// values [3,side,side] in [-1,1] to 8 bits by the model's rule; not-a-number gives 0.
Result<Image> FromFloats(std::span<const float> values, int side, PixelRounding rounding);

// Pictures of one size side by side, `columns` in a row, a margin of `gap` white pixels between and around
// them. The whole sheet is there (or refused) before the first picture is made.
class ContactSheet {
 public:
  static Result<ContactSheet> Create(int count, int columns, int width, int height, int gap);
  Status Place(int index, const Image& picture);
  const Image& image() const { return image_; }
  Image TakeImage() { return std::move(image_); }

 private:
  Image image_;
  int count_ = 0, columns_ = 0, width_ = 0, height_ = 0, gap_ = 0;
};

}  // namespace mien
