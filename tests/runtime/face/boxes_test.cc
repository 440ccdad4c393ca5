// Boxes, the suppression of overlaps, and the way from a box to what the next network sees.
#include "runtime/face/boxes.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "runtime/face/face_input.h"
#include "runtime/face/face_search.h"

namespace mien {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool Same(const Part& part, int x, int y, int width, int height) {
  return part.x == x && part.y == y && part.width == width && part.height == height;
}

TEST_CASE("overlap of boxes") {
  const Box box = {10, 20, 30, 40, 1};
  CHECK(Overlap(box, box) == 1);
  CHECK(Overlap(box, {25, 20, 30, 40, 1}) == doctest::Approx(1.0 / 3));
  CHECK(Overlap(box, {40, 20, 30, 40, 1}) == 0);
  CHECK(Overlap(box, {10, 60, 30, 40, 1}) == 0);
  CHECK(Overlap(box, {20, 30, 10, 10, 1}) == doctest::Approx(100.0 / 1200));
  CHECK(Overlap(box, {20, 30, 0, 10, 1}) == 0);
  CHECK(Overlap(box, {20, 30, -5, 10, 1}) == 0);
}

TEST_CASE("of overlapping boxes the best is kept, and a box that overlaps only what is gone") {
  const std::vector<Box> boxes = {{0, 0, 10, 10, 0.5}, {4, 0, 10, 10, 0.9}, {8, 0, 10, 10, 0.4}, {12, 0, 10, 10, 0.3}};
  const std::vector<Box> kept = SuppressOverlaps(boxes, 0.4);  // neighbours overlap by 3/7, others by 1/9
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].score == 0.9);
  CHECK(kept[1].score == 0.3);
  CHECK(SuppressOverlaps(boxes, 0.5).size() == 4);
  CHECK(SuppressOverlaps({}, 0.5).empty());
  const std::vector<Box> equal = SuppressOverlaps({{0, 0, 1, 1, 0.5}, {9, 9, 1, 1, 0.5}}, 0.5);
  CHECK(equal[0].x == 0);  // of equals the first first
}

TEST_CASE("cells: one box where one score is high, in a photo that is wider than high") {
  constexpr int kSide = 13;
  std::vector<float> cells(25 * kSide * kSide, -20.0f);
  const auto set = [&](int anchor, int k, int row, int column, float value) {
    cells[static_cast<size_t>(((5 * anchor + k) * kSide + row) * kSide + column)] = value;
  };
  const auto put = [&](int row, int column, float score) {
    for (const int k : {0, 1, 2, 3}) set(2, k, row, column, 0);
    set(2, 4, row, column, score);
  };
  put(3, 5, 2);
  const std::vector<Box> boxes = BoxesOfCells(cells, {832, 416, 416}, 0.3);
  REQUIRE(boxes.size() == 1);
  // A cell is 64 pixels of the photo: of it 416 x 208 pixels are seen.
  CHECK(boxes[0].width == doctest::Approx(2.882459 * 64));
  CHECK(boxes[0].height == doctest::Approx(3.518061 * 64));
  CHECK(boxes[0].x + boxes[0].width / 2 == doctest::Approx(5.5 * 64));
  CHECK(boxes[0].y + boxes[0].height / 2 == doctest::Approx(3.5 * 64));
  CHECK(boxes[0].score == doctest::Approx(1 / (1 + std::exp(-2.0))));
  CHECK(BoxesOfCells(cells, {832, 416, 416}, 0.9).empty());
  put(3, 6, 3);  // overlaps the other by far
  const std::vector<Box> better = BoxesOfCells(cells, {832, 416, 416}, 0.3);
  REQUIRE(better.size() == 1);
  CHECK(better[0].x + better[0].width / 2 == doctest::Approx(6.5 * 64));
  put(10, 11, 1);
  CHECK(BoxesOfCells(cells, {832, 416, 416}, 0.3).size() == 2);
}

TEST_CASE("maps: anchors in the order of maps, cells and boxes; boxes end at the photo") {
  // Two maps, of 2x2 cells with two boxes and of one cell with one.
  std::vector<float> boxes0(8 * 4), classes0(4 * 4, -20.0f), boxes1(4), classes1(2, -20.0f), anchors(9 * 4);
  for (size_t i = 0; i < 9; ++i) {
    anchors[4 * i] = 0.1f * static_cast<float>(i);  // y0, x0, y1, x1
    anchors[4 * i + 1] = 0.0f;
    anchors[4 * i + 2] = 0.1f * static_cast<float>(i) + 0.2f;
    anchors[4 * i + 3] = 0.4f;
  }
  const SsdMap maps[] = {{boxes0, classes0, 2, 2}, {boxes1, classes1, 1, 1}};
  const DetectorView square = {100, 100, 64};
  classes0[(1 * 2 + 1) * 4 + 2] = 1.0f;  // cell 2, box 1: anchor 5
  std::vector<Box> found = BoxesOfMaps(maps, 2, anchors, square, 0.3);
  REQUIRE(found.size() == 1);
  CHECK(found[0].y == doctest::Approx(50));
  CHECK(found[0].height == doctest::Approx(20));
  CHECK(found[0].x == doctest::Approx(0));
  CHECK(found[0].width == doctest::Approx(40));
  boxes0[(4 * 1 + 0) * 4 + 2] = 5.0f;                // half a height down
  boxes0[(4 * 1 + 3) * 4 + 2] = 5 * std::log(2.0f);  // twice as wide: beyond the left border
  found = BoxesOfMaps(maps, 2, anchors, square, 0.3);
  CHECK(found[0].y == doctest::Approx(60));
  CHECK(found[0].x == 0);
  CHECK(found[0].width == doctest::Approx(60));
  classes1[1] = 3.0f;  // the last anchor; 0.8 to 1 along y
  found = BoxesOfMaps(maps, 2, anchors, {200, 100, 64}, 0.3);
  REQUIRE(found.size() == 2);
  CHECK(found[0].score > found[1].score);
  CHECK(found[0].y == doctest::Approx(160));  // of a photo half as high the lower half of the input is black
  CHECK(found[0].width == doctest::Approx(80));
}

TEST_CASE("the part of a box that lies in the photo, in whole pixels") {
  CHECK(Same(PartOf({1.9, 2.1, 3.95, 4.9}, 100, 50), 1, 2, 3, 4));
  CHECK(Same(PartOf({-5.5, -2, 10, 10}, 100, 50), 0, 0, 4, 8));
  CHECK(Same(PartOf({95.5, 40, 10, 20}, 100, 50), 95, 40, 4, 10));
  for (const Box& outside :
       {Box{-10, 0, 10, 5}, Box{100, 0, 5, 5}, Box{0, 0, 0.9, 5}, Box{0, 0, 5, -1}, Box{kNaN, 0, 5, 5},
        Box{0, kNaN, 5, 5}, Box{0, 0, kNaN, 5}, Box{0, 0, 5, kNaN}, Box{1e300, 0, 5, 5}})
    CHECK(PartOf(outside, 100, 50).empty());
  CHECK(Same(PartOf({-1e300, 0, 2e300, 1e300}, 100, 50), 0, 0, 100, 50));
}

TEST_CASE("landmarks: from the network's square to the part, and on to the photo") {
  std::vector<float> output(136);
  for (size_t i = 0; i < 68; ++i) {
    output[2 * i] = 0.5f;
    output[2 * i + 1] = 0.25f;
  }
  const Part wide = {30, 40, 20, 10};
  const Landmarks relative = RelativeLandmarks(output, 112, wide);
  CHECK(relative[67].x == doctest::Approx(0.5));
  CHECK(relative[67].y == doctest::Approx(0));  // a quarter of the square is black above the part
  const Landmarks high = RelativeLandmarks(output, 112, {0, 0, 10, 20});
  CHECK(high[0].x == doctest::Approx(0.5));
  CHECK(high[0].y == doctest::Approx(0.25));
  const Landmarks placed = LandmarksIn(relative, wide, {30.5, 40.25, 20.9, 10.9});
  CHECK(placed[3].x == doctest::Approx(40.5));
  CHECK(placed[3].y == doctest::Approx(40.25));
}

TEST_CASE("boxes of landmarks") {
  Landmarks landmarks;
  for (size_t i = 0; i < 68; ++i)
    landmarks[i] = {100.0 + static_cast<double>(i % 2) * 50, 200.0 + static_cast<double>(i % 3) * 30};
  const Box around = BoxAround(landmarks);
  CHECK(around.x == doctest::Approx(95));
  CHECK(around.width == doctest::Approx(60));
  CHECK(around.y == doctest::Approx(194));
  CHECK(around.height == doctest::Approx(72));
  for (size_t i = 36; i < 42; ++i) landmarks[i] = {100, 100};
  for (size_t i = 42; i < 48; ++i) landmarks[i] = {160, 100};
  for (size_t i = 48; i < 68; ++i) landmarks[i] = {130, 140};
  const Box square = RecognizerBox(landmarks, {0, 0, 500, 500});  // eyes to mouth: 50, so a side of 111
  CHECK(square.width == 111);
  CHECK(square.height == 111);
  CHECK(square.x == std::floor(130 - 55.5));
  CHECK(square.y == std::floor(340.0 / 3 - 0.43 * 111));
  CHECK(RecognizerBox(landmarks, {0, 0, 20, 30}).width == 20 + square.x);
}

TEST_CASE("a part as a network's input: black around it, pixels between pixels, each channel shifted and scaled") {
  Image photo = std::move(*Image::Create(4, 3));
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 4; ++x) {
      for (int c = 0; c < 3; ++c) photo.row(y)[3 * x + c] = static_cast<uint8_t>(10 * (4 * y + x) + c);
    }
  }
  const FaceScale plain = {{0, 0, 0}, 1};
  std::vector<float> out(3 * 16);
  ToSquare(photo, {0, 0, 4, 3}, InSquare::kCorner, 4, plain, out);
  for (int c = 0; c < 3; ++c) {
    for (int i = 0; i < 12; ++i) CHECK(out[static_cast<size_t>(16 * c + i)] == static_cast<float>(10 * i + c));
    for (int i = 12; i < 16; ++i) CHECK(out[static_cast<size_t>(16 * c + i)] == 0);
  }
  ToSquare(photo, {1, 0, 1, 3}, InSquare::kMiddle, 3, plain, std::span(out).first(27));
  CHECK(out[0] == 0);
  CHECK(out[1] == 10);
  CHECK(out[2] == 0);
  CHECK(out[7] == 90);
  // Of two black columns one is on either side; of one it is the right one.
  ToSquare(photo, {0, 0, 2, 3}, InSquare::kMiddle, 3, plain, std::span(out).first(27));
  CHECK(out[0] == 0);
  CHECK(out[2] == 0);
  // Twice as large: halfway between two pixels, and the last one repeated.
  std::vector<float> large(3 * 64);
  ToSquare(photo, {0, 0, 4, 3}, InSquare::kCorner, 8, plain, large);
  CHECK(large[1] == 5);
  CHECK(large[7] == 30);
  CHECK(large[8] == 20);
  CHECK(large[5 * 8] == 40);  // half of the last row, half black
  ToSquare(photo, {0, 0, 4, 3}, InSquare::kCorner, 4, {{10, 20, 30}, 2}, out);
  CHECK(out[1] == 0);
  CHECK(out[16] == (1.0f - 20) / 2);
}

TEST_CASE("parts of a photo overlap by a third and cover it") {
  CHECK(PartsOf(300, 200, 512).size() == 1);
  CHECK(Same(PartsOf(300, 200, 512)[0], 0, 0, 300, 200));
  const std::vector<Part> parts = PartsOf(1600, 600, 512);
  for (const Part& part : parts) CHECK((part.x >= 0 && part.x + part.width <= 1600 && part.y + part.height <= 600));
  CHECK(Same(parts.back(), 1600 - 512, 600 - 512, 512, 512));
  for (size_t i = 1; i < parts.size(); ++i)
    CHECK((parts[i].y != parts[i - 1].y || parts[i].x - parts[i - 1].x <= 512 * 2 / 3 + 1));
}

TEST_CASE("the look that is sure of more faces is chosen; of equals the one with the better face") {
  const auto face = [](double score) { return Box{0, 0, 1, 1, score}; };
  const auto chosen = [](std::vector<Box> a, std::vector<Box> b) { return ChooseLook({{"a", a}, {"b", b}}); };
  CHECK(chosen({}, {}) == -1);
  CHECK(chosen({face(0.4)}, {}) == 0);
  CHECK(chosen({}, {face(0.4)}) == 1);
  CHECK(chosen({face(0.98)}, {face(0.97), face(0.6)}) == 1);
  CHECK(chosen({face(0.98)}, {face(0.97), face(0.4)}) == 0);
  CHECK(chosen({face(0.4)}, {face(0.45)}) == 1);
  CHECK(chosen({face(0.9)}, {face(0.9)}) == 0);
}

}  // namespace
}  // namespace mien
