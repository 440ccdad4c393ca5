#include "runtime/face/align.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "base/file.h"
#include "runtime/face/resample.h"
#include "weights/container.h"

namespace mien {
namespace {

TensorFile Golden() {
  auto source = File::Open(MIEN_SOURCE_DIR "/tests/data/golden/sh_align.safetensors");
  REQUIRE(source.ok());
  auto file = TensorFile::Open(std::make_shared<File>(std::move(*source)), TensorFile::Profile::kPlain);
  REQUIRE(file.ok());
  return std::move(*file);
}

template <class Number>
std::vector<Number> Numbers(const TensorFile& file, const std::string& name) {
  const TensorEntry* entry = file.Find(name);
  REQUIRE(entry != nullptr);
  std::vector<Number> numbers(entry->bytes / sizeof(Number));
  REQUIRE(file.Read(*entry, std::as_writable_bytes(std::span<Number>(numbers))).ok());
  return numbers;
}

int64_t Triangle(int64_t value, int64_t period) {
  const int64_t r = value % (2 * period);
  return (r < period ? r : 2 * period - r) * 255 / period;
}

// The recipe of the recorded inputs (tests/data/golden/README.md).
Image MadePhoto(int64_t width, int64_t height, int64_t a) {
  auto image = Image::Create(static_cast<int>(width), static_cast<int>(height));
  REQUIRE(image.ok());
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      uint8_t* pixel = image->row(static_cast<int>(y)) + 3 * x;
      pixel[0] = static_cast<uint8_t>(Triangle(3 * x + 2 * y + a, 97));
      pixel[1] = static_cast<uint8_t>(Triangle(2 * x - 5 * y + 7 * a + 100000, 131));
      pixel[2] = static_cast<uint8_t>(Triangle((x * x + y * y) / (64 + a) + 3 * x, 113));
    }
  }
  return std::move(*image);
}

// A face of the given distance between the eyes; only the points that alignment reads are placed.
Landmarks Face(Point centre, double eyes) {
  Landmarks face = {};
  for (int i = 36; i <= 41; ++i) face[i] = {centre.x - eyes / 2, centre.y};
  for (int i = 42; i <= 47; ++i) face[i] = {centre.x + eyes / 2, centre.y};
  face[48] = {centre.x - eyes / 3, centre.y + eyes};
  face[54] = {centre.x + eyes / 3, centre.y + eyes};
  return face;
}

}  // namespace

TEST_CASE("alignment gives the recorded pixels: inside, beyond the border, shrunk") {
  const TensorFile golden = Golden();
  for (const char* number : {"0", "1", "2"}) {
    CAPTURE(number);
    const auto key = [&](const char* name) { return std::string(number) + "/" + name; };
    const auto recipe = Numbers<int64_t>(golden, key("params_w_h_a"));
    const Image photo = MadePhoto(recipe[0], recipe[1], recipe[2]);
    int64_t sum = 0, weighted = 0;
    for (size_t i = 0; i < photo.bytes().size(); ++i) {
      sum += photo.bytes()[i];
      weighted += photo.bytes()[i] * static_cast<int64_t>(i % 251);
    }
    CHECK(Numbers<int64_t>(golden, key("input_crc_sum")) == std::vector<int64_t>{sum, weighted});
    const auto points = Numbers<int64_t>(golden, key("landmarks"));
    Landmarks landmarks;
    for (int i = 0; i < kLandmarks; ++i)
      landmarks[i] = {static_cast<double>(points[2 * i]), static_cast<double>(points[2 * i + 1])};
    const auto aligned = AlignFace(photo, landmarks, 256);
    REQUIRE(aligned.ok());
    const auto expected = Numbers<uint8_t>(golden, key("aligned_u8"));
    int64_t different = 0;
    for (size_t i = 0; i < expected.size(); ++i) different += aligned->bytes()[i] != expected[i];
    CHECK(different == 0);
  }
}

TEST_CASE("any number of threads cuts out the same bits and places") {
  const auto pool = std::move(*ThreadPool::Create(3));
  for (const int size : {64, 16}) {  // warped alone, and shrunk before
    for (const Point middle : {Point{100, 90}, Point{30, 20}}) {
      SquarePlace one, other;
      const Image photo = MadePhoto(220, 200, 3);
      const auto alone = AlignFace(photo, Face(middle, 42), size, &one);
      const auto together = AlignFace(photo, Face(middle, 42), size, &other, pool.get());
      REQUIRE(alone.ok());
      CHECK(std::ranges::equal(alone->bytes(), together->bytes()));
      CHECK(std::memcmp(&one, &other, sizeof one) == 0);
    }
  }
}

TEST_CASE("points between pixels are rounded, halves up") {
  Landmarks face = Face({100, 90}, 42);  // all points whole
  const auto whole = AlignFace(MadePhoto(220, 200, 3), face, 64);
  REQUIRE(whole.ok());
  for (Point& point : face) point = {point.x - 0.5, point.y + 0.49};
  CHECK(RoundedLandmarks(face)[48].x == 86);
  const auto between = AlignFace(MadePhoto(220, 200, 3), face, 64);
  REQUIRE(between.ok());
  CHECK(std::equal(whole->bytes().begin(), whole->bytes().end(), between->bytes().begin()));
}

TEST_CASE("what cannot be aligned is refused") {
  const Image photo = MadePhoto(120, 100, 1);
  Landmarks nowhere = Face({50, 50}, 30);
  nowhere[3].x = std::numeric_limits<double>::quiet_NaN();
  CHECK(AlignFace(photo, nowhere, 64).status().code() == Code::kUsage);
  const Status point = AlignFace(photo, Face({50, 50}, 0), 64).status();
  CHECK(std::string(point.message()).find("sides of") != std::string::npos);
  const Status outside = AlignFace(photo, Face({5000, 50}, 30), 64).status();
  CHECK(std::string(outside.message()).find("outside of the picture of 120 x 100") != std::string::npos);
  const Status huge = AlignFace(photo, Face({50, 50}, 1e9), 64).status();
  CHECK(std::string(huge.message()).find("does not belong to a picture of 120 x 100") != std::string::npos);
  CHECK_FALSE(AlignFace(photo, Face({50, 50}, 1e300), 64).ok());
  CHECK_FALSE(AlignFace(photo, Face({50, 50}, 30), 0).ok());
  // Pictures of a single row or column have a mirror image as well.
  CHECK(AlignFace(MadePhoto(1, 1, 0), Face({0, 0}, 8), 32).ok());
}

}  // namespace mien
