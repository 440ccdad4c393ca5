// `mien align` with points that are given.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "runtime/face/align.h"
#include "runtime/face/resample.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;

Landmarks SomeFace() {
  Landmarks face;
  for (int i = 0; i < kLandmarks; ++i) face[i] = {40.0 + i % 9, 50.0 + i % 7};
  for (int i = 36; i <= 41; ++i) face[i] = {30.0 + i % 3, 40};
  for (int i = 42; i <= 47; ++i) face[i] = {60.0 + i % 3, 42};
  face[48] = {36, 70};
  face[54] = {56.25, 72.5};
  return face;
}

std::string Written(const Landmarks& face, int points) {
  nlohmann::json list = nlohmann::json::array();
  for (int i = 0; i < points; ++i) list.push_back(nlohmann::json::array({face[i].x, face[i].y}));
  const std::string path = Fresh("points.json");
  WriteContent(path, list.dump());
  return path;
}

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("align writes the square, its description and the overlay") {
  const std::string photo = Photo(4, 96, 120), crop = Fresh("crop.png");
  const std::string stem = crop.substr(0, crop.size() - 4);
  const Ran ran = Run({"align", photo, "-o", crop, "--landmarks", Written(SomeFace(), 68), "--size", "64", "--json"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  const auto source = ReadImage(photo), made = ReadImage(crop), overlay = ReadImage(stem + ".faces.png");
  REQUIRE(source.ok());
  REQUIRE(made.ok());
  REQUIRE(overlay.ok());
  const auto expected = AlignFace(*source, SomeFace(), 64);
  REQUIRE(expected.ok());
  CHECK(std::equal(made->bytes().begin(), made->bytes().end(), expected->bytes().begin(), expected->bytes().end()));
  CHECK(overlay->width == 96);
  CHECK_FALSE(std::equal(overlay->bytes().begin(), overlay->bytes().end(), source->bytes().begin()));
  const auto description = nlohmann::json::parse(Content(stem + ".json"));
  CHECK(description["landmarks"][54] == nlohmann::json::array({56.25, 72.5}));
  const Quad quad = *FaceQuad(RoundedLandmarks(SomeFace()));
  CHECK(description["quad"][2] == nlohmann::json::array({quad.se.x, quad.se.y}));
  CHECK(nlohmann::json::parse(ran.out)["face"] == description);

  // What was written can be read again; 256 pixels and no overlay.
  const std::string again = Fresh("again.png");
  CHECK(Run({"align", photo, "-o", again, "--landmarks", stem + ".json", "--no-overlay"}).code == 0);
  CHECK(ReadImage(again)->width == 256);
  CHECK(FilesIn(FolderOf(again)) == 2);
}

TEST_CASE("align refuses points that are none, before anything is written") {
  const std::string photo = Photo(4, 96, 120), crop = Fresh("crop.png");
  const auto fails = [&](const std::string& landmarks, int code, const std::string& message) {
    const Ran ran = Run({"align", photo, "-o", crop, "--landmarks", landmarks});
    CHECK(ran.code == code);
    CHECK_MESSAGE(Has(ran.err, message), ran.err);
    CHECK(FilesIn(FolderOf(crop)) == 0);
  };
  fails(Written(SomeFace(), 67), 4, "67 found");
  const auto content = [](const std::string& text) {
    const std::string path = Fresh("points.json");
    WriteContent(path, text);
    return path;
  };
  fails(content("{\"points\": []}"), 4, "none found");
  fails(content("[[1,2"), 4, "landmarks");
  std::string words = Content(Written(SomeFace(), 68));
  words.replace(words.find("40.0"), 4, "true");
  fails(content(words), 4, "point 0 is none");
  Landmarks one_point;
  one_point.fill({50, 50});
  fails(Written(one_point, 68), 2, "sides of");
  // The description would replace the points.
  const std::string own = FolderOf(crop) + "/crop.json";
  WriteContent(own, Content(Written(SomeFace(), 68)));
  const Ran clash = Run({"align", photo, "-o", crop, "--landmarks", own});
  CHECK(clash.code == 2);
  CHECK_MESSAGE(Has(clash.err, "(landmarks)"), clash.err);
}

// Two of the recorded picture, one half as large, on one grey photo.
std::string TwoFaces() {
  const auto picture = ReadImage(std::string(MIEN_SOURCE_DIR) + "/tests/data/faces/astronaut.png");
  REQUIRE(picture.ok());
  Image ground = std::move(*Image::Create(800, 520));
  std::fill_n(ground.row(0), 3 * 800 * 520, uint8_t{120});
  const Image small = std::move(*ResizeImage(*picture, 256, 256));
  for (int y = 0; y < 512; ++y) std::copy_n(picture->row(y), 3 * 512, ground.row(y));
  for (int y = 0; y < 256; ++y) std::copy_n(small.row(y), 3 * 256, ground.row(y + 200) + 3 * 530);
  const std::string path = Fresh("two.png");
  REQUIRE(WriteImage(path, ground, {}).ok());
  return path;
}

TEST_CASE("align finds the face: the largest, a chosen one, all") {
  const std::string photo = TwoFaces(), crop = Fresh("crop.png");
  const std::string stem = crop.substr(0, crop.size() - 4);
  // In this folder are the crop, its description and the overlay afterwards. The centre of the square lies in the face.
  const auto centre = [&](const nlohmann::json& face, double x, double y, double off) {
    double sum[2] = {0, 0};
    for (const auto& corner : face["quad"]) {
      for (size_t axis = 0; axis < 2; ++axis) sum[axis] += corner[axis].get<double>() / 4;
    }
    CHECK(std::abs(sum[0] - x) < off);
    CHECK(std::abs(sum[1] - y) < off);
  };
  Ran ran = Run({"align", photo, "-o", crop, "--json"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(FilesIn(FolderOf(crop)) == 3);
  CHECK(Has(ran.err, "2 faces found"));
  CHECK(ReadImage(crop)->width == 256);
  auto report = nlohmann::json::parse(ran.out);
  centre(report["face"], 223, 124, 25);
  CHECK(report["face"]["box"]["score"].get<double>() > 0.5);
  CHECK(nlohmann::json::parse(Content(stem + ".json")) == report["face"]);
  // What was found is as good as what is given.
  const std::string again = Fresh("again.png");
  REQUIRE(Run({"align", photo, "-o", again, "--landmarks", stem + ".json"}).code == 0);
  CHECK(Content(again) == Content(crop));

  ran = Run({"align", photo, "-o", crop, "--json", "--face", "642,262"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  report = nlohmann::json::parse(ran.out);
  centre(report["face"], 642, 262, 15);
  const std::string folder = FolderOf(Fresh("x")) + "/faces/";
  ran = Run({"align", photo, "-o", folder, "--face", "all", "--json"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(nlohmann::json::parse(ran.out)["faces"].size() == 2);
  CHECK(FilesIn(folder) == 5);
  CHECK(ReadImage(folder + "two_2.png").ok());

  CHECK(Run({"align", photo, "-o", crop, "--face", "3"}).code == 3);
  CHECK(Run({"align", photo, "-o", crop, "--face", "790,10"}).code == 3);
  for (const char* wrong : {"0", "-1", "first", "1,", "1,2,3"})
    CHECK(Run({"align", photo, "-o", crop, "--face", wrong}).code == 2);
  CHECK(Run({"align", photo, "-o", crop, "--face", "all"}).code == 2);
}

TEST_CASE("align without a face: 3, what was searched, and what may help") {
  const std::string photo = Photo(4, 96, 120), crop = Fresh("crop.png");
  Ran ran = Run({"align", photo, "-o", crop});
  CHECK(ran.code == 3);
  CHECK_MESSAGE(Has(ran.err, "--landmarks"), ran.err);
  CHECK(Has(ran.err, "crop.faces.png"));
  CHECK(ReadImage(crop.substr(0, crop.size() - 4) + ".faces.png")->height == 120);
  CHECK(FilesIn(FolderOf(crop)) == 1);
  const std::string other = Fresh("crop.png");
  CHECK(Run({"align", photo, "-o", other, "--no-overlay", "--detector", "tiny"}).code == 3);
  CHECK(FilesIn(FolderOf(other)) == 0);
}

}  // namespace
}  // namespace mien
