// Pictures and deflated archives while memory fails inside libpng, libjpeg and zlib: no memory is not taken for a
// damaged file.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>

#include "runtime/face/image.h"
#include "tests/faults/cases.h"
#include "tests/support/shim.h"
#include "weights/import/budget.h"
#include "weights/import/zip.h"

#ifdef MIEN_SHIM
namespace mien::testing {
namespace {

// Whether `work` gave what it should; or its status.
void Sweep(const char* what, const std::function<Status(bool* right)>& work) {
  bool right = false;
  REQUIRE(work(&right).ok());  // what is made once and kept
  Arm(Fault::kMemory, -1, false);
  const Status whole = work(&right);
  const long calls = Disarm();
  REQUIRE((whole.ok() && right && calls > 0));
  long failed = 0;
  for (const bool all_later : {false, true}) {
    for (long at = 0; at < calls; ++at) {
      CAPTURE(at);
      CAPTURE(all_later);
      const long before = LiveAllocations();
      Code code = Code::kOk;
      right = false;
      Arm(Fault::kMemory, at, all_later);
      try {
        code = work(&right).code();
      } catch (const std::bad_alloc&) {  // as containers say it
        code = Code::kMemory;
      }
      Disarm();
      CHECK(LiveAllocations() == before);
      CHECK((code == Code::kMemory || (code == Code::kOk && right)));
      failed += code == Code::kMemory;
    }
  }
  CHECK(failed > calls);
  std::printf(
      "faults, %s, memory: %ld calls, %ld failed (once, and from there on), %ld of these without harm\n",
      what, calls, 2 * calls, 2 * calls - failed);
}

Image Picture() {
  Image image = std::move(*Image::Create(40, 30));
  for (int i = 0; i < 40 * 30 * 3; ++i) image.pixels.as<uint8_t>()[i] = static_cast<uint8_t>(i * 5);
  return image;
}

// With all that a picture may have besides.
Image FullPicture() {
  Image image = Picture();
  const char exif[] = "II*\0\x08\0\0\0\0\0\0\0\0";
  const auto bytes = std::as_bytes(std::span(exif));
  image.exif.assign(bytes.begin(), bytes.end());
  image.xmp = "<rdf:RDF><dc:title>lake</dc:title></rdf:RDF>";
  image.full = {4, true, std::move(*Buffer::Create(uint64_t{8} * image.width * image.height, "test"))};
  RgbOf(image.full, 0, {image.pixels.as<uint8_t>(), image.bytes().size()});
  return image;
}

bool SameKept(const Image& a, const Image& b) {
  return a.exif == b.exif && a.xmp == b.xmp && std::ranges::equal(a.bytes(), b.bytes());
}

TEST_CASE("PNG: memory fails") {
  const Image image = FullPicture();
  const std::vector<PictureText> texts = {{kSoftware, "mien"}};
  const std::vector<std::byte> file = *EncodePng(image, texts);
  Sweep("EncodePng", [&](bool* right) -> Status {
    MIEN_ASSIGN(const std::vector<std::byte> again, EncodePng(image, texts));
    *right = again == file;
    return {};
  });
  Sweep("DecodePng", [&](bool* right) -> Status {
    MIEN_ASSIGN(const Image read, DecodePng(file));
    *right = SameKept(read, image) && read.full.wide;
    return {};
  });
}

TEST_CASE("JPEG: memory fails") {
  const Image image = FullPicture();
  const std::vector<PictureText> texts = {{kSoftware, "mien"}};
  const std::vector<std::byte> file = *EncodeJpeg(image, texts, 95);
  Sweep("EncodeJpeg", [&](bool* right) -> Status {
    MIEN_ASSIGN(const std::vector<std::byte> again, EncodeJpeg(image, texts, 95));
    *right = again == file;
    return {};
  });
  const Image whole = std::move(*DecodeJpeg(file));
  Sweep("DecodeJpeg", [&](bool* right) -> Status {
    PictureNotes notes;
    MIEN_ASSIGN(const Image read, DecodeJpeg(file, &notes));
    *right = SameKept(read, whole) && notes.texts == texts && notes.warnings.empty();
    return {};
  });
}

TEST_CASE("a deflated member: memory fails") {
  // "mien mien mien mien" deflated without a header.
  constexpr unsigned char kPacked[] = {0xcb, 0xcd, 0x4c, 0xcd, 0x53, 0xc8, 0x45, 0x21, 0x00};
  const auto source = std::make_shared<MemorySource>(std::as_bytes(std::span(kPacked)));
  ZipEntry entry;
  entry.name = "a";
  entry.begin = 0;
  entry.packed_bytes = sizeof kPacked;
  entry.bytes = 19;
  entry.deflated = true;
  entry.crc = 0xb4969410;
  Sweep("OpenZipEntry", [&](bool* right) -> Status {
    Budget budget(sizeof kPacked);
    MIEN_ASSIGN(const ZipData data, OpenZipEntry(source, entry, budget));
    char text[19];
    MIEN_TRY(data.source->ReadAt(data.begin, std::as_writable_bytes(std::span(text))));
    *right = data.bytes == sizeof text && std::memcmp(text, "mien mien mien mien", sizeof text) == 0;
    return {};
  });
}

}  // namespace
}  // namespace mien::testing
#else
TEST_CASE("readers: what fails") { MESSAGE("skipped: a sanitizer stands in front of the C library"); }
#endif
