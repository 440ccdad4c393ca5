#include "runtime/face/image.h"

#include <algorithm>
#include <cstring>

#include "base/interrupt.h"
#include "base/stream.h"
#include "runtime/face/jpeg_segments.h"
#include "runtime/face/picture_kind.h"
#include "runtime/face/png_chunks.h"

namespace mien {
Status CheckPictureSize(int width, int height) {
  if (width >= 1 && height >= 1 && width <= kMaxImageSide && height <= kMaxImageSide &&
      int64_t{width} * height <= kMaxImagePixels) {
    return {};
  }
  return Status::Error(Code::kUsage,
                       "picture of %d x %d pixels: sides of 1 to %d and at most %lld pixels expected", width,
                       height, kMaxImageSide, static_cast<long long>(kMaxImagePixels));
}

Result<Image> Image::Create(int width, int height) {
  MIEN_TRY(CheckPictureSize(width, height));
  Image image;
  image.width = width;
  image.height = height;
  MIEN_ASSIGN(image.pixels, Buffer::Create(uint64_t{3} * width * height, "picture"));
  return image;
}

Result<Image> Image::Copy() const {
  Image copy;
  copy.width = width;
  copy.height = height;
  copy.profile = profile;
  copy.exif = exif;
  copy.xmp = xmp;
  copy.full = {full.channels, full.wide, {}};
  for (const auto& [from, to] : {std::pair{&pixels, &copy.pixels}, {&full.samples, &copy.full.samples}}) {
    MIEN_ASSIGN(*to, Buffer::Uninitialised(from->bytes(), "picture"));
    if (from->bytes() > 0) std::memcpy(to->data(), from->data(), from->bytes());
  }
  return copy;
}

namespace {

// Pixels of kBytes each, turned; the sides are those of the picture as it stands in the file.
template <size_t kBytes>
Result<Buffer> Turned(const Buffer& pixels, int file_width, int file_height, int orientation) {
  const bool sides_swap = orientation >= 5;
  const int width = sides_swap ? file_height : file_width, height = sides_swap ? file_width : file_height;
  // What the upright picture has at (x, y) stands at (y, x) in the file where sides swap, counted from the other end of
  // the axes that are reversed.
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  MIEN_ASSIGN(Buffer turned, Buffer::Uninitialised(kBytes * width * height, "picture"));
  std::byte* to = turned.data();
  for (int y = 0; y < height; ++y) {
    MIEN_TRY(CheckInterrupt());
    for (int x = 0; x < width; ++x, to += kBytes) {
      const int column = sides_swap ? y : x, row = sides_swap ? x : y;
      const size_t line = static_cast<size_t>(from_below ? file_height - 1 - row : row);
      std::memcpy(to, pixels.data() + kBytes * (line * file_width + (from_right ? file_width - 1 - column : column)),
                  kBytes);
    }
  }
  return turned;
}

}  // namespace

Result<Image> TurnUpright(Image image, int orientation) {
  if (orientation == 1) return image;
  const auto turned = [&](const Buffer& pixels, size_t bytes) {
    const auto turn = bytes == 3 ? Turned<3> : bytes == 4 ? Turned<4> : bytes == 6 ? Turned<6> : Turned<8>;
    return turn(pixels, image.width, image.height, orientation);
  };
  MIEN_ASSIGN(image.pixels, turned(image.pixels, 3));
  if (!image.full.empty()) {
    MIEN_ASSIGN(image.full.samples, turned(image.full.samples, image.full.pixel_bytes()));
  }
  if (orientation >= 5) std::swap(image.width, image.height);
  return image;
}

namespace {

Result<PictureKind> KindOf(const ByteSource& file) {
  std::byte first[kFirstBytes];
  const auto seen = std::span(first).first(std::min<uint64_t>(sizeof first, file.size()));
  MIEN_TRY(file.ReadAt(0, seen));
  return KindOfPicture(seen);
}

}  // namespace

Result<Image> DecodePicture(const ByteSource& file, PictureNotes* notes) {
  MIEN_ASSIGN(const PictureKind kind, KindOf(file));
  return kind == PictureKind::kPng ? DecodePng(file, notes) : DecodeJpeg(file, notes);
}

Result<std::vector<PictureText>> ReadTexts(const ByteSource& file) {
  MIEN_ASSIGN(const PictureKind kind, KindOf(file));
  if (kind == PictureKind::kPng) {
    MIEN_ASSIGN(PngChunks chunks, ScanPng(file));
    return std::move(chunks.texts);
  }
  MIEN_ASSIGN(JpegSegments segments, ScanJpeg(file));
  return std::move(segments.texts);
}

Result<Image> ReadImage(const std::string& path, PictureNotes* notes) {
  const auto check = [](std::span<const std::byte> first) { return KindOfPicture(first).status(); };
  MIEN_ASSIGN(const auto file, OpenInput(path, kMaxImageFileBytes, Code::kFailure, check));
  auto image = DecodePicture(*file, notes);
  if (!image.ok()) return image.status().Within("%s", InputName(path).c_str());
  return image;
}

Result<std::vector<std::byte>> EncodePicture(const Image& image, const std::vector<PictureText>& texts,
                                             const PictureFormat& format) {
  return format.kind == PictureKind::kPng ? EncodePng(image, texts) : EncodeJpeg(image, texts, format.quality);
}

Status WriteImage(const std::string& path, const Image& image, const std::vector<PictureText>& texts,
                  const PictureFormat& format) {
  auto file = EncodePicture(image, texts, format);
  if (!file.ok()) return file.status().Within("%s", path.c_str());
  return WriteFileAtomically(path, *file);
}

void ToFloats(const Image& image, std::span<float> out) {
  const size_t plane = size_t(image.width) * image.height;
  const uint8_t* pixels = image.pixels.as<uint8_t>();
  for (size_t i = 0; i < plane; ++i) {
    for (int c = 0; c < 3; ++c) out[c * plane + i] = (pixels[3 * i + c] / 255.0f - 0.5f) / 0.5f;
  }
}

Result<Image> FromFloats(std::span<const float> values, int side, PixelRounding rounding) {
  MIEN_ASSIGN(Image image, Image::Create(side, side));
  const size_t plane = size_t(side) * side;
  uint8_t* pixels = image.pixels.as<uint8_t>();
  for (size_t i = 0; i < plane; ++i) {
    for (int c = 0; c < 3; ++c) {
      const float value = values[c * plane + i];
      const float scaled = rounding == PixelRounding::kUnit
                               ? std::clamp((value + 1.0f) / 2.0f, 0.0f, 1.0f) * 255.0f
                               : std::clamp(value * 127.5f + 128.0f, 0.0f, 255.0f);
      pixels[3 * i + c] = scaled > 0.0f ? static_cast<uint8_t>(scaled) : 0;
    }
  }
  return image;
}

Result<ContactSheet> ContactSheet::Create(int count, int columns, int width, int height, int gap) {
  if (count < 1 || columns < 1) return Status::Error(Code::kUsage, "a contact sheet needs pictures");
  ContactSheet sheet;
  sheet.count_ = count;
  sheet.columns_ = std::min(columns, count);
  sheet.width_ = width;
  sheet.height_ = height;
  sheet.gap_ = gap;
  const int64_t rows = (count + sheet.columns_ - 1) / sheet.columns_;
  const int64_t total_width = int64_t{sheet.columns_} * (width + gap) + gap;
  const int64_t total_height = rows * (height + gap) + gap;
  if (total_width > kMaxImageSide || total_height > kMaxImageSide ||
      total_width * total_height > kMaxImagePixels) {
    return Status::Error(Code::kUsage,
                         "a contact sheet of %d pictures would have %lld x %lld pixels: at most %lld and "
                         "sides of %d expected; write into a folder instead",
                         count, static_cast<long long>(total_width), static_cast<long long>(total_height),
                         static_cast<long long>(kMaxImagePixels), kMaxImageSide);
  }
  MIEN_ASSIGN(sheet.image_, Image::Create(static_cast<int>(total_width), static_cast<int>(total_height)));
  std::memset(sheet.image_.pixels.data(), 255, sheet.image_.bytes().size());
  return sheet;
}

Status ContactSheet::Place(int index, const Image& picture) {
  if (index < 0 || index >= count_ || picture.width != width_ || picture.height != height_) {
    return Status::Error(Code::kUsage, "picture %d of %d x %d pixels does not fit into the contact sheet",
                         index, picture.width, picture.height);
  }
  const int left = gap_ + (index % columns_) * (width_ + gap_),
            top = gap_ + (index / columns_) * (height_ + gap_);
  for (int y = 0; y < height_; ++y) {
    std::memcpy(image_.row(top + y) + size_t{3} * left, picture.row(y), size_t{3} * width_);
  }
  return {};
}

}  // namespace mien
