#include "runtime/face/jpeg_segments.h"

#include <algorithm>

#include "runtime/face/exif.h"
#include "runtime/face/forward_reader.h"
#include "runtime/face/icc.h"
#include "runtime/face/xmp.h"

namespace mien {
namespace {

using std::string_view_literals::operator""sv;

constexpr uint8_t kApp1 = 0xe1, kApp2 = 0xe2, kStartOfScan = 0xda, kEndOfImage = 0xd9;

class Scan {
 public:
  explicit Scan(const ByteSource& file) : reader_(&file) {}

  Result<JpegSegments> Run() {
    reader_.Skip(std::min<uint64_t>(2, reader_.left()));  // the marker that every JPEG begins with
    for (bool goes_on = true; goes_on;) {
      MIEN_ASSIGN(goes_on, Segment());
    }
    found_.profile = RgbProfile(profile_.Joined(), &found_.warnings);
    return std::move(found_);
  }

 private:
  // False where the walk ends.
  Result<bool> Segment() {
    std::byte raw[2];
    if (reader_.left() < 4) return false;
    MIEN_TRY(reader_.Read(raw));
    if (raw[0] != std::byte{0xff}) return false;
    while (raw[1] == std::byte{0xff} && reader_.left() > 2) MIEN_TRY(reader_.Read(std::span(raw).last(1)));  // padding
    const auto marker = std::to_integer<uint8_t>(raw[1]);
    if (marker == kStartOfScan || marker == kEndOfImage) return false;
    MIEN_TRY(reader_.Read(raw));
    const size_t bytes = std::to_integer<size_t>(raw[0]) << 8 | std::to_integer<size_t>(raw[1]);  // itself included
    if (bytes < 2 || reader_.left() < bytes - 2) return false;
    if (marker != kApp1 && marker != kApp2) {
      reader_.Skip(bytes - 2);
      return true;
    }
    std::vector<std::byte> data(bytes - 2);
    MIEN_TRY(reader_.Read(data));
    if (marker == kApp1) {
      Take(data);
    } else {
      profile_.Add(data);
    }
    return true;
  }

  void Take(std::span<const std::byte> data) {
    const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
    if (text.starts_with(kXmpPrefix) && !has_xmp_) {
      has_xmp_ = true;
      found_.texts = TextsInXmp(text.substr(kXmpPrefix.size()));
      found_.xmp = KeptXmp(text.substr(kXmpPrefix.size()), &found_.warnings);
    }
    if (has_exif_ || !text.starts_with("Exif\0"sv)) return;
    has_exif_ = true;
    const Result<int> orientation = ExifOrientation(data);
    if (orientation.ok()) {
      found_.orientation = *orientation;
      found_.exif = UprightExif(data);
    } else {
      found_.warnings.push_back(std::string("its EXIF data is ignored: ") + orientation.status().message());
    }
  }

  ForwardReader reader_;
  JpegSegments found_;
  ProfilePieces profile_;
  bool has_exif_ = false, has_xmp_ = false;
};

}  // namespace

Result<JpegSegments> ScanJpeg(const ByteSource& file) { return Scan(file).Run(); }

}  // namespace mien
