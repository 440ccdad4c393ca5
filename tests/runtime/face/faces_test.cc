// The built-in face networks against what their publisher's package gave (tests/data/faces).
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/builtin_model.h"
#include "runtime/face/face_search.h"
#include "runtime/face/resample.h"

namespace mien {
namespace {

using Json = nlohmann::json;

const std::string kData = std::string(MIEN_SOURCE_DIR) + "/tests/data/faces/";

// About three times the largest difference measured, 29 November 2026.
constexpr double kPixels = 1.5e-3, kScore = 3e-5, kDescriptor = 4e-6, kShare = 1e-5, kYears = 2e-4;

std::unique_ptr<FaceNetworks> AllNetworks(DetectorChoice choice = DetectorChoice::kAuto) {
  FaceNetworksOptions options;
  options.backend = "cpu";
  options.cell_sizes = {224, kFirstLook};
  options.ssd = options.landmarks = options.descriptor = options.expression = options.age_gender = true;
  AddDetectors(choice, &options);
  const auto model = OpenBuiltinFaces();
  REQUIRE_MESSAGE(model.ok(), model.status().message());
  auto networks = FaceNetworks::Create(*model, options);
  REQUIRE_MESSAGE(networks.ok(), networks.status().message());
  return std::move(*networks);
}

Image Photo(const std::string& name) {
  auto photo = ReadImage(kData + name);
  REQUIRE_MESSAGE(photo.ok(), photo.status().message());
  return std::move(*photo);
}

void CheckBox(const Box& box, const Json& expected) {
  CHECK(std::abs(box.x - expected["x"].get<double>()) < kPixels);
  CHECK(std::abs(box.y - expected["y"].get<double>()) < kPixels);
  CHECK(std::abs(box.width - expected["width"].get<double>()) < kPixels);
  CHECK(std::abs(box.height - expected["height"].get<double>()) < kPixels);
  CHECK(std::abs(box.score - expected["score"].get<double>()) < kScore);
}

void CheckBoxes(const Result<std::vector<Box>>& boxes, const Json& expected) {
  REQUIRE_MESSAGE(boxes.ok(), boxes.status().message());
  REQUIRE(boxes->size() == expected.size());
  for (size_t i = 0; i < boxes->size(); ++i) CheckBox((*boxes)[i], expected[i]);
}

void CheckLandmarks(const Landmarks& landmarks, const Json& expected) {
  double worst = 0;
  for (size_t i = 0; i < landmarks.size(); ++i) {
    worst = std::max({worst, std::abs(landmarks[i].x - expected[i][0].get<double>()),
                      std::abs(landmarks[i].y - expected[i][1].get<double>())});
  }
  CHECK(worst < kPixels);
}

void CheckDescribed(FaceNetworks& networks, const Image& photo, const Part& square, const Part& aligned,
                    const Json& descriptor, const Json& expressions, const Json& age_gender) {
  const auto ours = networks.Describe(photo, square);
  REQUIRE(ours.ok());
  REQUIRE(ours->size() == descriptor.size());
  double error = 0, squares = 0;
  for (size_t i = 0; i < ours->size(); ++i) {
    const double expected = descriptor[i].get<double>(), off = double{(*ours)[i]} - expected;
    error += off * off;
    squares += expected * expected;
  }
  CHECK(std::sqrt(error / squares) < kDescriptor);
  const auto shares = networks.Expressions(photo, aligned);
  REQUIRE(shares.ok());
  for (size_t i = 0; i < std::size(kExpressions); ++i)
    CHECK(std::abs((*shares)[i] - expressions[kExpressions[i]].get<double>()) < kShare);
  const auto age = networks.AgeOf(photo, aligned);
  REQUIRE(age.ok());
  CHECK(std::abs(age->age - age_gender["age"].get<double>()) < kYears);
  const bool male = age_gender["gender"] == "male";
  CHECK(std::abs((male ? age->male : 1 - age->male) - age_gender["genderProbability"].get<double>()) < kShare);
}

TEST_CASE("what the publisher's package found in four pictures") {
  std::ifstream file(kData + "expected.json");
  const Json all = Json::parse(file);
  CHECK(all.size() == 4);
  const auto networks = AllNetworks();
  for (const auto& [name, expected] : all.items()) {
    CAPTURE(name);
    const Image photo = Photo(name);
    const Part whole = {0, 0, photo.width, photo.height};
    const auto first = networks->FindByCells(photo, whole, kFirstLook);
    CheckBoxes(networks->FindByCells(photo, whole, 224), expected["tiny_224"]);
    CheckBoxes(first, expected["tiny_416"]);
    CheckBoxes(networks->FindBySsd(photo, whole), expected["ssd"]);
    const auto landmarks = networks->FindLandmarks(photo, whole);
    REQUIRE(landmarks.ok());
    CheckLandmarks(LandmarksIn(*landmarks, whole, {}), expected["landmarks_whole"]);
    CheckDescribed(*networks, photo, whole, whole, expected["descriptor_whole"], expected["expressions_whole"],
                   expected["age_gender_whole"]);
    for (size_t i = 0; i < first->size(); ++i) {
      const Json& face = expected["full_tiny416"][i];
      const auto found = LocateFace(*networks, photo, (*first)[i]);
      REQUIRE((found.ok() && *found));
      CheckBox((*found)->box, face["box"]);
      CheckBox((*found)->aligned, face["aligned"]);
      CheckLandmarks((*found)->landmarks, face["landmarks"]);
      const Part square = PartOf(RecognizerBox((*found)->landmarks, (*found)->part), photo.width, photo.height);
      CheckDescribed(*networks, photo, square, PartOf((*found)->aligned, photo.width, photo.height), face["descriptor"],
                     face["expressions"], face);
    }
  }
}

// The photo, made smaller, on a grey ground of 1600 x 1200.
Image OnGround(const Image& photo, int side, int left, int top) {
  const auto small = ResizeImage(photo, side, side);
  REQUIRE(small.ok());
  Image ground = std::move(*Image::Create(1600, 1200));
  for (int y = 0; y < ground.height; ++y)
    std::fill_n(ground.row(y), 3 * ground.width, static_cast<uint8_t>(90 + y / 20));
  for (int y = 0; y < side; ++y) std::copy_n(small->row(y), 3 * side, ground.row(top + y) + 3 * left);
  return ground;
}

TEST_CASE("small faces: what the first look does not see, the stronger detector or a closer look finds: full size") {
  const Image astronaut = Photo("astronaut.png");
  const auto networks = AllNetworks();
  const auto search = [&](const Image& photo, DetectorChoice choice) {
    auto found = SearchFaces(*networks, photo, choice);
    REQUIRE_MESSAGE(found.ok(), found.status().message());
    return std::move(*found);
  };
  const auto near = [](const FaceSearch& found, double x, double y, double off) {
    REQUIRE(found.chosen >= 0);
    const Box box = found.boxes()[0];
    CHECK(std::abs(box.x + box.width / 2 - x) < off);
    CHECK(std::abs(box.y + box.height / 2 - y) < off);
  };
  // The face is at 223, 124 of the 512 pixels, some 100 pixels high.
  FaceSearch found = search(OnGround(astronaut, 256, 900, 500), DetectorChoice::kAuto);
  near(found, 900 + 111, 500 + 62, 12);
  CHECK(found.looks[static_cast<size_t>(found.chosen)].detector == "ssd");
  found = search(OnGround(astronaut, 100, 200, 1000), DetectorChoice::kAuto);
  near(found, 200 + 44, 1000 + 24, 6);
  CHECK(found.looks.back().detector == "ssd_parts");
  CHECK(found.looks[0].boxes.empty());
  found = search(astronaut, DetectorChoice::kAuto);
  CHECK(found.looks[static_cast<size_t>(found.chosen)].detector == "tiny_416");
  found = search(astronaut, DetectorChoice::kSsd);
  REQUIRE(found.looks.size() == 1);
  CHECK(found.looks[0].detector == "ssd");

  const auto closer = AllNetworks(DetectorChoice::kTiny);
  const auto tiny = SearchFaces(*closer, OnGround(astronaut, 400, 300, 300), DetectorChoice::kTiny);
  REQUIRE(tiny.ok());
  near(*tiny, 300 + 174, 300 + 97, 15);
}

TEST_CASE("no face is no failure, and what was not asked for is refused") {
  Image grey = std::move(*Image::Create(40, 900));
  const auto networks = AllNetworks();
  const auto found = SearchFaces(*networks, grey, DetectorChoice::kAuto);
  REQUIRE(found.ok());
  CHECK(found->chosen == -1);
  CHECK(found->boxes().empty());
  CHECK(found->looks.size() == 3);
  CHECK_FALSE(*LocateFace(*networks, grey, {100, 100, 50, 50, 1}));
  CHECK(networks->FindByCells(grey, {0, 0, 40, 900}, 320).status().code() == Code::kUsage);
  FaceNetworksOptions none;
  none.landmarks = true;
  CHECK(FaceNetworks::Create(*OpenBuiltinModel(), none).status().code() == Code::kUsage);
}

TEST_CASE("the built-in face networks say where they come from") {
  const auto model = OpenBuiltinFaces();
  REQUIRE(model.ok());
  for (const char* part : {"face-api", "MIT", "Vladimir Mandic", "trained"})
    CHECK((*model)->card().find(part) != std::string::npos);
}

}  // namespace
}  // namespace mien
