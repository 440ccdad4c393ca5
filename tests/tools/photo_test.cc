// Photos as people have them: turned by EXIF, damaged here and there, of another kind.
#include <doctest/doctest.h>
#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "runtime/face/exif.h"
#include "runtime/face/image.h"
#include "runtime/face/picture_kind.h"

namespace mien {
namespace {

// 5 x 3 pixels, all different.
Image Upright() {
  Image image = std::move(*Image::Create(5, 3));
  for (int i = 0; i < 5 * 3 * 3; ++i) image.pixels.as<uint8_t>()[i] = static_cast<uint8_t>(i * 5 + 3);
  return image;
}

bool Same(const Image& a, const Image& b) {
  return a.width == b.width && a.height == b.height &&
         std::memcmp(a.pixels.data(), b.pixels.data(), a.bytes().size()) == 0;
}

// The picture as a camera stores it that states `orientation`. By the words of the EXIF standard: row 0 of
// what is stored is the given side of the upright picture, column 0 the other.
Image Stored(const Image& upright, int orientation) {
  const struct {
    char row, column;
  } sides[] = {{'t', 'l'}, {'t', 'r'}, {'b', 'r'}, {'b', 'l'},
               {'l', 't'}, {'r', 't'}, {'r', 'b'}, {'l', 'b'}};
  const auto [row_side, column_side] = sides[orientation - 1];
  const bool rows_stand = row_side == 'l' || row_side == 'r';
  const int width = rows_stand ? upright.height : upright.width,
            height = rows_stand ? upright.width : upright.height;
  Image stored = std::move(*Image::Create(width, height));
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column) {
      int x = 0, y = 0;
      for (const auto& [side, distance] : {std::pair{row_side, row}, {column_side, column}}) {
        if (side == 't') y = distance;
        if (side == 'b') y = upright.height - 1 - distance;
        if (side == 'l') x = distance;
        if (side == 'r') x = upright.width - 1 - distance;
      }
      std::memcpy(stored.row(row) + 3 * column, upright.row(y) + 3 * x, 3);
    }
  }
  return stored;
}

std::string Big(uint64_t number, int bytes) {
  std::string text;
  for (int i = bytes; i-- > 0;) text += static_cast<char>(number >> (8 * i));
  return text;
}

// A number of a TIFF block.
std::string Number(uint64_t number, int bytes, bool big) {
  std::string text = Big(number, bytes);
  return big ? text : std::string(text.rbegin(), text.rend());
}

struct ExifSpec {
  bool big = false;
  unsigned orientation = 6, type = 3, count = 1;
  unsigned before = 0;  // entries before the orientation
  unsigned gap = 0;     // bytes between header and directory
};

std::string Exif(const ExifSpec& spec) {
  const auto number = [&](uint64_t value, int bytes) { return Number(value, bytes, spec.big); };
  std::string text =
      (spec.big ? "MM" : "II") + number(42, 2) + number(8 + spec.gap, 4) + std::string(spec.gap, 'g');
  text += number(spec.before + 1, 2);
  for (unsigned i = 0; i < spec.before; ++i)
    text += number(0x100 + i, 2) + number(4, 2) + number(1, 4) + number(7, 4);
  const int bytes = spec.type == 3 ? 2 : spec.type == 1 ? 1 : 4;
  text += number(0x112, 2) + number(spec.type, 2) + number(spec.count, 4) + number(spec.orientation, bytes);
  return text + std::string(static_cast<size_t>(4 - bytes), '\0') + number(0, 4);
}

std::string Chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  return Big(data.size(), 4) + body +
         Big(crc32(crc32(0, nullptr, 0), reinterpret_cast<const Bytef*>(body.data()), body.size()), 4);
}

enum Place { kBefore, kAfter };

// The PNG of `image` with more chunks, before or after the pixels.
std::string Png(const Image& image, const std::string& chunks = "", Place place = kBefore) {
  const auto file = EncodePng(image, {});
  REQUIRE(file.ok());
  std::string text(reinterpret_cast<const char*>(file->data()), file->size());
  return text.insert(place == kBefore ? 33 : text.size() - 12, chunks);
}

Result<Image> Decode(const std::string& file, PictureNotes* notes = nullptr) {
  return DecodePicture(MemorySource(std::as_bytes(std::span(file))), notes);
}

std::string Deflated(const std::string& text) {
  std::string packed(compressBound(text.size()), '\0');
  uLongf size = packed.size();
  REQUIRE(compress(reinterpret_cast<Bytef*>(packed.data()), &size,
                   reinterpret_cast<const Bytef*>(text.data()), text.size()) == Z_OK);
  return packed.substr(0, size);
}

// As ImageMagick and exiftool write it.
std::string Profile(const std::string& name, const std::string& bytes,
                    const char* digits = "0123456789abcdef") {
  char length[16];
  std::snprintf(length, sizeof length, "%8zu", bytes.size());
  std::string text = "\n" + name + "\n" + length;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    text += std::string(i % 36 == 0 ? "\n" : "") + digits[byte >> 4] + digits[byte & 15];
  }
  return text + "\n";
}

TEST_CASE("all eight orientations give the upright picture, bit for bit, wherever EXIF stands") {
  const Image upright = Upright();
  const std::string zero(1, '\0');
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image stored = Stored(upright, orientation);
    CHECK(Same(*TurnUpright(Image(std::move(*Decode(Png(stored)))), orientation), upright));
    for (const bool big : {false, true}) {
      const std::string exif =
          Exif({.big = big, .orientation = static_cast<unsigned>(orientation), .before = 3, .gap = 5});
      const std::string in_jpeg = std::string("Exif\0\0", 6) + exif;
      const std::string ways[] = {
          Chunk("eXIf", exif),
          Chunk("eXIf", in_jpeg),
          Chunk("tEXt", "Raw profile type exif" + zero + Profile("exif", in_jpeg)),
          Chunk("tEXt",
                "Raw profile type APP1" + zero + Profile("generic profile", in_jpeg, "0123456789ABCDEF")),
          Chunk("zTXt", "Raw profile type exif" + zero + zero + Deflated(Profile("exif", exif))),
          Chunk("zTXt", "Raw profile type APP1" + zero + zero + Deflated(Profile("exif", in_jpeg))),
          // The chunk of the standard counts, wherever the older form stands and whatever it says.
          Chunk("tEXt", "Raw profile type exif" + zero + Profile("exif", Exif({.orientation = 2}))) +
              Chunk("eXIf", exif),
          // Of two the first counts.
          Chunk("eXIf", exif) + Chunk("eXIf", Exif({.orientation = 2})),
      };
      for (const std::string& way : ways) {
        for (const Place place : {kBefore, kAfter}) {
          CAPTURE(orientation);
          CAPTURE(big);
          CAPTURE(&way - ways);
          CAPTURE(place);
          PictureNotes notes;
          const auto image = Decode(Png(stored, way, place), &notes);
          REQUIRE_MESSAGE(image.ok(), image.status().message());
          CHECK(Same(*image, upright));
          CHECK(notes.orientation == orientation);
          CHECK(notes.warnings.empty());
        }
      }
    }
  }
}

TEST_CASE("an orientation that is not valid is ignored with a warning, never believed") {
  const Image upright = Upright();
  std::string wrong_crc = Chunk("eXIf", Exif({}));
  wrong_crc.back() ^= 1;
  const std::string cases[] = {
      Chunk("eXIf", Exif({.orientation = 0})),
      Chunk("eXIf", Exif({.orientation = 9})),
      Chunk("eXIf", Exif({.orientation = 65535})),
      Chunk("eXIf", Exif({.type = 2})),
      Chunk("eXIf", Exif({.count = 2})),
      Chunk("eXIf", ""),
      Chunk("eXIf", "nonsense"),
      Chunk("eXIf", "II*" + std::string(1, '\0') + "\xff\xff\xff\xff"),
      Chunk("tEXt", "Raw profile type exif" + std::string(1, '\0') + "no lines"),
      Chunk("zTXt", "Raw profile type exif" + std::string(2, '\0') + "not deflated"),
  };
  for (const std::string& chunk : cases) {
    for (const Place place : {kBefore, kAfter}) {
      CAPTURE(&chunk - cases);
      PictureNotes notes;
      const auto image = Decode(Png(upright, chunk, place), &notes);
      REQUIRE_MESSAGE(image.ok(), image.status().message());
      CHECK(Same(*image, upright));
      CHECK(notes.orientation == 1);
      REQUIRE(notes.warnings.size() == 1);
      CHECK(notes.warnings[0].starts_with("its EXIF data is ignored: "));
    }
  }
  PictureNotes notes;
  CHECK(Same(*Decode(Png(upright, wrong_crc, kAfter), &notes), upright));
  CHECK(notes.warnings == std::vector<std::string>{"its EXIF data is ignored: damaged"});
  // XMP in the form of an APP1 profile is no EXIF and no mistake.
  const std::string xmp = Chunk("tEXt", "Raw profile type APP1" + std::string(1, '\0') +
                                            Profile("APP1", "http://ns.adobe.com/xap/1.0/"));
  CHECK(Same(*Decode(Png(upright, xmp), &notes), upright));
  CHECK(notes.warnings.empty());
}

TEST_CASE("EXIF blocks cut anywhere, or with any byte changed, are read within their bounds") {
  for (const bool big : {false, true}) {
    const std::string whole = Exif({.big = big, .before = 4, .gap = 3});
    for (size_t size = 0; size <= whole.size(); ++size) {
      // Exactly so much memory, so that a sanitizer sees a step beyond.
      const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
      const auto found = ExifOrientation(std::as_bytes(std::span(cut)));
      const size_t needed = whole.size() - 4;  // without the place of the next directory
      CHECK(found.ok() == (size >= needed));
      if (found.ok()) CHECK(*found == 6);
      for (size_t at = 0; at < size; ++at) {
        for (const int change : {1, 0x80, 0xff}) {
          std::vector<char> damaged = cut;
          damaged[at] = static_cast<char>(damaged[at] ^ change);
          const auto other = ExifOrientation(std::as_bytes(std::span(damaged)));
          if (other.ok()) CHECK((*other >= 1 && *other <= 8));
        }
      }
    }
  }
  for (const unsigned type : {1, 3, 4}) {
    const std::string exif = Exif({.type = type});
    CHECK(*ExifOrientation(std::as_bytes(std::span(exif))) == 6);
  }
}

TEST_CASE("a damaged chunk before the last pixel refuses the picture, whether it matters or not") {
  const std::string grey("\x89PNG\r\n\x1a\n" +
                         Chunk("IHDR", Big(2, 4) + Big(1, 4) + std::string("\x08\0\0\0\0", 5)) +
                         Chunk("tRNS", std::string("\0\x07", 2)) +
                         Chunk("IDAT", Deflated(std::string("\0\x07\x09", 3))) + Chunk("IEND", ""));
  const auto image = Decode(grey);
  REQUIRE_MESSAGE(image.ok(), image.status().message());
  CHECK(image->row(0)[0] == 255);  // transparent, over white
  CHECK(image->row(0)[3] == 9);
  const size_t transparency = grey.find("tRNS"), size = 4 + 2 + 4;
  for (size_t at = transparency; at < transparency + size; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = grey;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      CHECK_FALSE(Decode(damaged).ok());
    }
  }
  std::string comment = Png(Upright(), Chunk("tEXt", "Comment" + std::string(1, '\0') + "hello"));
  CHECK(Decode(comment).ok());
  comment[comment.find("hello")] = 'j';
  CHECK_FALSE(Decode(comment).ok());
}

TEST_CASE("what stands after the pixels cannot harm them: a missing end is a warning") {
  const Image upright = Upright();
  const std::string file = Png(upright);
  for (size_t cut = 1; cut <= 12; ++cut) {  // IEND has 12 bytes
    PictureNotes notes;
    const auto image = Decode(file.substr(0, file.size() - cut), &notes);
    REQUIRE_MESSAGE(image.ok(), image.status().message());
    CHECK(Same(*image, upright));
    CHECK(notes.warnings ==
          std::vector<std::string>{"the end of the file is damaged or missing (chunk IEND)"});
  }
  PictureNotes notes;
  std::string damaged = file;
  damaged.back() ^= 1;
  CHECK(Same(*Decode(damaged, &notes), upright));
  CHECK(notes.warnings.size() == 1);
  CHECK(Same(*Decode(file + "more bytes", &notes), upright));
  CHECK(notes.warnings.empty());
  CHECK_FALSE(Decode(file.substr(0, file.size() - 13)).ok());
}

TEST_CASE("chunks that nobody needs may be of any size") {
  const std::string text = Chunk("tEXt", "workflow" + std::string(1, '\0') + std::string(9 << 20, 't'));
  CHECK(Same(*Decode(Png(Upright(), text)), Upright()));
  CHECK(Same(*Decode(Png(Upright(), Chunk("prIv", std::string(1 << 20, 'p')), kAfter)), Upright()));
}

std::string Header(uint32_t width, uint32_t height, int depth, int colour) {
  std::string data = Big(width, 4) + Big(height, 4);
  data += {static_cast<char>(depth), static_cast<char>(colour), '\0', '\0', '\0'};
  return "\x89PNG\r\n\x1a\n" + Chunk("IHDR", data);
}

TEST_CASE("a header that promises more than the compressed data can hold is refused by that") {
  for (const std::string& header : {Header(16384, 4096, 8, 6), Header(16384, 4096, 16, 6),
                                    Header(16384, 4096, 1, 0), Header(8000, 8000, 8, 2)}) {
    const std::string file = header + Chunk("IDAT", "xx") + Chunk("IEND", "");
    const auto image = Decode(file);
    REQUIRE_FALSE(image.ok());
    CHECK(std::string(image.status().message()).find("cannot come from 2 bytes") != std::string::npos);
  }
  // The most that deflate can do is let through.
  const std::string rows((1 + 16384) * 256, '\0');
  const auto image = Decode(Header(16384, 256, 8, 0) + Chunk("IDAT", Deflated(rows)) + Chunk("IEND", ""));
  REQUIRE_MESSAGE(image.ok(), image.status().message());
  CHECK(image->height == 256);
}

TEST_CASE("what is neither PNG nor JPEG is named by its first bytes, with what to do") {
  const auto bytes = [](const char* text, size_t size) { return std::string(text, size); };
  const struct {
    std::string file;
    const char* name;
    const char* advice;
  } cases[] = {
      {"GIF89a", "GIF", "magick"},
      {bytes("RIFF\x10\0\0\0WEBPVP8 ", 16), "WebP", "dwebp"},
      {bytes("RIFF\x10\0\0\0AVI LIST", 16), "video", "ffmpeg"},
      {"BM6\x04", "BMP", "magick"},
      {bytes("II*\0\x08\0\0\0", 8), "TIFF", "magick"},
      {bytes("MM\0*\0\0\0\x08", 8), "TIFF", "magick"},
      {bytes("II*\0\x10\0\0\0CR\x02\0", 12), "Canon CR2", "darktable"},
      {bytes("\0\0\0\x18"
             "ftypcrx \0\0\0\x01",
             16),
       "Canon CR3", "darktable"},
      {"FUJIFILMCCD-RAW 0201", "Fujifilm RAF", "darktable"},
      {bytes("\0\0\0\x18"
             "ftypheic\0\0\0\0mif1heic",
             24),
       "HEIC", "heif-convert"},
      {bytes("\0\0\0\x18"
             "ftypmif1\0\0\0\0mif1heic",
             24),
       "HEIC", "heif-convert"},
      {bytes("\0\0\0\x18"
             "ftypavif\0\0\0\0mif1miaf",
             24),
       "AVIF", "avifdec"},
      {bytes("\0\0\0\x18"
             "ftypmif1\0\0\0\0avifmiaf",
             24),
       "AVIF", "avifdec"},
      {bytes("\0\0\0\x18"
             "ftypisom\0\0\0\0mp42",
             20),
       "video", "ffmpeg"},
      {bytes("\0\0\0\x0cJXL \r\n\x87\n", 12), "JPEG XL", "djxl"},
      {"\xff\x0a\x01", "JPEG XL", "djxl"},
      {"8BPS", "PSD", "PNG"},
      {"%PDF-1.7", "PDF", "pdftoppm"},
      {"<?xml version=\"1.0\"?>\n<svg xmlns=", "SVG", "rsvg-convert"},
      {"\n <!DOCTYPE HTML><html>", "web page", "fetch"},
      {"\xef\xbb\xbf<html>", "web page", "fetch"},
      {"P6\n5 5\n255\n", "PPM", "magick"},
      {bytes("PK\x03\x04", 4), "checkpoint", "-m"},
      {bytes("\x80\x02}q\0.", 6), "pickle", "convert"},
      {bytes("\x10\0\0\0\0\0\0\0{\"a\"", 11), "safetensors", "-m"},
      {"\x93NUMPY\x01", ".npy", "-m"},
      {"version https://git-lfs.github.com/spec/v1\n", "git-lfs", "git lfs pull"},
      {bytes("\x89PNG\n\x1a\n", 7), "damaged signature", "again"},
      {"", "an empty file", "PNG"},
      {"hello", "neither a PNG nor a JPEG picture", "first bytes"},
      {Header(1, 1, 8, 0).insert(8, Chunk("CgBI", "P \x20\x02")), "CgBI", "pngcrush"},
  };
  for (const auto& [file, name, advice] : cases) {
    for (const size_t size : {file.size(), size_t{600}}) {
      std::string longer = file;
      if (!file.empty()) longer.resize(std::max(size, file.size()), ' ');
      const Status status = Decode(longer).status();
      CAPTURE(name);
      CAPTURE(status.message());
      CHECK(status.code() == Code::kFailure);
      CHECK(std::string(status.message()).find(name) != std::string::npos);
      CHECK(std::string(status.message()).find(advice) != std::string::npos);
    }
  }
}

TEST_CASE("what is written is upright, and says so") {
  PictureNotes notes;
  const auto turned = Decode(Png(Stored(Upright(), 6), Chunk("eXIf", Exif({}))), &notes);
  CHECK(notes.orientation == 6);
  const std::string again = Png(*turned);
  CHECK(again.find(Chunk("eXIf", Exif({.orientation = 1}))) != std::string::npos);
  CHECK(Same(*Decode(again, &notes), Upright()));
  CHECK(notes.orientation == 1);
}

}  // namespace
}  // namespace mien
