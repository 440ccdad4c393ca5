// mien edit and encode on photos as they come: found, aligned, edited, and back in the whole photo.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "runtime/face/image.h"
#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;

const std::string kFaces = std::string(MIEN_SOURCE_DIR) + "/tests/data/faces/";

bool Same(const Image& a, const Image& b) { return std::ranges::equal(a.bytes(), b.bytes()); }

// The box of the pixels that differ, as left, top, right, bottom; empty where none does.
std::vector<int> Changed(const Image& a, const Image& b) {
  std::vector<int> box = {a.width, a.height, 0, 0};
  for (int y = 0; y < a.height; ++y) {
    for (int x = 0; x < a.width; ++x) {
      if (std::memcmp(a.row(y) + 3 * x, b.row(y) + 3 * x, 3) == 0) continue;
      box = {std::min(box[0], x), std::min(box[1], y), std::max(box[2], x + 1), std::max(box[3], y + 1)};
    }
  }
  return box;
}

// Two people beside each other.
std::string Pair() {
  const Image one = std::move(*ReadImage(kAstronaut));
  ContactSheet sheet = std::move(*ContactSheet::Create(2, 2, one.width, one.height, 0));
  REQUIRE(sheet.Place(0, one).ok());
  REQUIRE(sheet.Place(1, one).ok());
  const std::string path = Fresh("pair.png");
  REQUIRE(WriteImage(path, sheet.image(), {}).ok());
  return path;
}

TEST_CASE("edit gives the whole photo back, changed within the square around the face alone") {
  const Image photo = std::move(*ReadImage(kAstronaut));
  std::vector<Image> pictures;
  for (const char* paste : {"auto", "replace", "difference"}) {
    CAPTURE(paste);
    const std::string out = Fresh("out.png");
    const Ran ran = Mien({"edit", kAstronaut, "-o", out, "--set", "smile=2", "--paste", paste, "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const Image made = std::move(*ReadImage(out));
    REQUIRE(made.width == photo.width);
    REQUIRE(made.height == photo.height);
    const auto report = nlohmann::json::parse(ran.out)["files"][0];
    REQUIRE(report["faces"].size() == 1);
    CHECK(report["faces"][0]["detector"] == "tiny_416");
    const auto quad = report["faces"][0]["quad"];
    const std::vector<int> box = Changed(photo, made);
    REQUIRE(box[0] < box[2]);
    for (size_t axis = 0; axis < 2; ++axis) {
      std::vector<double> corners;
      for (const auto& corner : quad) corners.push_back(corner[axis].get<double>());
      CHECK(box[axis] >= std::ranges::min(corners) - 1);
      CHECK(box[axis + 2] <= std::ranges::max(corners) + 2);
    }
    const auto texts = nlohmann::json::parse(Run({"info", out, "--json"}).out);
    CHECK(Has(texts.dump(), "compositeWithTrainedAlgorithmicMedia"));
    const bool replaces = Has(Content(out), "\"paste\":\"replace\"");
    CHECK(replaces != Has(Content(out), "\"paste\":\"difference\""));
    if (std::string(paste) != "auto") CHECK(replaces == (std::string(paste) == "replace"));
    pictures.push_back(std::move(*ReadImage(out)));
  }
  CHECK(Same(pictures[0], pictures[2]));  // a smile comes by the difference
  CHECK_FALSE(Same(pictures[1], pictures[2]));
}

TEST_CASE("edit brings back EXIF, XMP, 16 bits and transparency; the place is said, and goes when it is asked for") {
  Image photo = std::move(*ReadImage(kAstronaut));
  // In the first directory a reference to one of GPS behind it, which has no entries.
  const std::string exif("II*\0\x08\0\0\0\x01\0\x25\x88\x04\0\x01\0\0\0\x1a\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
  photo.exif.resize(exif.size());
  std::memcpy(photo.exif.data(), exif.data(), exif.size());
  photo.xmp = "<rdf:RDF><dc:title>lake</dc:title></rdf:RDF>";
  photo.full = {4, true, std::move(*Buffer::Create(uint64_t{8} * photo.width * photo.height, "photo"))};
  for (size_t i = 0; i < size_t{4} * photo.width * photo.height; ++i) {
    const bool alpha = i % 4 == 3;
    photo.full.samples.as<uint16_t>()[i] =
        static_cast<uint16_t>(alpha ? 65535 : photo.pixels.as<uint8_t>()[i / 4 * 3 + i % 4] * 257);
  }
  photo.full.samples.as<uint16_t>()[0] ^= 77;
  const std::string in = Fresh("in.png"), out = Fresh("out.png"), jpeg = Fresh("out.jpg");
  REQUIRE(WriteImage(in, photo, {}).ok());
  const Ran ran = Run({"edit", in, "-o", out, "--set", "smile=2"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(Has(ran.err, "GPS"));
  const Image made = std::move(*ReadImage(out));
  CHECK(made.exif == photo.exif);
  CHECK(Has(made.xmp, "lake"));
  REQUIRE(made.full.samples.bytes() == photo.full.samples.bytes());
  size_t same = 0;
  for (size_t i = 0; i < made.full.samples.bytes(); ++i)
    same += made.full.samples.data()[i] == photo.full.samples.data()[i];
  CHECK(same > made.full.samples.bytes() / 2);  // most of it is not the face
  CHECK(same < made.full.samples.bytes());
  CHECK(made.full.samples.as<uint16_t>()[0] == photo.full.samples.as<uint16_t>()[0]);

  const Ran dropped = Run({"edit", in, "-o", jpeg, "--set", "smile=2", "--drop-gps"});
  REQUIRE(dropped.code == 0);
  CHECK_FALSE(Has(dropped.err, "GPS"));
  const Image other = std::move(*ReadImage(jpeg));
  CHECK(other.exif.size() == exif.size());
  CHECK(other.exif != photo.exif);
  CHECK(Has(other.xmp, "lake"));
  MienWithoutEffect({"edit", in, "-o", out, "--set", "smile=2", "--crop", "--drop-gps"}, "--drop-gps");
}

TEST_CASE("the C API gives the bytes that the program gives") {
  const std::string jpeg = Fresh("photo.jpg");
  REQUIRE(WriteImage(jpeg, *ReadImage(kAstronaut), {}, {PictureKind::kJpeg, 90}).ok());
  for (const std::string& photo : {kAstronaut, jpeg}) {
    const std::string ending = photo.substr(photo.rfind('.')), ours = Fresh("a" + ending), theirs = Fresh("b" + ending);
    REQUIRE(Mien({"edit", photo, "-o", ours, "--set", "yaw=0.375"}).code == 0);
    const int code = Wait(Start(MIEN_BINARY_DIR "/tools/example/edit_with_c_api",
                                {TinyModelPath(), photo, theirs, "yaw", "0.375"}, Fresh("out"), Fresh("err")));
    REQUIRE(code == 0);
    CHECK(Content(ours) == Content(theirs));
  }
}

TEST_CASE("edit and align keep the photo's colour profile") {
  Image photo = std::move(*ReadImage(kAstronaut));
  photo.profile.resize(200);
  std::memcpy(photo.profile.data(), "\0\0\0\xc8", 4);
  std::memcpy(photo.profile.data() + 16, "RGB ", 4);
  std::memcpy(photo.profile.data() + 36, "acsp", 4);
  const std::string in = Fresh("in.png"), out = Fresh("out.jpg"), crop = Fresh("crop.png");
  REQUIRE(WriteImage(in, photo, {}).ok());
  REQUIRE(Mien({"edit", in, "-o", out, "--set", "smile=1"}).code == 0);
  CHECK(ReadImage(out)->profile == photo.profile);
  REQUIRE(Mien({"align", in, "-o", crop}).code == 0);
  CHECK(ReadImage(crop)->profile == photo.profile);
}

TEST_CASE("edit --crop is what align and edit --aligned --crop give, and encode finds the same face") {
  const std::string direct = Fresh("direct.png"), crop = Fresh("crop.png"), steps = Fresh("steps.png");
  REQUIRE(Mien({"edit", kAstronaut, "-o", direct, "--set", "age=1", "--crop"}).code == 0);
  REQUIRE(Mien({"align", kAstronaut, "-o", crop}).code == 0);
  REQUIRE(Mien({"edit", crop, "-o", steps, "--set", "age=1", "--aligned", "--crop"}).code == 0);
  CHECK(Same(*ReadImage(direct), *ReadImage(steps)));
  const std::string found = Fresh("found.safetensors"), given = Fresh("given.safetensors");
  REQUIRE(Mien({"encode", kAstronaut, "-o", found}).code == 0);
  REQUIRE(Mien({"encode", crop, "-o", given, "--aligned"}).code == 0);
  CHECK(Content(found) == Content(given));
  // A sheet shows the face alone, with nothing said of pasting.
  const std::string sheet = Fresh("sheet.png");
  const Ran ran = Mien({"edit", kAstronaut, "-o", sheet, "--sweep", "smile=-1:1:3"});
  CHECK(ran.code == 0);
  CHECK(ran.err.empty());
  const Image one = std::move(*ReadImage(direct)), three = std::move(*ReadImage(sheet));
  CHECK(three.width == 3 * one.width + 16);
}

TEST_CASE("edit measures whether it is still the same person, in words, in the report and in the picture's text") {
  const std::string out = Fresh("out.png");
  const Ran ran = Run({"edit", kAstronaut, "-o", out, "--set", "smile=2", "--json"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(Has(ran.err, "astronaut.png: "));
  CHECK(Has(ran.err, "cannot tell"));  // the people of the built-in model are drawn
  const auto likeness = nlohmann::json::parse(ran.out)["files"][0]["likeness"];
  REQUIRE(likeness.size() == 1);
  CHECK(likeness[0]["photo_edit"] > 0.3);
  CHECK(likeness[0]["reconstruction_edit"] < likeness[0]["photo_edit"]);
  CHECK(Has(Content(out), "\"likeness\":" + likeness.dump()));
  // Nothing is edited: the reconstruction is the edit. Of two faces each is measured.
  const Ran same = Mien({"edit", kAstronaut, "-o", out, "--json", "--crop"});
  const auto unedited = nlohmann::json::parse(same.out)["files"][0]["likeness"][0];
  CHECK(unedited["reconstruction_edit"] == 0.0);
  CHECK(unedited["photo_edit"] == unedited["photo_reconstruction"]);
  const Ran both = Mien({"edit", Pair(), "-o", out, "--json", "--face", "all"});
  CHECK(nlohmann::json::parse(both.out)["files"][0]["likeness"].size() == 2);
  const Ran none = Mien({"edit", kAstronaut, "-o", out, "--set", "smile=2", "--json", "--no-likeness"});
  CHECK_FALSE(nlohmann::json::parse(none.out)["files"][0].contains("likeness"));
  CHECK_FALSE(Has(none.err, "astronaut"));
}

TEST_CASE("edit --aligned takes the frame as the face, and pastes into it") {
  const std::string crop = Fresh("crop.png"), out = Fresh("out.png");
  REQUIRE(Mien({"align", kAstronaut, "-o", crop, "--size", "128"}).code == 0);
  REQUIRE(Mien({"edit", crop, "-o", out, "--set", "smile=2", "--aligned", "--paste", "replace"}).code == 0);
  const Image before = std::move(*ReadImage(crop)), after = std::move(*ReadImage(out));
  REQUIRE(after.width == 128);
  const std::vector<int> box = Changed(before, after);
  CHECK(box[0] < 40);
  CHECK(box[2] > 88);
  for (const int x : {0, 127})  // the mask leaves the corners out
    CHECK(std::memcmp(before.row(127) + 3 * x, after.row(127) + 3 * x, 3) == 0);
}

TEST_CASE("edit: of several faces the largest, one, or all") {
  const std::string pair = Pair();
  const Image photo = std::move(*ReadImage(pair));
  const auto edited = [&](const std::string& face) {
    const std::string out = Fresh("out.png");
    const Ran ran = Mien({"edit", pair, "-o", out, "--set", "smile=2", "--paste", "replace", "--face", face});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(Has(ran.err, "2 faces found") == (face != "all"));
    return Changed(photo, *ReadImage(out));
  };
  const std::vector<int> left = edited("225,100"), right = edited("737,100"), all = edited("all");
  CHECK(left[2] <= 512);
  CHECK(right[0] >= 512);
  CHECK(all == std::vector<int>{left[0], std::min(left[1], right[1]), right[2], std::max(left[3], right[3])});
  const std::string codes = Fresh("codes.safetensors");
  REQUIRE(Mien({"encode", pair, "-o", codes, "--face", "all"}).code == 0);
  CHECK(Mien({"edit", "--codes", codes, "-o", Fresh("out/"), "--set", "smile=1"}).code == 0);
  CHECK(Mien({"edit", pair, "-o", Fresh("x.png"), "--face", "3"}).code == 3);
  CHECK(Mien({"edit", pair, "-o", Fresh("x.png"), "--face", "10,500"}).code == 3);
  CHECK(Mien({"edit", pair, "-o", Fresh("x.png"), "--face", "first"}).code == 2);
  CHECK(Mien({"edit", pair, "-o", Fresh("x.png"), "--face", "all", "--crop"}).code == 2);
}

TEST_CASE("without a face: exit 3, the photo as it was searched, and the others are made") {
  const std::string nobody = Photo(5, 120, 100), out = Fresh("out.png");
  const Ran ran = Mien({"edit", nobody, "-o", out, "--set", "smile=1"});
  CHECK(ran.code == 3);
  CHECK(Has(ran.err, nobody + ": no face found; "));
  CHECK_FALSE(std::filesystem::exists(out));
  const std::string seen = FolderOf(out) + "/out.faces.png";
  CHECK(Has(ran.err, seen + " is the photo as it was searched"));
  CHECK(Same(*ReadImage(seen), *ReadImage(nobody)));
  CHECK(Mien({"encode", nobody, "-o", Fresh("w.npz")}).code == 3);
  CHECK(Mien({"edit", nobody, "-o", "-"}).code == 3);

  const std::string folder = Fresh("results");
  const Ran several = Mien({"edit", nobody, kAstronaut, "-o", folder, "--set", "smile=1"});
  CHECK(several.code == 1);
  CHECK(std::filesystem::exists(folder + "/astronaut.png"));
  CHECK(std::filesystem::exists(folder + "/photo5.faces.png"));
  // The place of that picture is looked at before anything is computed.
  const std::string input = Fresh("a.faces.png");
  std::filesystem::copy_file(kAstronaut, input);
  CHECK(Mien({"edit", input, "-o", FolderOf(input) + "/a.png", "--set", "smile=1"}).code == 2);
}

TEST_CASE("what is for photos, or for pasting, has no effect elsewhere") {
  const std::string out = Fresh("out.png"), codes = Fresh("w.safetensors"), photo = Photo(6);
  REQUIRE(Mien({"encode", photo, "-o", codes, "--aligned"}).code == 0);
  for (const char* option : {"--crop", "--aligned"})
    MienWithoutEffect({"edit", "--codes", codes, "-o", out, "--set", "smile=1", option}, option);
  MienWithoutEffect({"edit", "--seeds", "1", "-o", out, "--paste", "replace"}, "--paste");
  MienWithoutEffect({"edit", photo, "-o", out, "--aligned", "--crop", "--paste", "replace"}, "--paste");
  MienWithoutEffect({"edit", photo, "-o", out, "--aligned", "--face", "1"}, "--face");
  MienWithoutEffect({"encode", photo, "-o", codes, "--aligned", "--detector", "ssd"}, "--detector");
}

}  // namespace
}  // namespace mien
