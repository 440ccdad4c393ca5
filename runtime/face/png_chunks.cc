#include "runtime/face/png_chunks.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "runtime/face/exif.h"
#include "runtime/face/forward_reader.h"
#include "runtime/face/icc.h"
#include "runtime/face/xmp.h"

namespace mien {
namespace {

// Bytes of a chunk that are looked at, packed or not. The first directory of EXIF stands at its beginning; a colour
// profile that is longer by a byte or more is found to be so.
constexpr size_t kMostTold = kMostProfileBytes + 1;

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// At most kMostTold bytes of what a zlib stream holds; fewer where it is damaged.
std::vector<std::byte> Inflated(std::span<const std::byte> packed) {
  std::vector<std::byte> bytes(kMostTold);
  uLongf count = bytes.size();
  // A stream that holds more fills the room and answers an error, which does not matter.
  uncompress(reinterpret_cast<Bytef*>(bytes.data()), &count, reinterpret_cast<const Bytef*>(packed.data()),
             packed.size());
  bytes.resize(count);
  return bytes;
}

// A profile as ImageMagick and exiftool write it into text: a name, a length, and the bytes in hexadecimal,
// in lines.
std::vector<std::byte> FromHex(std::string_view text) {
  std::vector<std::byte> bytes;
  while (text.starts_with('\n')) text.remove_prefix(1);
  for (int line = 0; line < 2; ++line) {  // name and length
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return bytes;
    text.remove_prefix(end + 1);
  }
  int high = -1;
  for (const char c : text) {
    const char* const digit =
        c == '\0' ? nullptr : std::strchr("0123456789abcdef", c >= 'A' && c <= 'F' ? c + 32 : c);
    if (digit == nullptr) continue;
    const int value = static_cast<int>(digit - "0123456789abcdef");
    if (high >= 0) bytes.push_back(static_cast<std::byte>(high << 4 | value));
    high = high < 0 ? value : -1;
  }
  return bytes;
}

// The EXIF profile in a text chunk; nothing in any other text.
std::optional<std::vector<std::byte>> ExifInText(std::string_view type, std::span<const std::byte> data) {
  const std::string_view text = TextOf(data);
  for (const std::string_view keyword : {"Raw profile type exif", "Raw profile type APP1"}) {
    if (!text.starts_with(keyword) || text.size() < keyword.size() + 2 || text[keyword.size()] != '\0')
      continue;
    const size_t begin = keyword.size() + 1;
    // In zTXt one byte names the method, of which there is one.
    std::vector<std::byte> profile =
        FromHex(type == "tEXt" ? text.substr(begin) : TextOf(Inflated(data.subspan(begin + 1))));
    if (keyword.ends_with("APP1") && !TextOf(profile).starts_with("Exif")) return std::nullopt;  // XMP
    return profile;
  }
  return std::nullopt;
}

// The text of an uncompressed chunk of text: in iTXt two bytes, a language and the keyword in it come first.
std::string_view PlainText(std::string_view type, std::string_view data) {
  data.remove_prefix(std::min(data.size(), data.find('\0')) + 1);
  if (type != "iTXt") return data;
  if (data.size() < 2 || data[0] != 0) return {};
  data.remove_prefix(2);
  for (int skipped = 0; skipped < 2; ++skipped) {
    const size_t end = data.find('\0');
    if (end == std::string_view::npos) return {};
    data.remove_prefix(end + 1);
  }
  return data;
}

// What a chunk of text says of what made the picture.
std::vector<PictureText> TextsIn(std::string_view type, std::string_view data) {
  const auto is = [&](const char* keyword) { return data.starts_with(std::string(keyword) + '\0'); };
  if (is(kXmpKeyword)) return TextsInXmp(PlainText(type, data));
  for (const char* keyword : {kSoftware, kParameters}) {
    if (is(keyword)) return {{keyword, std::string(PlainText(type, data))}};
  }
  return {};
}

constexpr std::string_view kXmpStart(kXmpKeyword, sizeof kXmpKeyword);  // with the zero behind it

// What is known of one EXIF block.
struct Exif {
  Result<int> orientation;
  std::vector<std::byte> kept;  // UprightExif
};

struct Chunk {
  char type[4];
  uint32_t bytes = 0;
  std::string_view name() const { return {type, 4}; }
};

class Scan {
 public:
  explicit Scan(const ByteSource& file) : reader_(&file) { reader_.Skip(8); }

  Result<PngChunks> Run() {
    bool ended = false;
    while (!ended && reader_.left() >= 12) {
      Chunk chunk;
      MIEN_TRY(Header(&chunk));
      if (chunk.name() == "CgBI") {
        return Status::Error(
            Code::kFailure,
            "a PNG in the form of iOS programs (CgBI), ordinary PNG expected; convert it, e.g. with "
            "pngcrush -revert-iphone-optimizations PHOTO photo.png");
      }
      if (chunk.bytes > reader_.left() - 4) break;
      if (chunk.name() == "IEND") {
        MIEN_ASSIGN(const auto data, Data(chunk, &ended));
      } else if (chunk.name() == "iCCP") {
        MIEN_TRY(Profile(chunk));
      } else if (chunk.name() == "eXIf" || chunk.name() == "tEXt" || chunk.name() == "zTXt" || chunk.name() == "iTXt") {
        MIEN_TRY(Told(chunk));
      } else {
        if (chunk.name() == "IDAT") found_.data_bytes += chunk.bytes;
        reader_.Skip(uint64_t{chunk.bytes} + 4);
      }
    }
    if (!ended) found_.warnings.push_back("the end of the file is damaged or missing (chunk IEND)");
    Conclude();
    return std::move(found_);
  }

 private:
  Status Header(Chunk* chunk) {
    std::byte raw[8];
    MIEN_TRY(reader_.Read(raw));
    for (int i = 0; i < 4; ++i) chunk->bytes = chunk->bytes << 8 | std::to_integer<uint32_t>(raw[i]);
    std::memcpy(chunk->type, raw + 4, 4);
    return {};
  }

  // The beginning of a chunk's data; the reader goes to the next chunk. `whole`: its checksum is right.
  Result<std::vector<std::byte>> Data(const Chunk& chunk, bool* whole) {
    uLong crc = crc32(0, reinterpret_cast<const Bytef*>(chunk.type), 4);
    std::vector<std::byte> data;
    for (uint64_t left = chunk.bytes; left > 0;) {
      std::byte piece[4096];
      const auto part = std::span(piece).first(std::min<uint64_t>(left, sizeof piece));
      MIEN_TRY(reader_.Read(part));
      crc = crc32(crc, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(part.size()));
      if (data.size() < kMostTold) data.insert(data.end(), part.begin(), part.end());
      left -= part.size();
    }
    std::byte stated[4];
    MIEN_TRY(reader_.Read(stated));
    uLong expected = 0;
    for (const std::byte byte : stated) expected = expected << 8 | std::to_integer<uLong>(byte);
    *whole = crc == expected;
    return data;
  }

  Status Told(const Chunk& chunk) {
    bool whole = false;
    MIEN_ASSIGN(std::vector<std::byte> data, Data(chunk, &whole));
    const bool exif = chunk.name() == "eXIf";
    if (chunk.name() == "tEXt" || chunk.name() == "iTXt") AddTexts(TextsIn(chunk.name(), TextOf(data)));
    if (!has_xmp_ && chunk.name() == "iTXt" && TextOf(data).starts_with(kXmpStart)) {
      has_xmp_ = true;
      if (whole && chunk.bytes < kMostTold) found_.xmp = KeptXmp(PlainText("iTXt", TextOf(data)), &found_.warnings);
    }
    std::optional<Exif>& place = exif ? chunk_ : text_;
    if (place) return {};  // the first of its kind counts
    if (!exif) {
      auto profile = ExifInText(chunk.name(), data);
      if (!profile) return {};
      data = std::move(*profile);
    }
    place = Exif{whole ? ExifOrientation(data) : Result<int>(Status::Error(Code::kRefused, "damaged")), {}};
    // Shorter than what was looked at, so not cut; in text a byte takes two digits and a share of the ends of lines.
    if (whole && data.size() < (exif ? kMostTold : kMostTold / 3)) place->kept = UprightExif(data);
    return {};
  }

  // A name, a zero, a zero for the only method, and the profile in a zlib stream.
  Status Profile(const Chunk& chunk) {
    bool whole = false;
    MIEN_ASSIGN(const std::vector<std::byte> data, Data(chunk, &whole));
    const size_t name = TextOf(data).find('\0');
    if (has_profile_ || name == std::string_view::npos || name + 2 > data.size()) return {};
    has_profile_ = true;
    found_.profile = RgbProfile(Inflated(std::span(data).subspan(name + 2)), &found_.warnings);
    return {};
  }

  void AddTexts(std::vector<PictureText> texts) {
    for (PictureText& text : texts) {
      if (std::ranges::find(found_.texts, text.keyword, &PictureText::keyword) == found_.texts.end())
        found_.texts.push_back(std::move(text));
    }
  }

  // The chunk of the standard counts before the older way, a right one before a wrong one.
  void Conclude() {
    bool known = false;
    for (std::optional<Exif>* place : {&chunk_, &text_}) {
      if (!*place) continue;
      const Result<int>& orientation = (*place)->orientation;
      if (!orientation.ok()) {
        found_.warnings.push_back(std::string("its EXIF data is ignored: ") + orientation.status().message());
      } else if (!known) {
        found_.orientation = *orientation;
        found_.exif = std::move((*place)->kept);
        known = true;
      }
    }
  }

  ForwardReader reader_;
  PngChunks found_;
  std::optional<Exif> chunk_, text_;
  bool has_profile_ = false, has_xmp_ = false;
};

}  // namespace

Result<PngChunks> ScanPng(const ByteSource& file) { return Scan(file).Run(); }

}  // namespace mien
