// Pictures: every PNG kind against a formula, hostile files, resize against Pillow, rounding of floats.
#include "runtime/face/image.h"
#include "runtime/face/resample.h"

#include <doctest/doctest.h>
#include <png.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/file.h"

namespace mien {
namespace {

using Bytes = std::vector<std::byte>;

struct Kind {
  int colour, depth;
};
constexpr Kind kKinds[] = {
    {PNG_COLOR_TYPE_GRAY, 1},        {PNG_COLOR_TYPE_GRAY, 2},      {PNG_COLOR_TYPE_GRAY, 4},
    {PNG_COLOR_TYPE_GRAY, 8},        {PNG_COLOR_TYPE_GRAY, 16},     {PNG_COLOR_TYPE_RGB, 8},
    {PNG_COLOR_TYPE_RGB, 16},        {PNG_COLOR_TYPE_PALETTE, 1},   {PNG_COLOR_TYPE_PALETTE, 2},
    {PNG_COLOR_TYPE_PALETTE, 4},     {PNG_COLOR_TYPE_PALETTE, 8},   {PNG_COLOR_TYPE_GRAY_ALPHA, 8},
    {PNG_COLOR_TYPE_GRAY_ALPHA, 16}, {PNG_COLOR_TYPE_RGB_ALPHA, 8}, {PNG_COLOR_TYPE_RGB_ALPHA, 16},
};

// The sample of channel c at (x, y): any number below 2^depth.
unsigned Sample(int x, int y, int c, int depth) {
  return (x * 7919u + y * 104729u + c * 1299709u) % (1u << depth);
}

int Channels(int colour) {
  switch (colour) {
    case PNG_COLOR_TYPE_GRAY_ALPHA:
      return 2;
    case PNG_COLOR_TYPE_RGB:
      return 3;
    case PNG_COLOR_TYPE_RGB_ALPHA:
      return 4;
    default:
      return 1;
  }
}

png_color PaletteEntry(unsigned i) {
  return {static_cast<png_byte>(i * 37), static_cast<png_byte>(255 - i), static_cast<png_byte>(i * i)};
}

struct Spec {
  Kind kind;
  int width, height;
  bool interlaced = false;
  bool transparency = false;  // a tRNS chunk
};

void Append(png_structp png, png_bytep bytes, size_t count) {
  auto* file = static_cast<Bytes*>(png_get_io_ptr(png));
  file->insert(file->end(), reinterpret_cast<std::byte*>(bytes), reinterpret_cast<std::byte*>(bytes) + count);
}

// A PNG of any kind, written with libpng's own writer from packed samples.
Bytes MakePng(const Spec& spec) {
  Bytes file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &file, Append, nullptr);
  png_set_IHDR(png, info, spec.width, spec.height, spec.kind.depth, spec.kind.colour,
               spec.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (spec.kind.colour == PNG_COLOR_TYPE_PALETTE) {
    png_color palette[256];
    png_byte alphas[256];
    const int entries = 1 << spec.kind.depth;
    for (int i = 0; i < entries; ++i) {
      palette[i] = PaletteEntry(i);
      alphas[i] = static_cast<png_byte>(i * 5);
    }
    png_set_PLTE(png, info, palette, entries);
    if (spec.transparency) png_set_tRNS(png, info, alphas, entries, nullptr);
  } else if (spec.transparency) {
    png_color_16 clear = {};
    clear.gray = clear.red = Sample(2, 1, 0, spec.kind.depth);
    clear.green = Sample(2, 1, 1, spec.kind.depth);
    clear.blue = Sample(2, 1, 2, spec.kind.depth);
    png_set_tRNS(png, info, nullptr, 0, &clear);
  }
  const int channels = Channels(spec.kind.colour), bits = channels * spec.kind.depth;
  std::vector<std::vector<png_byte>> rows(spec.height, std::vector<png_byte>((spec.width * bits + 7) / 8, 0));
  for (int y = 0; y < spec.height; ++y) {
    for (int x = 0; x < spec.width; ++x) {
      for (int c = 0; c < channels; ++c) {
        const unsigned value = Sample(x, y, c, spec.kind.depth);
        const int at = x * bits + c * spec.kind.depth;
        if (spec.kind.depth == 16) {
          rows[y][at / 8] = static_cast<png_byte>(value >> 8);
          rows[y][at / 8 + 1] = static_cast<png_byte>(value);
        } else {
          rows[y][at / 8] |= static_cast<png_byte>(value << (8 - spec.kind.depth - at % 8));
        }
      }
    }
  }
  std::vector<png_bytep> pointers;
  for (auto& row : rows) pointers.push_back(row.data());
  png_set_rows(png, info, pointers.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&png, &info);
  return file;
}

unsigned To8(unsigned value, int depth) {
  return static_cast<unsigned>(std::lround(value * 255.0 / ((1u << depth) - 1)));
}

// What DecodePng promises for one pixel.
void Expected(const Spec& spec, int x, int y, unsigned rgb[3]) {
  const auto& [colour, depth] = spec.kind;
  unsigned alpha = 255;
  if (colour == PNG_COLOR_TYPE_PALETTE) {
    const unsigned index = Sample(x, y, 0, depth);
    const png_color entry = PaletteEntry(index);
    rgb[0] = entry.red;
    rgb[1] = entry.green;
    rgb[2] = entry.blue;
    if (spec.transparency) alpha = (index * 5) & 255;
  } else {
    const bool grey = (colour & PNG_COLOR_MASK_COLOR) == 0;
    bool clear = spec.transparency;
    for (int c = 0; c < 3; ++c) {
      const int channel = grey ? 0 : c;
      rgb[c] = To8(Sample(x, y, channel, depth), depth);
      if (Sample(x, y, channel, depth) != Sample(2, 1, channel, depth)) clear = false;
    }
    if (colour & PNG_COLOR_MASK_ALPHA) alpha = To8(Sample(x, y, Channels(colour) - 1, depth), depth);
    if (clear) alpha = 0;
  }
  for (int c = 0; c < 3; ++c) {
    rgb[c] = static_cast<unsigned>(std::lround(rgb[c] * (alpha / 255.0) + 255.0 * (1.0 - alpha / 255.0)));
  }
}

// The source picture of tests/data/resize/make.py.
int Triangle(int64_t value, int64_t period) {
  const int64_t rest = value % (2 * period);
  return static_cast<int>((rest < period ? rest : 2 * period - rest) * 255 / period);
}

Image TestPicture(int width, int height) {
  Image image = std::move(*Image::Create(width, height));
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      uint8_t* pixel = image.row(static_cast<int>(y)) + 3 * x;
      pixel[0] = static_cast<uint8_t>(Triangle(3 * x + 2 * y, 97));
      pixel[1] = static_cast<uint8_t>(Triangle(2 * x - 5 * y + 100000, 13));
      pixel[2] = static_cast<uint8_t>(Triangle(x * x + y * y + 3 * x, 113));
    }
  }
  return image;
}

bool Same(const Image& a, const Image& b) {
  return a.width == b.width && a.height == b.height &&
         std::memcmp(a.pixels.data(), b.pixels.data(), a.bytes().size()) == 0;
}

uint32_t ChunkCrc(const std::byte* bytes, size_t count) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < count; ++i) {
    crc ^= static_cast<uint32_t>(bytes[i]);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0xedb88320u : 0);
  }
  return ~crc;
}

// Writes other sizes into the header of a PNG, with the right checksum.
void DeclareSize(Bytes& file, uint32_t width, uint32_t height) {
  const auto put = [&](size_t at, uint32_t value) {
    for (int i = 0; i < 4; ++i) file[at + i] = static_cast<std::byte>(value >> (24 - 8 * i));
  };
  put(16, width);
  put(20, height);
  put(29, ChunkCrc(&file[12], 17));
}

TEST_CASE("PNG of every colour type, depth and interlacing decodes to the stated RGB") {
  for (const Kind& kind : kKinds) {
    for (const bool interlaced : {false, true}) {
      for (const bool transparency : {false, true}) {
        if (transparency && (kind.colour & PNG_COLOR_MASK_ALPHA)) continue;
        const Spec spec = {kind, 37, 19, interlaced, transparency};
        CAPTURE(kind.colour);
        CAPTURE(kind.depth);
        CAPTURE(interlaced);
        CAPTURE(transparency);
        const auto image = DecodePng(MakePng(spec));
        REQUIRE_MESSAGE(image.ok(), image.status().message());
        REQUIRE(image->width == 37);
        REQUIRE(image->height == 19);
        int wrong = 0;
        for (int y = 0; y < 19; ++y) {
          for (int x = 0; x < 37; ++x) {
            unsigned expected[3];
            Expected(spec, x, y, expected);
            for (int c = 0; c < 3; ++c) wrong += image->row(y)[3 * x + c] != expected[c];
          }
        }
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("What is written is read back, texts included") {
  const Image image = TestPicture(65, 33);
  const std::string text = "{\"set\": {\"smile\": 1.5}}";
  const auto file = EncodePng(image, {{"mien", text}});
  REQUIRE(file.ok());
  const auto again = DecodePng(*file);
  REQUIRE_MESSAGE(again.ok(), again.status().message());
  CHECK(Same(image, *again));
  const std::string raw(reinterpret_cast<const char*>(file->data()), file->size());
  CHECK(raw.find(text) != std::string::npos);
  const auto plain = EncodePng(image, {});
  REQUIRE(plain.ok());
  CHECK(plain->size() < file->size());
}

TEST_CASE("Every truncation of a PNG before the end of its pixels is refused") {
  for (const bool interlaced : {false, true}) {
    const Bytes file = MakePng({{PNG_COLOR_TYPE_PALETTE, 8}, 21, 13, interlaced, true});
    REQUIRE(DecodePng(file).ok());
    constexpr size_t kEnd = 12;  // bytes of IEND, without which the picture is whole (photo_test.cc)
    for (size_t size = 0; size < file.size() - kEnd; ++size) {
      CAPTURE(size);
      CHECK_FALSE(DecodePng(std::span(file).first(size)).ok());
    }
  }
}

TEST_CASE("A PNG with any single byte changed is refused or decoded, never more") {
  const Bytes file = MakePng({{PNG_COLOR_TYPE_RGB, 8}, 9, 7});
  int refused = 0;
  const size_t pixels_end = file.size() - 12;  // then IEND, whose damage is a warning
  for (size_t at = 0; at < pixels_end; ++at) {
    for (int change = 1; change < 256; change += 2) {
      Bytes damaged = file;
      damaged[at] ^= static_cast<std::byte>(change);
      refused += !DecodePng(damaged).ok();
    }
  }
  CHECK(refused > static_cast<int>(pixels_end) * 120);  // nearly all of the 128 changes of every byte
}

TEST_CASE("Declared sizes are bounded before memory is taken") {
  const Bytes file = MakePng({{PNG_COLOR_TYPE_RGB, 8}, 4, 4});
  struct Size {
    uint32_t width, height;
  };
  for (const auto& [width, height] : {Size{60000, 60000},
                                      {kMaxImageSide + 1, 1},
                                      {1, kMaxImageSide + 1},
                                      {kMaxImageSide, kMaxImageSide},
                                      {0x7fffffff, 1},
                                      {0xffffffff, 0xffffffff},
                                      {0, 4},
                                      {4, 0}}) {
    CAPTURE(width);
    CAPTURE(height);
    Bytes bomb = file;
    DeclareSize(bomb, width, height);
    const auto image = DecodePng(bomb);
    CHECK_FALSE(image.ok());
    CHECK(image.status().code() == Code::kFailure);
  }
  Bytes tall = file;
  DeclareSize(tall, 4, 5);  // allowed, but the pixels are not there
  CHECK_FALSE(DecodePng(tall).ok());
}

TEST_CASE("Resize gives the numbers of Pillow") {
  struct Case {
    int width, height, to_width, to_height;
  };
  for (const Case& c : {Case{37, 23, 16, 16},
                        {16, 16, 40, 56},
                        {300, 200, 64, 64},
                        {200, 200, 200, 31},
                        {129, 65, 128, 65},
                        {5, 3, 1, 1}}) {
    char path[300];
    std::snprintf(path, sizeof path, "%s/tests/data/resize/%dx%d_%dx%d.png", MIEN_SOURCE_DIR, c.width,
                  c.height, c.to_width, c.to_height);
    CAPTURE(path);
    const auto expected = ReadImage(path);
    REQUIRE_MESSAGE(expected.ok(), expected.status().message());
    const auto resized = ResizeImage(TestPicture(c.width, c.height), c.to_width, c.to_height);
    REQUIRE(resized.ok());
    CHECK(Same(*resized, *expected));
  }
  const Image image = TestPicture(31, 17);
  CHECK(Same(*ResizeImage(image, 31, 17), image));
  CHECK_FALSE(ResizeImage(image, 0, 5).ok());
}

TEST_CASE("A region of a resized picture is that part of the whole, with any number of threads") {
  const auto pool = std::move(*ThreadPool::Create(3));
  const Image image = TestPicture(129, 65);
  struct Case {
    int width, height;
    Region region;
  };
  for (const Case& c :
       {Case{40, 30, {0, 0, 40, 30}}, Case{40, 30, {7, 5, 31, 29}}, Case{40, 65, {39, 64, 40, 65}},
        Case{129, 200, {3, 150, 128, 200}}, Case{300, 31, {200, 0, 201, 31}}, Case{129, 65, {12, 13, 99, 14}}}) {
    for (const Filter filter : {Filter::kTriangle, Filter::kLanczos}) {
      const Region& r = c.region;
      const Image whole = std::move(*ResizeImage(image, c.width, c.height, filter));
      const Image expected = std::move(*CropImage(whole, r.left, r.top, r.right - r.left, r.bottom - r.top));
      for (ThreadPool* const threads : {static_cast<ThreadPool*>(nullptr), pool.get()}) {
        CAPTURE(c.width);
        CHECK(Same(*ResizeRegion(image, c.width, c.height, filter, r, threads), expected));
      }
    }
  }
}

TEST_CASE("The crop takes the centre") {
  const Image image = TestPicture(30, 21);
  const auto square = CropCentreSquare(image);
  REQUIRE(square.ok());
  REQUIRE(square->width == 21);
  REQUIRE(square->height == 21);
  for (int y = 0; y < 21; ++y) CHECK(std::memcmp(square->row(y), image.row(y) + 3 * 4, 3 * 21) == 0);
}

TEST_CASE("Floats: input scaling, both roundings, planes") {
  const Image image = TestPicture(4, 4);
  std::vector<float> floats(3 * 16);
  ToFloats(image, floats);
  for (int i = 0; i < 16; ++i) {
    for (int c = 0; c < 3; ++c) {
      CHECK(floats[c * 16 + i] == (image.row(i / 4)[3 * (i % 4) + c] / 255.0f - 0.5f) / 0.5f);
    }
  }
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  // 2x2 pixels of the first channel; recorded from the two formulas, evaluated in NumPy float32.
  const float values[] = {-1.0f, 0.0f,  1.0f,     0.5f,      -0.996f, 0.9999f,
                          7.0f,  -3.0f, infinity, -infinity, nan,     0.25f};
  const int unit[] = {0, 127, 255, 191, 0, 254, 255, 0, 255, 0, 0, 159};
  const int shifted[] = {0, 128, 255, 191, 1, 255, 255, 0, 255, 0, 0, 159};
  const auto a = FromFloats(values, 2, PixelRounding::kUnit),
             b = FromFloats(values, 2, PixelRounding::kShifted);
  REQUIRE(a.ok());
  REQUIRE(b.ok());
  for (int i = 0; i < 12; ++i) {
    CAPTURE(i);
    const int at = 3 * (i % 4) + i / 4;
    CHECK(a->bytes()[at] == unit[i]);
    CHECK(b->bytes()[at] == shifted[i]);
  }
}

TEST_CASE("Contact sheet: places, margins, refusals") {
  auto sheet = ContactSheet::Create(3, 2, 5, 4, 3);
  REQUIRE(sheet.ok());
  const Image& image = sheet->image();
  CHECK(image.width == 2 * 5 + 3 * 3);
  CHECK(image.height == 2 * 4 + 3 * 3);
  Image picture = TestPicture(5, 4);
  for (int i = 0; i < 3; ++i) {
    picture.row(0)[0] = static_cast<uint8_t>(70 + i);
    REQUIRE(sheet->Place(i, picture).ok());
  }
  CHECK(image.row(3)[3 * 3] == 70);
  CHECK(image.row(3)[3 * (3 + 5 + 3)] == 71);
  CHECK(image.row(3 + 4 + 3)[3 * 3] == 72);
  CHECK(std::memcmp(image.row(3 + 4 + 3 + 2) + 9, picture.row(2), 15) == 0);
  CHECK(image.row(0)[0] == 255);
  CHECK(image.row(3 + 4 + 3)[3 * (3 + 5 + 3)] == 255);  // the fourth place is empty
  CHECK_FALSE(sheet->Place(3, picture).ok());
  CHECK_FALSE(sheet->Place(-1, picture).ok());
  CHECK_FALSE(sheet->Place(0, TestPicture(5, 5)).ok());
  CHECK_FALSE(ContactSheet::Create(0, 2, 5, 4, 3).ok());
  CHECK_FALSE(ContactSheet::Create(4096, 64, 1024, 1024, 4).ok());
}

}  // namespace
}  // namespace mien
