// The program with JPEG pictures: photos, results, and what they say of what made them.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/face/image.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;

bool IsJpeg(const std::string& path) { return Content(path).starts_with("\xff\xd8\xff"); }

// A photo, as a JPEG that is lossless as far as the tiny model can see.
std::string JpegPhoto(int seed) {
  const std::string path = Fresh("photo.jpg");
  REQUIRE(WriteImage(path, *ReadImage(Photo(seed)), {}, {PictureKind::kJpeg, 100}).ok());
  return path;
}

TEST_CASE("a JPEG photo is edited, by its content, from a file or a pipe") {
  const std::string photo = JpegPhoto(3), other = Fresh("photo.png"), out = Fresh("a.png"), piped = Fresh("b.png");
  WriteContent(other, Content(photo));
  REQUIRE(Mien({"edit", "--aligned", "--crop", photo, "-o", out, "--set", "smile=1", "--no-metadata"}).code == 0);
  REQUIRE(Mien({"edit", "--aligned", "--crop", other, "-o", piped, "--set", "smile=1", "--no-metadata"}).code == 0);
  CHECK(Content(out) == Content(piped));
  REQUIRE(Mien({"edit", "--aligned", "--crop", "-", "-o", piped, "--set", "smile=1", "--no-metadata"}, photo).code ==
          0);
  CHECK(Content(out) == Content(piped));
  // Damage is a warning, which names the photo.
  const std::string whole = Content(photo);
  WriteContent(other, whole.substr(0, whole.size() - 2));
  const Ran ran = Mien({"edit", "--aligned", "--crop", other, "-o", out, "--set", "smile=1"});
  CHECK(ran.code == 0);
  CHECK_MESSAGE(Has(ran.err, "photo.png: the end of the file is missing"), ran.err);
}

TEST_CASE("results are JPEG where their name says so, or where no name does and --jpeg is given") {
  const std::string png = Fresh("a.png"), jpeg = Fresh("a.jpg"), coarse = Fresh("a.jpeg");
  REQUIRE(Mien({"synth", "--seeds", "1-4", "-o", png}).code == 0);
  REQUIRE(Mien({"synth", "--seeds", "1-4", "-o", jpeg}).code == 0);
  REQUIRE(Mien({"synth", "--seeds", "1-4", "-o", coarse, "--quality", "20"}).code == 0);
  REQUIRE(IsJpeg(jpeg));
  REQUIRE(IsJpeg(coarse));
  CHECK(Content(coarse).size() < Content(jpeg).size());
  const auto exact = ReadImage(png), close = ReadImage(jpeg);
  REQUIRE(exact.ok());
  REQUIRE(close.ok());
  double sum = 0;
  for (size_t i = 0; i < exact->bytes().size(); ++i) sum += std::pow(exact->bytes()[i] - close->bytes()[i], 2);
  CHECK(sum / static_cast<double>(exact->bytes().size()) < 30);
  const std::string folder = Fresh("x");
  REQUIRE(Mien({"edit", "--seeds", "1,2", "--set", "smile=1", "-o", folder, "--jpeg"}).code == 0);
  CHECK(IsJpeg(folder + "/seed1.jpg"));
  CHECK(IsJpeg(folder + "/seed2.jpg"));
  CHECK(FilesIn(folder) == 2);
  CHECK(Mien({"synth", "-o", "-", "--jpeg"}).out.starts_with("\xff\xd8\xff"));
  CHECK(Mien({"synth", "-o", "-"}).out.starts_with("\x89PNG"));
}

TEST_CASE("--quality and --jpeg that change nothing are mentioned, wrong values refused") {
  MienWithoutEffect({"synth", "-o", Fresh("a.png"), "--quality", "50"}, "--quality");
  MienWithoutEffect({"synth", "-o", Fresh("a.png"), "--jpeg"}, "--jpeg");
  MienWithoutEffect({"synth", "-o", Fresh("a.jpg"), "--jpeg"}, "--jpeg");
  for (const char* quality : {"0", "101", "-1", "9.5", "high"})
    CHECK(Mien({"synth", "-o", Fresh("a.jpg"), "--quality", quality}).code == 2);
}

TEST_CASE("info reads back what made a picture") {
  for (const char* name : {"a.png", "a.jpg"}) {
    CAPTURE(name);
    const std::string out = Fresh(name);
    REQUIRE(Mien({"edit", "--aligned", "--crop", JpegPhoto(3), "-o", out, "--set", "smile=1"}).code == 0);
    const Ran ran = Run({"info", out});
    REQUIRE(ran.code == 0);
    CHECK(Has(ran.out, "a picture of 32 x 32 pixels"));
    CHECK(Has(ran.out, "Software: mien "));
    CHECK(Has(ran.out, "DigitalSourceType: http://cv.iptc.org/newscodes/digitalsourcetype/"
                       "compositeWithTrainedAlgorithmicMedia"));
    const auto report = nlohmann::json::parse(Run({"info", out, "--json"}).out);
    const auto made = nlohmann::json::parse(report["picture"]["texts"]["mien"].get<std::string>());
    CHECK(made["verb"] == "edit");
    REQUIRE(Mien({"synth", "-o", out}).code == 0);
    CHECK(Has(Run({"info", out}).out, "digitalsourcetype/trainedAlgorithmicMedia"));
    REQUIRE(Mien({"synth", "-o", out, "--no-metadata"}).code == 0);
    CHECK(Has(Run({"info", out}).out, "nothing in it says what made it"));
  }
  CHECK(Run({"info", MIEN_SOURCE_DIR "/LICENSE"}).code == 4);
}

TEST_CASE("a contact sheet whose description JPEG has no room for is refused before it is made") {
  const std::string out = Fresh("a.jpg");
  const Ran ran = Mien({"synth", "--seeds", "4000000000-4000004095", "--preview", "4", "-o", out});
  CHECK(ran.code == 2);
  CHECK_MESSAGE(Has(ran.err, "write PNG, or leave it out (--no-metadata)"), ran.err);
  CHECK(FilesIn(FolderOf(out)) == 0);
}

}  // namespace
}  // namespace mien
