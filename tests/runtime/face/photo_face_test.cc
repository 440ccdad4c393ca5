#include "runtime/face/photo_face.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "runtime/builtin_model.h"
#include "runtime/face/resample.h"

namespace mien {
namespace {

const std::string kFaces = std::string(MIEN_SOURCE_DIR) + "/tests/data/faces/";

TEST_CASE("a choice of faces is read, or refused") {
  CHECK(ParseFaceChoice("all")->all);
  CHECK(ParseFaceChoice("12")->number == 12);
  const auto point = ParseFaceChoice("3.5,-7");
  REQUIRE(point->point.has_value());
  CHECK(point->point->x == 3.5);
  CHECK(point->point->y == -7);
  const auto largest = ParseFaceChoice("largest");
  CHECK_FALSE(largest->all);
  CHECK(largest->number == 0);
  CHECK_FALSE(largest->point.has_value());
  for (const char* text : {"", "0", "-1", "1.5", "1,2,3", "1,2 ", "first", "12345678901"}) {
    CAPTURE(text);
    CHECK(ParseFaceChoice(text).status().code() == Code::kUsage);
  }
}

TEST_CASE("the largest, a number, a point or all of the faces") {
  const std::vector<Box> faces = {{0, 0, 10, 10, 0.9}, {5, 5, 20, 20, 0.8}, {50, 0, 4, 90, 0.7}};
  const auto chosen = [&](const char* text) { return ChooseFaces(*ParseFaceChoice(text), faces); };
  CHECK(chosen("largest")->front().width == 20);
  CHECK(chosen("1")->front().width == 10);
  CHECK(chosen("3")->front().height == 90);
  CHECK(chosen("7,7")->front().score == 0.9);   // in two of them: the better
  CHECK(chosen("10,7")->front().score == 0.8);  // the first one's right border is not its own
  CHECK(chosen("all")->size() == 3);
  CHECK(chosen("4").status().code() == Code::kNoFace);
  CHECK(chosen("49,50").status().code() == Code::kNoFace);
}

TEST_CASE("a square fills the picture where no corner is farther than 3 % of the sides") {
  const Quad frame = {{0, 0}, {0, 100}, {200, 100}, {200, 0}};
  CHECK(FillsPicture(frame, 200, 100));
  Quad moved = frame;
  moved.se = {194, 103};
  CHECK(FillsPicture(moved, 200, 100));
  for (Point* const corner : {&moved.nw, &moved.sw, &moved.se, &moved.ne}) {
    moved = frame;
    corner->y += 3.1;
    CHECK_FALSE(FillsPicture(moved, 200, 100));
    moved = frame;
    corner->x -= 6.1;
    CHECK_FALSE(FillsPicture(moved, 200, 100));
  }
}

TEST_CASE("a photo that its face's square fills is taken as it is, unless the points were given") {
  const Image photo = std::move(*ReadImage(kFaces + "astronaut.png"));
  // Points whose square is the photo's frame: eyes half a side apart, by the procedure's own measures.
  PhotoFace face;
  face.landmarks.fill({256, 256});
  const double y = 256 - 0.1 * 512 / 3.6;
  for (int i = 36; i <= 41; ++i) face.landmarks[i] = {192, y};
  for (int i = 42; i <= 47; ++i) face.landmarks[i] = {320, y};
  face.landmarks[48] = {250, y + 512 / 3.6};
  face.landmarks[54] = {262, y + 512 / 3.6};
  const Quad quad = *FaceQuad(RoundedLandmarks(face.landmarks));
  REQUIRE(FillsPicture(quad, 512, 512));
  face.box = Box{100, 100, 300, 300, 0.9};
  const auto taken = CutFace(photo, face);
  REQUIRE(taken.ok());
  CHECK(taken->as_it_is);
  CHECK(std::ranges::equal(taken->picture.bytes(), photo.bytes()));
  CHECK(taken->place.right.x == 512);
  face.box.reset();
  const auto warped = CutFace(photo, face);
  REQUIRE(warped.ok());
  CHECK_FALSE(warped->as_it_is);
  CHECK(warped->picture.width == kCropSide);
}

TEST_CASE("the centre square says where it lies") {
  const Image wide = std::move(*Image::Create(31, 20)), high = std::move(*Image::Create(20, 33));
  const auto a = CutCentre(wide), b = CutCentre(high);
  CHECK(a->picture.width == 20);
  CHECK(a->place.corner.x == 5);
  CHECK(a->place.corner.y == 0);
  CHECK(b->place.corner.y == 6);
  CHECK(b->place.down.y == 20);
}

TEST_CASE("advice without a face goes by what is seen of the photo") {
  FaceNetworksOptions options;
  options.cell_sizes = {kFirstLook};
  const auto networks = std::move(*FaceNetworks::Create(*OpenBuiltinFaces(), options));
  const auto advice = [&](const Image& photo) { return *AdviceWithoutFace(*networks, photo); };
  Image photo = std::move(*ReadImage(kFaces + "astronaut.png"));
  CHECK(advice(*ResizeImage(photo, 60, 50)).starts_with("the photo has 60 x 50 pixels"));
  Image lying = std::move(*ReadImage(kFaces + "astronaut.png"));
  lying = std::move(*TurnUpright(std::move(lying), 6));
  CHECK(advice(lying).starts_with("one is seen when the photo is turned"));
  const Image black = std::move(*Image::Create(200, 100));
  CHECK(advice(black).starts_with("the photo is dark (mean brightness 0 of 255)"));
  Image grey = std::move(*Image::Create(200, 100));
  std::fill_n(grey.pixels.as<uint8_t>(), 3 * 200 * 100, uint8_t{128});
  CHECK(advice(grey).starts_with("a face that is larger, upright"));
}

}  // namespace
}  // namespace mien
