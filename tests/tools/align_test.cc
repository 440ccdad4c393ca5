// `mien align` with points that are given.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "runtime/face/align.h"
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

}  // namespace
}  // namespace mien
