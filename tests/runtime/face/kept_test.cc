// What a photo's file has beside 8-bit colours comes back with the edited photo: 16 bits, transparency, EXIF, XMP.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "runtime/face/exif.h"
#include "runtime/face/image.h"
#include "runtime/face/metadata.h"
#include "runtime/face/paste.h"
#include "runtime/face/xmp.h"

namespace mien {
namespace {

std::string Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::vector<std::byte> Bytes(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

constexpr int kSide = 40;

// Every sample of every channel differs; alpha runs from nothing to all.
Image Full(int channels, bool wide) {
  Image image = std::move(*Image::Create(kSide, kSide));
  image.full.channels = channels;
  image.full.wide = wide;
  const size_t samples = size_t{kSide} * kSide * static_cast<size_t>(channels);
  image.full.samples = std::move(*Buffer::Create(samples * (wide ? 2 : 1), "test"));
  for (size_t i = 0; i < samples; ++i) {
    const bool alpha = channels == 4 && i % 4 == 3;
    const size_t x = i / static_cast<size_t>(channels) % kSide;
    const size_t number = alpha ? x < 10 ? 0 : std::min<size_t>(x * 65535 / 20, 65535) : i * 7919 % 40000 + 12000;
    if (wide) {
      image.full.samples.as<uint16_t>()[i] = static_cast<uint16_t>(number);
    } else {
      image.full.samples.as<uint8_t>()[i] = static_cast<uint8_t>(number / 257);
    }
  }
  RgbOf(image.full, 0, {image.pixels.as<uint8_t>(), image.bytes().size()});
  return image;
}

std::span<const std::byte> Samples(const Image& image) {
  return {image.full.samples.data(), image.full.samples.bytes()};
}

double Sample(const FullPixels& full, size_t i) {
  return full.wide ? full.samples.as<uint16_t>()[i] / 257.0 : full.samples.as<uint8_t>()[i];
}

TEST_CASE("16 bits and transparency are written and read, and turned with the picture") {
  for (const int channels : {3, 4}) {
    for (const bool wide : {false, true}) {
      CAPTURE(channels);
      CAPTURE(wide);
      if (channels == 3 && !wide) continue;
      const Image image = Full(channels, wide);
      const auto file = std::move(*EncodePng(image, {}));
      const Image read = std::move(*DecodePng(file));
      CHECK(read.full.channels == channels);
      CHECK(read.full.wide == wide);
      CHECK(std::ranges::equal(Samples(read), Samples(image)));
      CHECK(std::ranges::equal(read.bytes(), image.bytes()));
      // The turned samples are those of the turned pixels.
      for (int orientation = 1; orientation <= 8; ++orientation) {
        const Image turned = std::move(*TurnUpright(std::move(*read.Copy()), orientation));
        std::vector<uint8_t> rgb(turned.bytes().size());
        RgbOf(turned.full, 0, rgb);
        CHECK(std::ranges::equal(turned.bytes(), rgb));
      }
    }
  }
  CHECK(DecodePng(std::move(*EncodePng(*Image::Create(3, 3), {})))->full.empty());
}

TEST_CASE("pasting adds to 16 bits what it adds to 8, leaves the rest and all of alpha, and hides nothing new") {
  Image edited = std::move(*Image::Create(64, 64)), before = std::move(*Image::Create(64, 64));
  for (size_t i = 0; i < edited.bytes().size(); ++i) {
    before.pixels.as<uint8_t>()[i] = 100;
    edited.pixels.as<uint8_t>()[i] = 118;  // a change that is no new thing
  }
  const SquarePlace place = {{4, 4}, {32, 0}, {0, 32}};
  for (const PasteMode mode : {PasteMode::kDifference, PasteMode::kReplace}) {
    for (const int channels : {3, 4}) {
      for (const bool wide : {false, true}) {
        if (channels == 3 && !wide) continue;
        CAPTURE(channels);
        CAPTURE(wide);
        const Image photo = Full(channels, wide);
        Image pasted = std::move(*photo.Copy()), plain = std::move(*Image::Create(kSide, kSide));
        std::ranges::copy(photo.bytes(), plain.pixels.as<uint8_t>());
        REQUIRE(PasteFace(edited, before, place, mode, &pasted).ok());
        REQUIRE(PasteFace(edited, before, place, mode, &plain).ok());
        int changed = 0, outside = 0;
        for (size_t i = 0; i < size_t{kSide} * kSide; ++i) {
          const double u = (static_cast<double>(i % kSide) + 0.5 - 4) / 32,
                       v = (static_cast<double>(i / kSide) + 0.5 - 4) / 32;
          const bool apart = u <= 0 || v <= 0 || u >= 1 || v >= 1 || PasteMask(u, v) == 0;
          const double alpha = channels == 4 ? Sample(photo.full, 4 * i + 3) : 255;
          if (channels == 4) CHECK(Sample(pasted.full, 4 * i + 3) == alpha);
          for (size_t c = 0; c < 3; ++c) {
            const size_t k = i * static_cast<size_t>(channels) + c;
            const double moved = Sample(pasted.full, k) - Sample(photo.full, k);
            if (apart || alpha == 0) {
              CHECK(moved == 0);
              ++outside;
            } else {
              // The plain picture's pixels are rounded, and so are those that it started from.
              const int expected = plain.pixels.as<uint8_t>()[3 * i + c] - photo.pixels.as<uint8_t>()[3 * i + c];
              const double now = Sample(pasted.full, k);
              if (now > 0 && now < 255 && plain.pixels.as<uint8_t>()[3 * i + c] < 255)
                CHECK(std::fabs(moved - expected) <= 0.51);
              changed += moved != 0;
            }
          }
        }
        CHECK(changed > 1000);
        CHECK(outside > 1000);
        // The pixels are those of the samples still, so that the next face is cut out of what is written.
        std::vector<uint8_t> rgb(pasted.bytes().size());
        RgbOf(pasted.full, 0, rgb);
        CHECK(std::ranges::equal(pasted.bytes(), rgb));
      }
    }
  }
}

TEST_CASE("the change of 16 bits is finer than 8") {
  Image edited = std::move(*Image::Create(64, 64)), before = std::move(*Image::Create(64, 64));
  std::ranges::fill(std::span(edited.pixels.as<uint8_t>(), edited.bytes().size()), uint8_t{140});
  std::ranges::fill(std::span(before.pixels.as<uint8_t>(), before.bytes().size()), uint8_t{100});
  Image photo = Full(3, true);
  const Image old = std::move(*photo.Copy());
  REQUIRE(PasteFace(edited, before, {{4, 4}, {32, 0}, {0, 32}}, PasteMode::kDifference, &photo).ok());
  int between = 0;
  for (size_t i = 0; i < size_t{3} * kSide * kSide; ++i)
    between += (photo.full.samples.as<uint16_t>()[i] - old.full.samples.as<uint16_t>()[i]) % 257 != 0;
  CHECK(between > 100);  // where the mask fades
}

// A TIFF block of directories, in either byte order.
class Tiff {
 public:
  explicit Tiff(bool big) : big_(big), text_(big ? "MM" : "II") { text_ += Number(42, 2) + Number(8, 4); }

  std::string Number(uint64_t number, int bytes) const {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(number >> (8 * (big_ ? bytes - 1 - i : i)));
    return text;
  }
  std::string Entry(unsigned tag, unsigned type, unsigned count, unsigned value) const {
    const int bytes = type == 3 && count == 1 ? 2 : 4;
    return Number(tag, 2) + Number(type, 2) + Number(count, 4) + Number(value, bytes) + std::string(4 - bytes, '\0');
  }
  void Directory(const std::vector<std::string>& entries, unsigned next) {
    text_ += Number(entries.size(), 2);
    for (const std::string& entry : entries) text_ += entry;
    text_ += Number(next, 4);
  }
  void Add(const std::string& bytes) { text_ += bytes; }
  const std::string& text() const { return text_; }

 private:
  const bool big_;
  std::string text_;
};

// As a phone writes it: orientation, camera, GPS, a thumbnail at the end. The first directory is at 8, GPS at 62, its
// numbers at 80, the second directory at 92, the thumbnail at 122.
std::string Camera(bool big) {
  Tiff tiff(big);
  tiff.Directory({tiff.Entry(0x010f, 2, 4, 0x414c4c41), tiff.Entry(0x0112, 3, 1, 6), tiff.Entry(0x8825, 4, 1, 62),
                  tiff.Entry(0x9999, 4, 1, 77)},
                 92);
  tiff.Directory({tiff.Entry(0x0004, 2, 12, 80)}, 0);
  tiff.Add("48N 11E PLCE");
  tiff.Directory({tiff.Entry(0x0201, 4, 1, 122), tiff.Entry(0x0202, 4, 1, 9)}, 0);
  tiff.Add("THUMBNAIL");
  return tiff.text();
}

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

TEST_CASE("EXIF that stays says upright, and shows no thumbnail; the place goes when it is asked for") {
  for (const bool big : {false, true}) {
    CAPTURE(big);
    const std::string camera = Camera(big);
    REQUIRE(camera.size() == 131);
    for (const std::string& prefix : {std::string(), std::string("Exif\0\0", 6)}) {
      const std::vector<std::byte> kept = UprightExif(Bytes(prefix + camera));
      CHECK(*ExifOrientation(kept) == 1);
      CHECK(kept.size() == 122);
      CHECK_FALSE(Has(Text(kept), "THUMB"));
      CHECK(Text(kept).substr(92) == std::string(30, '\0'));    // the thumbnail's directory
      CHECK(Text(kept).substr(58, 4) == std::string(4, '\0'));  // no second directory
      CHECK(Has(Text(kept), "48N 11E PLCE"));
      CHECK(ExifTellsPlace(kept));
      // Nothing else has changed but the orientation.
      std::string expected =
          camera.substr(0, 58) + std::string(4, '\0') + camera.substr(62, 30) + std::string(30, '\0');
      const size_t value = 8 + 2 + 12 + 8;
      expected[value + (big ? 1 : 0)] = 1;
      CHECK(Text(kept) == expected);
      const std::vector<std::byte> nowhere = ExifWithoutPlace(kept);
      CHECK(nowhere.size() == kept.size());
      CHECK_FALSE(ExifTellsPlace(nowhere));
      CHECK_FALSE(Has(Text(nowhere), "48N"));
      CHECK_FALSE(Has(Text(nowhere), "PLCE"));
      CHECK(*ExifOrientation(nowhere) == 1);
      CHECK(Text(nowhere).substr(34, 12) == camera.substr(46, 12));  // the entry behind it has moved up
    }
  }
  // What stands behind a thumbnail stays where it is.
  const std::string kept = Text(UprightExif(Bytes(Camera(true) + "more")));
  CHECK(kept.substr(92) == std::string(39, '\0') + "more");
  CHECK(ExifWithoutPlace({}).empty());
  CHECK_FALSE(ExifTellsPlace({}));
}

TEST_CASE("EXIF cut anywhere or with any byte changed is kept upright or left out, within its bounds and soon") {
  for (const bool big : {false, true}) {
    const std::string camera = Camera(big);
    const auto look = [&](const std::string& block) {
      const std::vector<std::byte> exact = Bytes(block);  // so that a sanitizer sees a step beyond
      const std::vector<std::byte> kept = UprightExif(exact);
      CHECK(kept.size() <= block.size());
      if (!kept.empty()) CHECK(*ExifOrientation(kept) == 1);
      const std::vector<std::byte> nowhere = ExifWithoutPlace(kept);
      CHECK_FALSE(ExifTellsPlace(nowhere));
    };
    for (size_t size = 0; size <= camera.size(); ++size) look(camera.substr(0, size));
    for (size_t at = 0; at < camera.size(); ++at) {
      for (const int change : {1, 0x80, 0xff}) {
        std::string changed = camera;
        changed[at] = static_cast<char>(changed[at] ^ change);
        look(changed);
      }
    }
  }
  // A second directory of which every entry names the whole block.
  Tiff tiff(false);
  tiff.Directory({}, 14);
  std::vector<std::string> entries(40000, tiff.Entry(0x0111, 7, 400000, 0));
  tiff.Directory(entries, 0);
  CHECK(UprightExif(Bytes(tiff.text())).empty());
}

const std::string kSpaces = "xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"";
std::string Packet(const std::string& attributes, const std::string& elements) {
  return "<?xpacket begin=\"\"?><x:xmpmeta><rdf:RDF><rdf:Description rdf:about=\"\" " + kSpaces + attributes + ">" +
         elements + "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>";
}

TEST_CASE("XMP of the photo stays around ours, without what would be wrong") {
  std::vector<std::string> warnings;
  const std::string title = "<dc:title>lake</dc:title>";
  for (const std::string& packet :
       {Packet(" tiff:Orientation=\"6\"", title), Packet("\n tiff:Orientation = '6'", title),
        Packet("", title + "<tiff:Orientation>6</tiff:Orientation><xmp:Thumbnails>AAAA</xmp:Thumbnails>"),
        Packet(" xmpNote:HasExtendedXMP=\"12\"", title + "<xmp:Thumbnails rdf:x='1'/>")}) {
    const std::string kept = KeptXmp(packet, &warnings);
    CHECK(warnings.empty());
    CHECK(Has(kept, title));
    for (const char* gone : {"Orientation", "AAAA", "Thumbnails", "HasExtended"}) CHECK_FALSE(Has(kept, gone));
  }
  // What made the photo before, as attributes and elements, is replaced, in the order of keywords.
  const std::vector<PictureText> ours = {{kSoftware, "mien"}, {kDigitalSourceType, "made & <new>"}};
  const std::string before = Packet(" xmp:CreatorTool=\"camera\"", title + "<mien:Parameters>{}</mien:Parameters>");
  const std::string both = XmpPacket(ours, KeptXmp(before, &warnings));
  CHECK(TextsInXmp(both) == ours);
  CHECK(Has(both, title));
  CHECK(both.starts_with("<?xpacket begin=\"\"?>"));
  CHECK_FALSE(Has(both, "camera"));
  CHECK(XmpPacket({}, before) == before);
  CHECK(warnings.empty());
  // In a way that is not known it goes as a whole.
  for (const std::string& packet :
       {std::string("no packet"), Packet("", "<tiff:Orientation>6"), Packet(" tiff:Orientation=6", ""),
        Packet("", "see tiff:Orientation"), Packet(" tiff:Orientation=\"6", "")}) {
    warnings.clear();
    CHECK(KeptXmp(packet, &warnings).empty());
    CHECK(warnings.size() == 1);
  }
  CHECK(TextsInXmp(XmpPacket(ours, Packet("", "see xmp:CreatorTool"))) == ours);
}

TEST_CASE("EXIF and XMP go from PNG and JPEG to either") {
  Image photo = std::move(*Image::Create(9, 7));
  std::vector<std::string> warnings;
  photo.exif = UprightExif(Bytes(Camera(true)));
  photo.xmp = KeptXmp(Packet(" exif:GPSLatitude=\"48N\"", "<dc:title>lake</dc:title>"), &warnings);
  const std::vector<PictureText> texts = {{kSoftware, "mien"}, {kParameters, "{}"}, {kDigitalSourceType, "made"}};
  for (const PictureKind kind : {PictureKind::kPng, PictureKind::kJpeg}) {
    for (const bool told : {false, true}) {
      CAPTURE(told);
      const auto file = std::move(*EncodePicture(photo, told ? texts : std::vector<PictureText>(), {kind, 90}));
      PictureNotes notes;
      Image read = std::move(*DecodePicture(MemorySource(file), &notes));
      CHECK(notes.warnings.empty());
      CHECK(notes.texts == (told ? texts : std::vector<PictureText>()));
      CHECK(read.exif == photo.exif);
      CHECK(Has(read.xmp, "<dc:title>lake</dc:title>"));
      CHECK((read.xmp == photo.xmp) == !told);
      CHECK(TellsPlace(read));
      DropPlace(&read);
      CHECK_FALSE(TellsPlace(read));
      CHECK(read.exif.size() == photo.exif.size());
      CHECK(read.xmp.empty());
    }
  }
  // A segment of JPEG has no room for more than 64 KiB; PNG has.
  photo.exif.resize(70000);
  photo.xmp.insert(photo.xmp.find("lake"), std::string(70000, 'x'));
  const Image png = std::move(*DecodePng(std::move(*EncodePng(photo, texts))));
  CHECK(png.exif == photo.exif);
  CHECK(png.xmp.size() > 70000);
  PictureNotes notes;
  const auto file = std::move(*EncodeJpeg(photo, texts, 90));
  const Image jpeg = std::move(*DecodeJpeg(file, &notes));
  CHECK(jpeg.exif.empty());
  CHECK(notes.texts == texts);
}

}  // namespace
}  // namespace mien
