// `mien faces`, the face networks in `mien run`, and `mien convert` of their weights.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;
using Json = nlohmann::json;

const std::string kData = std::string(MIEN_SOURCE_DIR) + "/tests/data/faces/";

TEST_CASE("faces: one object with the keys of the recorded outputs, and who found what") {
  const Ran ran = Run({"faces", kData + "astronaut.png", "--json", "--whole"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  const Json ours = Json::parse(ran.out), expected = Json::parse(Content(kData + "expected.json"))["astronaut.png"];
  for (const auto& [key, value] : expected.items()) {
    CAPTURE(key);
    REQUIRE(ours.contains(key));
    CHECK(ours[key].size() == value.size());
  }
  CHECK(ours["width"] == 512);
  CHECK(std::abs(ours["ssd"][0]["x"].get<double>() - expected["ssd"][0]["x"].get<double>()) < 0.01);
  const Json &face = ours["full_tiny416"][0], &other = expected["full_tiny416"][0];
  for (const auto& [key, value] : other.items()) CHECK_MESSAGE(face.contains(key), key);
  CHECK(face["gender"] == "female");
  CHECK(std::abs(face["landmarks"][30][1].get<double>() - other["landmarks"][30][1].get<double>()) < 0.01);
  CHECK(ours["landmarks_whole"].size() == 68);
  CHECK(ours["age_gender_whole"]["gender"] == "male");
  CHECK(ours["detector"] == "tiny_416");
  CHECK(ours["faces"] == ours["full_tiny416"]);
  CHECK(ours["looks"] == Json::parse(R"([{"detector":"tiny_416","faces":1},{"detector":"ssd","faces":1}])"));
}

TEST_CASE("faces: several photos, without a face, by another detector") {
  const std::string empty = Photo(3, 48, 32);
  Ran ran = Run({"faces", empty, "--json"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  const Json none = Json::parse(ran.out);
  for (const char* key : {"tiny_224", "tiny_416", "ssd", "full_tiny416", "faces"}) CHECK(none[key] == Json::array());
  CHECK(none["detector"].is_null());
  CHECK_FALSE(none.contains("landmarks_whole"));
  ran = Run({"faces", empty, kData + "portrait_a_smile.png", "--json", "--detector", "ssd"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  const Json both = Json::parse(ran.out);
  REQUIRE(both["files"].size() == 2);
  CHECK(both["files"][0]["width"] == 48);
  CHECK(both["files"][1]["faces"].size() == 1);
  CHECK(both["files"][1]["detector"] == "ssd");
  CHECK(both["files"][1]["photo"] == kData + "portrait_a_smile.png");
  ran = Run({"faces", kData + "portrait_a_smile.png"});
  CHECK(Has(ran.out, "224 x 224, 1 face (ssd)"));
  CHECK(Run({"faces", kData + "README.md"}).code == 1);
  CHECK(Run({"faces", empty, kData + "README.md"}).code == 1);
  CHECK(Run({"faces", empty, "--detector", "both"}).code == 2);
  const Ran lacks = Run({"faces", empty, "-m", std::string(MIEN_SOURCE_DIR) + "/weights/builtin/mien.safetensors"});
  CHECK(lacks.code == 2);
  CHECK(Has(lacks.err, "face detector"));
}

TEST_CASE("run: the face networks are graphs, of the built-in model or of another") {
  const std::string out = Fresh("out.safetensors");
  const std::string image = TensorInput("image", {2, 3, 112, 112}, std::vector<float>(2 * 3 * 112 * 112, 0.25f));
  Ran ran = Run({"run", "--graph", "face_landmarks", "--in", image, "--out", out});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  const std::vector<float> landmarks = TensorOutput(out, "landmarks");
  REQUIRE(landmarks.size() == 2 * 136);
  CHECK(landmarks[7] == landmarks[136 + 7]);
  ran = Run({"run", "--graph", "face_expression", "--in", image, "--out", out, "--trace"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(TensorOutput(out, "act/dense3/conv3/act").size() == 2 * 256 * 7 * 7);
  const std::string small = TensorInput("image", {1, 3, 64, 64}, std::vector<float>(3 * 64 * 64, 0.25f));
  ran = Run({"run", "--graph", "face_detector", "--size", "64", "--in", small, "--out", out});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(TensorOutput(out, "cells").size() == 25 * 2 * 2);
  CHECK(Run({"run", "--graph", "face_detector", "--size", "48", "--in", small, "--out", out}).code == 2);
  CHECK(Run({"run", "--graph", "face_landmarks", "--size", "64", "--in", small, "--out", out}).code == 2);
  CHECK(Mien({"run", "--graph", "face_detector", "--plan"}).code == 0);
}

TEST_CASE("convert: a folder of manifests is a source; no output takes the place of what is read") {
  const std::string model = Fresh("model.safetensors");
  const Ran ran = Run({"convert", kData, "-o", model, "--json"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(Json::parse(ran.out)["config"]["face_detector"]["boxes"] == 5);
  CHECK(Run({"run", "--graph", "face_detector", "--plan", "-m", model}).code == 0);
  const std::string folder = FolderOf(Fresh("x"));
  const std::string manifest = folder + "/tiny_face_detector_model-weights_manifest.json";
  for (const char* end : {"-weights_manifest.json", ".bin"})
    std::filesystem::copy_file(kData + "tiny_face_detector_model" + end, folder + "/tiny_face_detector_model" + end);
  std::filesystem::create_hard_link(folder + "/tiny_face_detector_model.bin", folder + "/m.safetensors");
  CHECK(Run({"convert", manifest, "-o", folder + "/m.safetensors"}).code == 2);
  const std::string dump = Fresh("dump.safetensors");
  REQUIRE(Run({"convert", manifest, "--tensors-only", "-o", dump}).code == 0);
  CHECK(TensorOutput(dump, "conv0/bias_as_f32").size() == 16);
  CHECK(std::abs(TensorOutput(dump, "conv0/bias_as_f32")[0]) < 1);
  const Ran any = Run({"info", "--any", manifest, "--json"});
  REQUIRE_MESSAGE(any.code == 0, any.err);
  CHECK(Json::parse(any.out)["tensors"][0]["max"].get<double>() < 2);
}

}  // namespace
}  // namespace mien
