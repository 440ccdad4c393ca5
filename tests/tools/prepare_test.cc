// mien prepare from outside: data of photos in a folder per person, what is left out, parts, going on.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/stream.h"
#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"
#include "weights/container.h"

namespace mien {
namespace {

using namespace testing;
using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kConsent = R"({"source": "studio", "permission": "signed", "date": "2026-01-02", "more": 1})";

// alice has two pictures and agreed, bob one and another that is none, carl has two pictures, dora none at all.
std::string People() {
  const std::string folder = Fresh("people");
  for (const char* name : {"alice", "bob", "carl", "dora"}) fs::create_directories(folder + "/" + name);
  fs::copy_file(Photo(1), folder + "/alice/1.png");
  fs::copy_file(Photo(2), folder + "/alice/2.png");
  WriteContent(folder + "/alice/consent.json", kConsent);
  fs::copy_file(Photo(3), folder + "/bob/1.png");
  WriteContent(folder + "/bob/2.png", "no picture");
  WriteContent(folder + "/bob/consent.json", R"({"source": "web"})");
  fs::copy_file(Photo(4), folder + "/carl/1.png");
  fs::copy_file(Photo(5), folder + "/carl/2.png");
  WriteContent(folder + "/readme.txt", "loose");
  return folder;
}

Json Prepare(const std::string& folder, const std::string& out, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"prepare", folder, "-o", out, "--aligned", "--json"});
  const Ran ran = Mien(std::move(more));
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  return Json::parse(ran.out);
}

std::vector<int64_t> Identities(const std::string& path) {
  std::vector<int64_t> numbers;
  for (const float number : TensorOutput(path, "identity")) numbers.push_back(static_cast<int64_t>(number));
  return numbers;
}

std::vector<float> RawLabels(const std::string& path) {
  const auto source = OpenInput(path, 1 << 24, Code::kFailure);
  REQUIRE(source.ok());
  const auto file = TensorFile::Open(*source, TensorFile::Profile::kPlain);
  REQUIRE(file.ok());
  const TensorEntry* const entry = file->Find("attributes");
  REQUIRE(entry != nullptr);
  std::vector<float> labels(static_cast<size_t>(entry->shape.elements()));
  REQUIRE(file->Read(*entry, std::as_writable_bytes(std::span(labels))).ok());
  return labels;
}

bool SameLabels(const std::vector<float>& a, const std::vector<float>& b) {
  return std::ranges::equal(a, b, [](float x, float y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

TEST_CASE("prepare: codes, people and labels, what was left out, who agreed") {
  const std::string folder = People(), out = Fresh("data.safetensors"), codes = Fresh("w.safetensors");
  const Ran ran = Mien({"prepare", folder, "-o", out, "--aligned"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  for (const char* said : {"1 files lie in no person's folder", "dora: a folder without pictures",
                           "permission is not there", "bob/2.png: "})
    CHECK_MESSAGE(Has(ran.err, said), ran.err);
  CHECK(Has(ran.out, "5 pictures of 3 people, labels by attribute classifier"));
  CHECK(Has(ran.out, "consent recorded for 1 of 3 people"));
  CHECK(Identities(out) == std::vector<int64_t>{0, 0, 1, 2, 2});
  REQUIRE(Mien({"encode", "--aligned", folder + "/bob/1.png", "-o", codes}).code == 0);
  const std::vector<float> all = TensorOutput(out, "w_plus"), one = TensorOutput(codes, "w_plus");
  CHECK(std::equal(one.begin(), one.end(), all.begin() + static_cast<ptrdiff_t>(2 * one.size())));
  CHECK(TensorOutput(out, "attributes").size() == 5 * 8);
  const std::string text = Content(out);
  for (const char* part : {R"(\"signed\")", R"(\"identity\":2)", "alice/1.png", "bob/2.png"}) CHECK(Has(text, part));
  CHECK_FALSE(fs::exists(out + ".part"));
  CHECK(Mien({"evaluate", out, "--attributes", "smile", "--max", "2"}).code == 0);
  const Json report = Prepare(folder, Fresh("again.safetensors"));
  CHECK(report["left_out"].size() == 1);
  CHECK(report["left_out"][0]["file"] == "bob/2.png");
  CHECK(report["groups"]["age"].size() >= 1);
}

TEST_CASE("prepare: only those who agreed; parts that together are the whole") {
  const std::string folder = People(), out = Fresh("data.safetensors"), first = Fresh("1.safetensors"),
                    second = Fresh("2.safetensors");
  const Json agreed = Prepare(folder, out, {"--require-consent"});
  CHECK(agreed["people"] == 1);
  CHECK(agreed["without_consent"] == Json({"bob", "carl"}));
  CHECK(Identities(out) == std::vector<int64_t>{0, 0});
  Prepare(folder, first, {"--shard", "1/2"});
  Prepare(folder, second, {"--shard", "2/2"});
  CHECK(Identities(first) == std::vector<int64_t>{0, 0, 2, 2});
  CHECK(Identities(second) == std::vector<int64_t>{1});
}

TEST_CASE("prepare: going on gives the bytes of a run from the beginning") {
  const std::string folder = People(), whole = Fresh("whole.safetensors"), parts = Fresh("parts.safetensors");
  Prepare(folder, whole, {"--save-every", "1"});
  fs::rename(folder + "/carl", folder + "/../carl");
  Prepare(folder, parts);
  fs::rename(folder + "/../carl", folder + "/carl");
  const Ran resumed = Mien({"prepare", folder, "-o", parts, "--aligned", "--resume"});
  CHECK(resumed.code == 0);
  CHECK_MESSAGE(Has(resumed.err, "3 pictures are there already"), resumed.err);
  CHECK(Content(whole) == Content(parts));
  // What stands in OUTPUT.part is taken as well, but not a picture of the same name that is another.
  fs::rename(parts, parts + ".part");
  fs::remove(folder + "/carl/1.png");
  fs::copy_file(Photo(6), folder + "/carl/1.png");
  Prepare(folder, whole);
  Prepare(folder, parts, {"--resume"});
  CHECK(Content(whole) == Content(parts));
  // Of something else nothing is taken.
  WriteContent(parts, Content(TensorInput("w_plus", {1, 2, 3}, {1, 2, 3, 4, 5, 6})));
  CHECK(Mien({"prepare", folder, "-o", parts, "--aligned", "--resume"}).code == 4);
}

TEST_CASE("prepare: without a classifier the face networks label; the flow's card says who agreed") {
  ModelConfig config = TinyConfig();
  config.attributes.reset();
  const std::string model = Fresh("plain.model"), out = Fresh("data.safetensors"), flow = Fresh("flow.model");
  WriteModel(config, model);
  const Ran ran = Run({"-m", model, "prepare", People(), "-o", out, "--aligned", "--json"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  const Json report = Json::parse(ran.out);
  CHECK(report["labels"] == Json({"gender", "yaw", "pitch", "age", "smile"}));
  CHECK(report["labels_by"] == "face networks");
  for (const float label : TensorOutput(out, "attributes")) CHECK(std::isfinite(label));
  const Ran trained = Run({"train", out, "-o", flow, "--epochs", "1", "--layers", "1", "--hidden", "8"});
  REQUIRE_MESSAGE(trained.code == 0, trained.err);
  const std::string card = Json::parse(Run({"-m", flow, "info", "--json"}).out)["card"];
  CHECK(Has(card, "* 1 people: date: 2026-01-02, permission: signed, source: studio"));
  CHECK(Has(card, "* 2 people: no consent recorded"));
}

// Codes of a picture as the public encoder writes them, [1,L,D] under f.
void WriteLatent(const std::string& path, float value) {
  const std::string codes =
      TensorInput("w_plus", {1, kTinyRows, kTinyDim}, std::vector<float>(kTinyRows * kTinyDim, value));
  fs::copy_file(codes, path);
}

std::vector<float> Labels(const std::string& labels, const std::string& folder) {
  const std::string out = Fresh("data.safetensors");
  const Ran ran = Mien({"prepare", folder, "-o", out, "--labels", labels, "--json"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(Json::parse(ran.out)["labels_by"] == "file");
  return RawLabels(out);
}

TEST_CASE("prepare: codes in folders, labels as others write them") {
  const std::string folder = Fresh("latents"), json = Fresh("attributes.json"), csv = Fresh("attributes.csv"),
                    features = Fresh("features");
  fs::create_directories(folder + "/anna");
  fs::create_directories(folder + "/ben");
  WriteLatent(folder + "/anna/1.safetensors", 0.1f);
  WriteLatent(folder + "/anna/2.safetensors", 0.2f);
  WriteLatent(folder + "/ben/1.safetensors", 0.3f);
  WriteContent(json,
               R"({"anna/1.png": {"gender": "female", "glasses": "noGlasses", "head_pose": {"yaw": -3.5, "roll": 1},
      "hair": {"bald": 0.1}, "age": 30}, "2": {"gender": "male", "glasses": "sunglasses", "smile": null},
      "ben/1": {"facial_hair": {"beard": 0.4}, "age": 41.5}})");
  const float none = NAN;
  // gender, glasses, yaw, bald, beard, age: of pitch and smile nothing is known.
  const std::vector<float> expected = {0,    0,    -3.5f, 0.1f, none, 30,   1,    1,    none,
                                       none, none, none,  none, none, none, none, 0.4f, 41.5f};
  CHECK(SameLabels(Labels(json, folder), expected));
  fs::create_directories(features + "/anna");
  WriteContent(features + "/anna/1.json", R"([{"faceId": "x", "faceAttributes": {"gender": "female",
      "glasses": "NoGlasses", "headPose": {"yaw": -3.5}, "hair": {"bald": 0.1}, "age": 30}}, {}])");
  WriteContent(features + "/2.json", R"([{"faceAttributes": {"gender": "male", "glasses": "ReadingGlasses"}}])");
  WriteContent(features + "/3.json", "[]");
  std::vector<float> two = {0, 0, -3.5f, 0.1f, 30, 1, 1, none, none, none, none, none, none, none, none};
  CHECK(SameLabels(Labels(features, folder), two));
  WriteContent(csv, "file,Age,other,smile\nanna/1.png,30,x,0.5\r\nben/1,,y,1\n");
  CHECK(SameLabels(Labels(csv, folder), {30, 0.5f, none, none, none, 1}));
  WriteContent(csv, "file,age\nanna/1.png,3e38\n");
  const Ran far = Mien({"prepare", folder, "-o", Fresh("data.safetensors"), "--labels", csv, "--json"});
  REQUIRE_MESSAGE(far.code == 0, far.err);
  CHECK(Json::parse(far.out)["groups"]["age"] == Json({{"1000 to 1019", 1}, {"unknown", 2}}));
}

TEST_CASE("prepare: codes of a file with an array of labels; seeds, which the classifier labels") {
  const std::string out = Fresh("data.safetensors"), npy = Fresh("attributes.npy"), codes = Fresh("latents.npy");
  std::vector<float> labels(2 * 8);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<float>(i) / 4;
  // NumPy's form, version 1: a header of 128 bytes.
  const auto numpy = [](const std::string& path, const std::string& shape, const std::vector<float>& values) {
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }";
    header.resize(117, ' ');
    const std::string magic = std::string("\x93NUMPY\x01", 7) + std::string("\0\x76\0", 3);
    WriteContent(path, magic + header + "\n" +
                           std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)));
  };
  numpy(npy, "(2, 8, 1)", labels);
  numpy(codes, "(2, 8, 32)", std::vector<float>(2 * kTinyRows * kTinyDim, 0.25f));
  const Ran ran = Mien({"prepare", "--codes", codes, "-o", out, "--labels", npy});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(SameLabels(RawLabels(out), labels));
  CHECK(Identities(out) == std::vector<int64_t>{0, 1});
  const Ran seeds = Mien({"prepare", People(), "--aligned", "--seeds", "3,7", "-o", out});
  REQUIRE_MESSAGE(seeds.code == 0, seeds.err);
  CHECK(Identities(out) == std::vector<int64_t>{0, 0, 1, 2, 2, 3, 4});
  for (const float label : RawLabels(out)) CHECK(std::isfinite(label));
}

TEST_CASE("prepare: labels that are none") {
  const std::string folder = Fresh("latents");
  fs::create_directories(folder + "/anna");
  WriteLatent(folder + "/anna/1.safetensors", 0.1f);
  const auto code = [&](const std::string& name, const std::string& content) {
    const std::string labels = Fresh(name);
    WriteContent(labels, content);
    return Mien({"prepare", folder, "-o", Fresh("data.safetensors"), "--labels", labels}).code;
  };
  CHECK(code("l.json", "[1]") == 4);
  CHECK(code("l.json", "{") == 4);
  CHECK(code("l.json", R"({"1": 3})") == 4);
  CHECK(code("l.json", R"({"1": {"gender": "tall"}})") == 4);
  CHECK(code("l.json", R"({"1": {"age": "old"}})") == 4);
  CHECK(code("l.json", R"({"1": {"hat": 3}})") == 4);
  CHECK(code("l.csv", "file,age\n1\n") == 4);
  CHECK(code("l.csv", "file,age\n1,old\n") == 4);
  CHECK(code("l.npy", "no array") == 4);
  CHECK(code("l.txt", "1") == 2);
}

TEST_CASE("prepare: what is refused") {
  const std::string folder = People(), empty = Fresh("empty");
  fs::create_directories(empty + "/nobody");
  const auto code = [](std::vector<std::string> words) {
    words.insert(words.begin(), "prepare");
    return Mien(words).code;
  };
  CHECK(code({folder}) == 2);
  CHECK(code({"-o", Fresh("data.safetensors")}) == 2);
  CHECK(code({folder, "-o", Fresh("data.npz")}) == 2);
  CHECK(code({folder, "-o", Fresh("data.safetensors"), "--shard", "3/2"}) == 2);
  CHECK(code({folder, "-o", Fresh("data.safetensors"), "--face", "all"}) == 2);
  CHECK(code({"/nowhere", "-o", Fresh("data.safetensors")}) == 1);
  CHECK(code({empty, "-o", Fresh("data.safetensors")}) == 1);
  CHECK(code({folder, "-o", Fresh("data.safetensors"), "--shard", "2/2", "--require-consent"}) == 1);
  fs::remove(folder + "/bob/1.png");
  fs::remove_all(folder + "/alice");
  fs::remove_all(folder + "/carl");
  CHECK(code({folder, "-o", Fresh("data.safetensors"), "--aligned"}) == 3);  // one picture, which is none
}

}  // namespace
}  // namespace mien
