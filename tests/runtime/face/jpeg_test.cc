// JPEG pictures: every kind against its source and against Pillow, orientation, files that are cut, damaged or hostile.
#include <cstdio>  // libjpeg's header needs it

#include <doctest/doctest.h>
#include <jpeglib.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

#include "base/file.h"
#include "runtime/face/image.h"
#include "runtime/face/xmp.h"

namespace mien {
namespace {

constexpr int kWidth = 53, kHeight = 75;  // no multiples of a block

struct Spec {
  J_COLOR_SPACE from = JCS_RGB, to = JCS_YCbCr;
  int across = 1, down = 1;  // samples of luma for one of colour
  bool progressive = false, arithmetic = false;
  unsigned restart_rows = 0;  // rows of MCUs between restart markers
};

// Smooth colours, so that a JPEG is close to them.
uint8_t Sample(int x, int y, int c) {
  return static_cast<uint8_t>(128 + 100 * std::sin(0.09 * (c + 1) * x / 2 + 0.05 * y + c));
}

std::string Make(const Spec& spec) {
  jpeg_compress_struct info = {};
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = kWidth;
  info.image_height = kHeight;
  info.in_color_space = spec.from;
  info.input_components = spec.from == JCS_GRAYSCALE ? 1 : spec.from == JCS_CMYK ? 4 : 3;
  jpeg_set_defaults(&info);
  jpeg_set_colorspace(&info, spec.to);
  jpeg_set_quality(&info, 95, TRUE);
  for (int i = 0; i < info.num_components; ++i) {
    info.comp_info[i].h_samp_factor = i == 0 ? spec.across : 1;
    info.comp_info[i].v_samp_factor = i == 0 ? spec.down : 1;
  }
  info.restart_in_rows = static_cast<int>(spec.restart_rows);
  info.arith_code = spec.arithmetic;
  if (spec.progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  std::vector<uint8_t> row(static_cast<size_t>(kWidth * info.input_components));
  for (int y = 0; y < kHeight; ++y) {
    for (int i = 0; i < kWidth * info.input_components; ++i)
      row[i] = Sample(i / info.input_components, y, i % info.input_components);
    JSAMPROW pointer = row.data();
    jpeg_write_scanlines(&info, &pointer, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string file(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return file;
}

// Exactly so much memory, so that a sanitizer sees a step beyond.
Result<Image> Decode(const std::string& file, PictureNotes* notes = nullptr) {
  const std::vector<char> exact(file.begin(), file.end());
  return DecodeJpeg(std::as_bytes(std::span(exact)), notes);
}

double Psnr(const Image& image, const std::function<double(int x, int y, int c)>& expected) {
  double sum = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int i = 0; i < 3 * image.width; ++i) {
      const double error = image.row(y)[i] - expected(i / 3, y, i % 3);
      sum += error * error;
    }
  }
  return 10 * std::log10(255.0 * 255 * 3 * image.width * image.height / sum);
}

bool Same(const Image& a, const Image& b) {
  return a.width == b.width && a.height == b.height && std::ranges::equal(a.bytes(), b.bytes());
}

bool Has(const std::vector<std::string>& texts, const std::string& part) {
  return std::ranges::any_of(texts, [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

std::string Big(uint64_t number, int bytes) {
  std::string text;
  for (int i = bytes; i-- > 0;) text += static_cast<char>(number >> (8 * i));
  return text;
}

// A segment after the first marker of a file.
std::string With(std::string file, int marker, const std::string& data) {
  return file.insert(2, Big(0xff00u + static_cast<unsigned>(marker), 2) + Big(data.size() + 2, 2) + data);
}

std::string Exif(unsigned orientation, bool big) {
  const auto number = [&](uint64_t value, int bytes) {
    const std::string text = Big(value, bytes);
    return big ? text : std::string(text.rbegin(), text.rend());
  };
  return std::string("Exif\0\0", 6) + (big ? "MM" : "II") + number(42, 2) + number(8, 4) + number(1, 2) +
         number(0x112, 2) + number(3, 2) + number(1, 4) + number(orientation, 2) + std::string(6, '\0');
}

// The place of the frame header (of any process), and of the n-th scan header.
size_t FrameOf(const std::string& file) {
  size_t at = 2;
  while (static_cast<unsigned char>(file[at + 1]) >> 4 != 0xc || file[at + 1] == '\xc4' || file[at + 1] == '\xcc')
    at += 2 + static_cast<unsigned char>(file[at + 2]) * 256u + static_cast<unsigned char>(file[at + 3]);
  return at;
}

size_t ScanOf(const std::string& file, int n) {
  size_t at = 0;
  for (int i = 0; i < n; ++i) at = file.find("\xff\xda", at + 1);
  REQUIRE(at != std::string::npos);
  return at;
}

std::string Sized(std::string file, unsigned width, unsigned height) {
  return file.replace(FrameOf(file) + 5, 4, Big(height, 2) + Big(width, 2));
}

TEST_CASE("JPEG of every kind decodes to nearly its source") {
  const auto rgb = [](int x, int y, int c) { return static_cast<double>(Sample(x, y, c)); };
  const auto grey = [](int x, int y, int) { return static_cast<double>(Sample(x, y, 0)); };
  const auto cmyk = [](int x, int y, int c) { return Sample(x, y, c) * Sample(x, y, 3) / 255.0; };
  const struct {
    Spec spec;
    std::function<double(int, int, int)> expected;
    double psnr;  // 1 dB below what was measured
  } cases[] = {
      {{}, rgb, 46.2},
      {{.across = 2, .down = 2}, rgb, 43.3},
      {{.across = 4, .down = 2}, rgb, 28.9},
      {{.to = JCS_RGB}, rgb, 53.3},
      {{.progressive = true}, rgb, 46.2},
      {{.across = 2, .down = 2, .progressive = true}, rgb, 43.3},
      {{.restart_rows = 1}, rgb, 46.2},
      {{.from = JCS_GRAYSCALE, .to = JCS_GRAYSCALE}, grey, 54},
      {{.from = JCS_GRAYSCALE, .to = JCS_GRAYSCALE, .progressive = true}, grey, 54},
      {{.from = JCS_CMYK, .to = JCS_CMYK}, cmyk, 52.9},
      {{.from = JCS_CMYK, .to = JCS_YCCK}, cmyk, 49.3},
      {{.from = JCS_CMYK, .to = JCS_YCCK, .across = 2, .down = 2, .progressive = true}, cmyk, 44.5},
  };
  for (const auto& [spec, expected, psnr] : cases) {
    CAPTURE(psnr);
    PictureNotes notes;
    const auto image = Decode(Make(spec), &notes);
    REQUIRE_MESSAGE(image.ok(), image.status().message());
    REQUIRE(image->width == kWidth);
    REQUIRE(image->height == kHeight);
    CHECK(Psnr(*image, expected) > psnr);
    CHECK(notes.warnings.empty());
  }
}

TEST_CASE("arithmetic coding is read where the library has it, and named elsewhere") {
  const auto image = Decode(Make({.arithmetic = true}));
  if (image.ok()) {
    CHECK(Same(*image, *Decode(Make({}))));
  } else {
    CHECK(std::string(image.status().message()).find("arithmetic coding") != std::string::npos);
  }
}

TEST_CASE("JPEG pixels are those of Pillow, bit for bit") {
  const std::string folder = MIEN_SOURCE_DIR "/tests/data/jpeg/";
  const auto expected = ReadImage(folder + "expected.png");
  REQUIRE(expected.ok());
  int top = 0;
  for (const char* name : {"444", "422", "420", "rgb", "grey", "cmyk", "progressive", "restart"}) {
    CAPTURE(name);
    const auto image = ReadImage(folder + name + ".jpg");
    REQUIRE_MESSAGE(image.ok(), image.status().message());
    CHECK(std::memcmp(image->row(0), expected->row(top), image->bytes().size()) == 0);
    top += image->height;
  }
  CHECK(top == expected->height);
}

TEST_CASE("a JPEG is turned by its EXIF data, all eight orientations") {
  const std::string file = Make({});
  for (unsigned orientation = 1; orientation <= 8; ++orientation) {
    for (const bool big : {false, true}) {
      CAPTURE(orientation);
      const Image upright = std::move(*TurnUpright(std::move(*Decode(file)), static_cast<int>(orientation)));
      // Of two the first counts; XMP in the same kind of segment is no EXIF.
      std::string turned = With(file, 0xe1, Exif(orientation % 8 + 1, big));
      turned = With(With(turned, 0xe1, Exif(orientation, big)), 0xe1, "http://ns.adobe.com/xap/1.0/");
      PictureNotes notes;
      CHECK(Same(*Decode(turned, &notes), upright));
      CHECK(notes.orientation == static_cast<int>(orientation));
      CHECK(notes.warnings.empty());
    }
  }
  for (const std::string& wrong : {Exif(0, true), Exif(9, false), Exif(6, true).substr(0, 20)}) {
    PictureNotes notes;
    CHECK(Same(*Decode(With(file, 0xe1, wrong), &notes), *Decode(file)));
    CHECK(notes.orientation == 1);
    REQUIRE(notes.warnings.size() == 1);
    CHECK(notes.warnings[0].starts_with("its EXIF data is ignored: "));
  }
}

TEST_CASE("a JPEG that is cut anywhere is refused or decoded with one warning") {
  for (const Spec& spec : {Spec{}, Spec{.restart_rows = 1}, Spec{.across = 2, .down = 2, .progressive = true},
                           Spec{.from = JCS_CMYK, .to = JCS_YCCK}}) {
    const std::string file = Make(spec);
    const Image whole = std::move(*Decode(file));
    const size_t scan = ScanOf(file, 1);
    size_t decoded = 0, first = 0;
    for (size_t size = 0; size < file.size(); ++size) {
      CAPTURE(size);
      PictureNotes notes;
      const auto image = Decode(file.substr(0, size), &notes);
      if (size < scan) CHECK_FALSE(image.ok());
      if (!image.ok()) {
        CHECK(image.status().code() == Code::kFailure);
        continue;
      }
      CHECK(notes.warnings.size() >= 1);
      if (decoded++ == 0) first = size;
      if (spec.progressive) continue;
      // What is there is right: the first row of blocks, whatever is missing.
      CHECK(std::ranges::equal(image->bytes().first(3 * kWidth * 8), whole.bytes().first(3 * kWidth * 8)));
    }
    CHECK(first > scan);
    CHECK(decoded > (file.size() - scan) / 2);
  }
}

TEST_CASE("how much of a cut JPEG is missing is told") {
  const std::string file = Make({}), steps = Make({.progressive = true});
  const size_t scan = ScanOf(file, 1);
  PictureNotes notes;
  REQUIRE(Decode(file.substr(0, scan + (file.size() - scan) / 2), &notes).ok());
  REQUIRE(notes.warnings.size() == 1);
  CHECK(notes.warnings[0].starts_with("its data end early: about "));
  const int percent = std::atoi(notes.warnings[0].c_str() + std::strlen("its data end early: about "));
  CHECK(percent > 40);
  CHECK(percent < 65);
  const auto start = Decode(file.substr(0, scan + 20));
  REQUIRE_FALSE(start.ok());
  CHECK(std::string(start.status().message()).find("before the first rows of pixels") != std::string::npos);
  REQUIRE(Decode(steps.substr(0, ScanOf(steps, 5) + 20), &notes).ok());
  CHECK(Has(notes.warnings, "in scan 5: details or colours are missing"));
  // Cut in a comment between two scans.
  REQUIRE(Decode(steps.substr(0, ScanOf(steps, 5)) + "\xff\xfe\x10\x10" "comment", &notes).ok());
  CHECK(notes.warnings == std::vector<std::string>{"the end of the file is missing (marker EOI)"});
  // Without its end, and with more behind it, a picture is whole.
  REQUIRE(Same(*Decode(file.substr(0, file.size() - 2), &notes), *Decode(file)));
  CHECK(notes.warnings == std::vector<std::string>{"the end of the file is missing (marker EOI)"});
  REQUIRE(Same(*Decode(file + "more bytes", &notes), *Decode(file)));
  CHECK(notes.warnings.empty());
  // An end that comes too early says the same as a file that does.
  REQUIRE(Decode(file.substr(0, scan + (file.size() - scan) / 2) + "\xff\xd9", &notes).ok());
  CHECK(Has(notes.warnings, "its data end early"));
}

TEST_CASE("damage between restart markers stays there, with a warning of each kind") {
  const std::string file = Make({.restart_rows = 1});
  const Image whole = std::move(*Decode(file));
  const size_t begin = file.find("\xff\xd1") + 2, end = file.find("\xff\xd2");
  std::string damaged = file;
  damaged.erase(begin, end - begin);
  PictureNotes notes;
  const auto image = Decode(damaged, &notes);
  REQUIRE_MESSAGE(image.ok(), image.status().message());
  CHECK(notes.warnings == std::vector<std::string>{"Corrupt JPEG data: premature end of data segment"});
  int wrong_rows = 0;
  for (int y = 0; y < kHeight; ++y) wrong_rows += std::memcmp(image->row(y), whole.row(y), 3 * kWidth) != 0;
  CHECK(wrong_rows > 0);
  CHECK(wrong_rows <= 8);
}

TEST_CASE("a JPEG with any byte changed is refused or decoded, never more") {
  for (const Spec& spec : {Spec{.across = 2, .down = 2}, Spec{.progressive = true, .restart_rows = 2}}) {
    const std::string file = Make(spec);
    int refused = 0, warned = 0;
    for (size_t at = 2; at < file.size(); ++at) {
      for (const int change : {1, 0x10, 0xff}) {
        std::string damaged = file;
        damaged[at] = static_cast<char>(damaged[at] ^ change);
        PictureNotes notes;
        const auto image = Decode(damaged, &notes);
        refused += !image.ok();
        warned += !notes.warnings.empty();
        if (image.ok()) CHECK(image->width <= kMaxImageSide);
      }
    }
    CHECK(refused > 0);
    CHECK(warned > 0);
  }
}

TEST_CASE("JPEG sizes are bounded before memory is taken") {
  const std::string file = Make({});
  const auto message = [](const std::string& bytes) {
    const auto image = Decode(bytes);
    REQUIRE_FALSE(image.ok());
    CHECK(image.status().code() == Code::kFailure);
    return std::string(image.status().message());
  };
  CHECK(message(Sized(file, 65500, 65500)).find("make it smaller first") != std::string::npos);
  CHECK(message(Sized(file, kMaxImageSide + 1, 1)).find("make it smaller first") != std::string::npos);
  CHECK(message(Sized(file, kMaxImageSide, kMaxImageSide)).find("make it smaller first") != std::string::npos);
  CHECK(message(Sized(file, kMaxImageSide, kMaxImagePixels / kMaxImageSide)).find("cannot come from") !=
        std::string::npos);
  CHECK_FALSE(Decode(Sized(file, 0, 4)).ok());
  CHECK_FALSE(Decode(Sized(file, 4, 0)).ok());
}

TEST_CASE("a JPEG of many scans is refused before it takes long") {
  const std::string file = Make({.across = 2, .down = 2, .progressive = true});
  const size_t last = file.rfind("\xff\xda"), end = file.size() - 2;
  std::string many = file.substr(0, end);
  for (int i = 0; i < 10000; ++i) many += file.substr(last, end - last);
  const auto image = Decode(many + "\xff\xd9");
  REQUIRE_FALSE(image.ok());
  CHECK(std::string(image.status().message()).find("more than 100 scans") != std::string::npos);
  std::string some = file.substr(0, end);
  for (int i = 0; i < 50; ++i) some += file.substr(last, end - last);
  PictureNotes notes;
  CHECK(Decode(some + "\xff\xd9", &notes).ok());
  CHECK(notes.warnings.size() <= 3);
  CHECK(Has(notes.warnings, "Inconsistent progression sequence"));
}

TEST_CASE("kinds of JPEG that are not read are named") {
  const std::string file = Make({});
  const auto refused = [&](const std::string& bytes, const char* name) {
    const auto image = Decode(bytes);
    CAPTURE(name);
    REQUIRE_FALSE(image.ok());
    CHECK_MESSAGE(std::string(image.status().message()).find(name) != std::string::npos,
                  std::string(image.status().message()));
  };
  const auto process = [&](char marker) {
    std::string other = file;
    other[FrameOf(file) + 1] = marker;
    return other;
  };
  refused(process('\xc5'), "hierarchical");
  refused(process('\xf7'), "JPEG-LS");
  std::string deep = file;
  deep[FrameOf(file) + 4] = 12;
  refused(deep, "12 bits per sample");
  refused("hello", "JPEG");
  refused("", "ends before");
}

Image Picture() {
  Image image = std::move(*Image::Create(kWidth, kHeight));
  for (int y = 0; y < kHeight; ++y) {
    for (int i = 0; i < 3 * kWidth; ++i) image.row(y)[i] = Sample(i / 3, y, i % 3);
  }
  return image;
}

TEST_CASE("what is written as JPEG is read back, the better the higher the quality") {
  const Image image = Picture();
  const auto expected = [](int x, int y, int c) { return static_cast<double>(Sample(x, y, c)); };
  const struct {
    int quality;
    double psnr;  // 1 dB below what was measured
  } cases[] = {{1, 20}, {50, 37.1}, {95, 46.2}, {100, 49.6}};
  size_t size = 0;
  for (const auto& [quality, psnr] : cases) {
    CAPTURE(quality);
    const auto file = EncodeJpeg(image, {}, quality);
    REQUIRE_MESSAGE(file.ok(), file.status().message());
    CHECK(file->size() > size);
    size = file->size();
    CHECK(*file == *EncodeJpeg(image, {}, quality));
    PictureNotes notes;
    const auto again = DecodeJpeg(*file, &notes);
    REQUIRE_MESSAGE(again.ok(), again.status().message());
    CHECK(Psnr(*again, expected) > psnr);
    CHECK(notes.warnings.empty());
    CHECK(notes.texts.empty());
    CHECK(notes.orientation == 1);
  }
  CHECK(EncodeJpeg(image, {}, 95)->size() < Make({}).size());  // with tables of its own
  CHECK_FALSE(EncodeJpeg(image, {}, 0).ok());
  CHECK_FALSE(EncodeJpeg(image, {}, 101).ok());
}

TEST_CASE("colour is written with full resolution") {
  Image stripes = std::move(*Image::Create(32, 32));
  for (int y = 0; y < 32; ++y) {
    for (int x = 0; x < 32; ++x) std::memcpy(stripes.row(y) + 3 * x, x % 2 ? "\xc8\x32\x32" : "\x32\x32\xc8", 3);
  }
  const auto again = DecodeJpeg(*EncodeJpeg(stripes, {}, 95));
  int most = 0;
  for (size_t i = 0; i < stripes.bytes().size(); ++i)
    most = std::max(most, std::abs(stripes.bytes()[i] - again->bytes()[i]));
  CHECK(most < 10);
}

TEST_CASE("what made a picture is read back from PNG and JPEG alike") {
  const Image image = Picture();
  const std::vector<PictureText> texts = {
      {kSoftware, "mien 1"},
      {kParameters, R"({"set": {"smile": "<1.5 & 'more' &amp;>"}, "name": "\u00e9"})"},
      {kDigitalSourceType, "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"}};
  PictureNotes png, jpeg;
  const auto png_file = EncodePicture(image, texts, {}), jpeg_file = EncodePicture(image, texts, {PictureKind::kJpeg});
  REQUIRE(DecodePicture(MemorySource(*png_file), &png).ok());
  REQUIRE(DecodePicture(MemorySource(*jpeg_file), &jpeg).ok());
  CHECK(png.texts == texts);
  CHECK(jpeg.texts == texts);
  // Of two packets the first counts.
  const std::string prefix = std::string("http://ns.adobe.com/xap/1.0/") + std::string(1, '\0');
  const std::string told = With(Make({}), 0xe1, prefix + XmpPacket(texts));
  REQUIRE(Decode(With(told, 0xe1, prefix + XmpPacket({texts[0]})), &jpeg).ok());
  CHECK(jpeg.texts == std::vector<PictureText>{texts[0]});
  const std::vector<PictureText> long_texts = {{kParameters, std::string(66000, 'a')}};
  const auto too_long = EncodeJpeg(image, long_texts, 95);
  REQUIRE_FALSE(too_long.ok());
  CHECK(too_long.status().code() == Code::kUsage);
  CHECK(EncodePng(image, long_texts).ok());
}

TEST_CASE("XMP that another program wrote is read too, and a damaged one gives nothing") {
  const auto texts = TextsInXmp(
      "<rdf:Description xmp:CreatorTool=\"a &lt;b&gt;\">\n <Iptc4xmpExt:DigitalSourceType>mark"
      "</Iptc4xmpExt:DigitalSourceType>");
  CHECK(texts == std::vector<PictureText>{{kSoftware, "a <b>"}, {kDigitalSourceType, "mark"}});
  const std::string packet = XmpPacket({{kSoftware, "one"}});
  const size_t end = packet.find("</xmp:CreatorTool>") + 18;
  for (size_t size = 0; size <= packet.size(); ++size) {
    const std::vector<char> cut(packet.begin(), packet.begin() + static_cast<ptrdiff_t>(size));
    CHECK(TextsInXmp({cut.data(), cut.size()}).size() == (size >= end ? 1 : 0));
  }
}

}  // namespace
}  // namespace mien
