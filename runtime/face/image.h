// Pictures: 8-bit RGB in memory, PNG and JPEG files, and the few operations around the networks: [-1,1] floats, contact
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
#include "runtime/face/full_pixels.h"
#include "weights/config.h"

namespace mien {

constexpr int kMaxImageSide = 32768;
constexpr int64_t kMaxImagePixels = int64_t{256} << 20;
constexpr uint64_t kMaxImageFileBytes = uint64_t{256} << 20;

// kUsage unless both sides and their product are within the limits above.
Status CheckPictureSize(int width, int height);

// height rows of width RGB pixels, no padding between rows.
struct Image {
  int width = 0, height = 0;
  Buffer pixels;                   // at least 3 width height bytes
  std::vector<std::byte> profile;  // of its colours (icc.h), as the file had it; empty: none, which means sRGB
  FullPixels full;                 // of which `pixels` are a part; empty: they are all
  std::vector<std::byte> exif;     // as UprightExif gives it
  std::string xmp;                 // as KeptXmp gives it

  static Result<Image> Create(int width, int height);  // black
  Result<Image> Copy() const;
  uint8_t* row(int y) const { return pixels.as<uint8_t>() + size_t{3} * width * y; }
  std::span<const uint8_t> bytes() const { return {pixels.as<uint8_t>(), size_t{3} * width * height}; }
};

// What stands in a picture's file about it.
struct PictureText {
  std::string keyword;  // as PNG calls it: 1..79 characters of Latin-1
  std::string text;     // UTF-8
  friend bool operator==(const PictureText&, const PictureText&) = default;
};
// The keywords of what made a picture. PNG has the first two as text and the third in XMP, JPEG all of them in XMP.
inline constexpr char kSoftware[] = "Software", kParameters[] = "mien", kDigitalSourceType[] = "DigitalSourceType";

// What a file said about its picture besides the pixels.
struct PictureNotes {
  int orientation = 1;                // of EXIF, 1 to 8; the pixels have been turned by it
  std::vector<std::string> warnings;  // what was found wrong and ignored
  std::vector<PictureText> texts;     // with the keywords above, each once
};

// PNG of any colour type, depth and interlacing. Pixels: 16 bits are rounded to 8, grey becomes RGB, transparency is
// laid over white; what that leaves out is in Image::full. Gamma is ignored, a colour profile kept and not applied, as
// the public preprocessing code does. The picture is upright: turned and mirrored as EXIF data in the file says. Damage
// up to the last pixel is refused, also a header that promises more pixels than the compressed data can hold; after the
// pixels it is a warning.
Result<Image> DecodePng(const ByteSource& file, PictureNotes* notes = nullptr);
inline Result<Image> DecodePng(std::span<const std::byte> file, PictureNotes* notes = nullptr) {
  return DecodePng(MemorySource(file), notes);
}

// JPEG as libjpeg-turbo reads it: grey, RGB, YCbCr; CMYK and YCCK are converted without a profile, their inks taken as
// inverted, as every viewer does. Sequential and progressive, arithmetic coding where the library has it; what is
// lossless, hierarchical or has other than 8 bits is refused by name. Upright, as DecodePng. Damage gives wrong pixels
// in any viewer and is a warning here; so are data that end early, unless not even the first rows are whole.
Result<Image> DecodeJpeg(const ByteSource& file, PictureNotes* notes = nullptr);
inline Result<Image> DecodeJpeg(std::span<const std::byte> file, PictureNotes* notes = nullptr) {
  return DecodeJpeg(MemorySource(file), notes);
}

// PNG or JPEG, by the content.
Result<Image> DecodePicture(const ByteSource& file, PictureNotes* notes = nullptr);

// What a picture's file says of what made it, without decoding it.
Result<std::vector<PictureText>> ReadTexts(const ByteSource& file);

// The picture that is meant by `image` and an EXIF orientation (1 to 8).
Result<Image> TurnUpright(Image image, int orientation);

enum class PictureKind { kPng, kJpeg };

// How a picture is written.
struct PictureFormat {
  PictureKind kind = PictureKind::kPng;
  int quality = 95;  // of JPEG, 1 to 100 as libjpeg counts it
};

// All that the image has, with the texts, which take the place of others of their kind in its XMP. JPEG has no place
// for Image::full, and none for EXIF and XMP that are longer than a segment: 64 KiB.
Result<std::vector<std::byte>> EncodePng(const Image& image, const std::vector<PictureText>& texts);
// With the full resolution of colour (4:4:4). The same bytes for the same picture; kUsage when the texts, those with
// the keywords above, are longer than the 64 KiB that JPEG has for them.
Result<std::vector<std::byte>> EncodeJpeg(const Image& image, const std::vector<PictureText>& texts, int quality);
Result<std::vector<std::byte>> EncodePicture(const Image& image, const std::vector<PictureText>& texts,
                                             const PictureFormat& format);

// The whole picture file, or stream ("-" is stdin; base/stream.h); messages carry the name.
Result<Image> ReadImage(const std::string& path, PictureNotes* notes = nullptr);
Status WriteImage(const std::string& path, const Image& image, const std::vector<PictureText>& texts,
                  const PictureFormat& format = {});

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
