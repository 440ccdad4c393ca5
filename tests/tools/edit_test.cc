// mien edit from outside: values far away, one picture or many of a face, faces that are no photos.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "runtime/face/image.h"
#include "runtime/face/resample.h"
#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// Whether the picture lies in column and line of a contact sheet.
bool InSheet(const Image& sheet, int column, int line, const Image& picture) {
  const int side = picture.width, step = side + 4;
  for (int y = 0; y < side; ++y) {
    if (std::memcmp(sheet.row(4 + line * step + y) + 3 * (4 + column * step), picture.row(y), 3 * side) != 0)
      return false;
  }
  return true;
}

Image Edited(std::vector<std::string> arguments) {
  const std::string out = Fresh("out.png");
  if (!arguments[0].starts_with("--")) arguments.insert(arguments.begin(), {"--aligned", "--crop"});
  arguments.insert(arguments.begin(), "edit");
  arguments.insert(arguments.end(), {"-o", out});
  const Ran ran = Mien(arguments);
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  return std::move(*ReadImage(out));
}

bool Same(const Image& a, const Image& b) { return std::ranges::equal(a.bytes(), b.bytes()); }

TEST_CASE("edit: one picture, texts, sweep, stdin and stdout") {
  const std::string photo = Photo(2), out = Fresh("out.png"), plain = Fresh("plain.png"),
                    sheet = Fresh("sheet.png");
  REQUIRE(Mien({"edit", "--aligned", "--crop", photo, "-o", out, "--set", "smile=1.5", "--add", "yaw=10deg", "--layers",
                "2-5"})
              .code == 0);
  CHECK(ReadImage(out)->width == 32);
  const std::string content = Content(out);
  CHECK(content.find("smile=1.5") != std::string::npos);
  CHECK(content.find("rainedAlgorithmicMedia") != std::string::npos);
  REQUIRE(Mien({"edit", "--aligned", "--crop", photo, "-o", plain, "--set", "smile=1.5", "--add", "yaw=10deg",
                "--layers", "2-5", "--no-metadata"})
              .code == 0);
  CHECK(Content(plain).find("smile") == std::string::npos);
  CHECK(std::ranges::equal(ReadImage(plain)->bytes(), ReadImage(out)->bytes()));
  const Ran piped = Mien(
      {"edit", "--aligned", "--crop", "-", "-o", "-", "--set", "smile=1.5", "--add", "yaw=10deg", "--layers", "2-5"},
      photo);
  CHECK(piped.code == 0);
  CHECK(piped.out == content);
  REQUIRE(Mien({"edit", "--aligned", "--crop", photo, "-o", sheet, "--sweep", "smile=-2:2:5"}).code == 0);
  const auto pictures = ReadImage(sheet);
  REQUIRE(pictures->width == 5 * 32 + 6 * 4);
  const char* const values[] = {"smile=-2", "smile=-1", "smile=0", "smile=1", "smile=2"};
  for (int i : {0, 3, 4}) {  // edited together, the same pixels as alone
    REQUIRE(Mien({"edit", "--aligned", "--crop", photo, "-o", plain, "--set", values[i]}).code == 0);
    const auto alone = ReadImage(plain);
    int wrong = 0;
    for (int y = 0; y < 32; ++y) {
      const size_t in_sheet = (static_cast<size_t>(4 + y) * pictures->width + 4 + i * (32 + 4)) * 3;
      wrong += !std::ranges::equal(alone->bytes().subspan(static_cast<size_t>(y) * 32 * 3, 32 * 3),
                                   pictures->bytes().subspan(in_sheet, 32 * 3));
    }
    CHECK(wrong == 0);
  }
  const std::string small = Fresh("small.png");
  REQUIRE(
      Mien({"edit", "--aligned", "--crop", photo, "-o", small, "--sweep", "smile=-2:2:5", "--preview", "16"}).code ==
      0);
  CHECK(ReadImage(small)->width == 5 * 16 + 6 * 4);
  // Only rows from 5 on change from picture to picture: the sweep is computed in part, the last picture is
  // the same.
  const std::string part = Fresh("part.png"), last = Fresh("last.png");
  REQUIRE(Mien({"edit", "--aligned", "--crop", photo, "-o", part, "--sweep", "smile=-2:2:5", "--layers", "5-7"}).code ==
          0);
  REQUIRE(Mien({"edit", "--aligned", "--crop", photo, "-o", last, "--set", "smile=2", "--layers", "5-7"}).code == 0);
  const Image strip = std::move(*ReadImage(part)), whole = std::move(*ReadImage(last));
  for (int y = 0; y < 32; ++y)
    CHECK(std::memcmp(strip.row(4 + y) + 3 * (4 + 4 * 36), whole.row(y), 3 * 32) == 0);
  const std::string kept = Fresh("kept.png"), rebuilt = Fresh("rebuilt.png");
  REQUIRE(
      Mien({"edit", "--aligned", "--crop", photo, "-o", kept, "--set", "smile=2", "--strength", "0", "--no-metadata"})
          .code == 0);
  const Ran none = Mien({"edit", "--aligned", "--crop", photo, "-o", rebuilt, "--no-metadata"});
  CHECK(none.code == 0);
  CHECK(none.err.find("reconstruction") != std::string::npos);
  CHECK(Content(kept) == Content(rebuilt));
}

TEST_CASE("edit: of an aligned photo that is no square the centre is taken") {
  const std::string out = Fresh("out.png"), photo = Photo(3, 80, 61), square = Fresh("square.png");
  REQUIRE(WriteImage(square, *CropCentreSquare(*ReadImage(photo)), {}).ok());
  CHECK(Same(Edited({photo, "--set", "age=60y"}), Edited({square, "--set", "age=60y"})));
  CHECK(Mien({"edit", "--aligned", "--crop", Photo(3), "-o", out, "--set", "age=60y", "--no-likeness"}).err.empty());
}

TEST_CASE("edit: several inputs go to a folder, the same bytes as alone") {
  const std::vector<std::string> photos = {Photo(4), Photo(5), Photo(6)};
  const std::string folder = Fresh("results"), alone = Fresh("alone.png");
  REQUIRE(
      Mien({"edit", "--aligned", "--crop", photos[0], photos[1], photos[2], "-o", folder, "--set", "smile=1"}).code ==
      0);
  CHECK(FilesIn(folder) == 3);
  REQUIRE(Mien({"edit", "--aligned", "--crop", photos[1], "-o", alone, "--set", "smile=1"}).code == 0);
  CHECK(Content(folder + "/photo5.png") == Content(alone));
  CHECK(Mien({"edit", "--aligned", "--crop", photos[0], photos[0], "-o", folder, "--set", "smile=1"}).code == 2);
  CHECK(Mien({"edit", "--aligned", "--crop", photos[0], photos[1], "-o", alone, "--set", "smile=1"}).code == 2);
  CHECK(Mien({"edit", "--aligned", "--crop", photos[0], photos[1], "-o", "-", "--set", "smile=1"}).code == 2);
  CHECK(Mien({"edit", "--aligned", "--crop", photos[0], "-o", photos[0], "--set", "smile=1"}).code == 2);
}

TEST_CASE(
    "edit: a value far outside of the training range is warned about, once, with what was probably meant") {
  struct Case {
    std::vector<std::string> words;
    const char* said;
  };
  const std::vector<std::string> photos = {Photo(1), Photo(2)};
  for (const Case& c :
       {Case{{"--set", "age=60"},
             "age=60 is 60 times the training range (-1 to 1); for 60 years write age=60y"},
        {{"--set", "yaw=-20"}, "for -20 degrees write yaw=-20deg"},
        {{"--add", "age=10"}, "age+10 is 10 times the training range (-1 to 1); for 10 years write age=10y"},
        {{"--set", "smile=3.5"}, "smile=3.5 is 3.5 times the training range (-1 to 1)\n"},
        {{"--set", "smile=2", "--add", "smile=2"}, "smile=4 is 4 times"},
        {{"--set", "age=500y"}, "age=500y is far outside of the training range (0y to 72y)"},
        {{"--sweep", "age=20:60:3"}, "age=60 is 60 times"},
        {{"--grid", "age=0:60:2", "smile=-1:1:2"}, "age=60 is 60 times"}}) {
    CAPTURE(c.said);
    std::vector<std::string> words = {"edit", "--aligned", "--crop", "-q", photos[0], photos[1], "-o", Fresh("out/")};
    words.insert(words.end(), c.words.begin(), c.words.end());
    const Ran ran = Mien(words);
    CHECK(ran.code == 0);
    CHECK(Has(ran.err, c.said));
    CHECK(Count(ran.err, "warning") == 1);
  }
  for (const char* near : {"age=60y", "smile=3", "smile=-3", "yaw=50deg"}) {
    CHECK(Mien({"edit", "--aligned", "--crop", photos[0], "-o", Fresh("x.png"), "--set", near, "--no-likeness"})
              .err.empty());
  }
}

TEST_CASE("edit: options take their own values and leave the photos behind them") {
  const std::string a = Photo(3), b = Photo(4);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--set", "smile=1"},
                                             {"--add", "smile=1"},
                                             {"--sweep", "smile=-1:1:2"},
                                             {"--grid", "smile=-1:1:2", "age=-1:1:2"}}) {
    CAPTURE(words[0]);
    const std::string folder = Fresh("out");
    std::vector<std::string> all = {"edit", "--aligned", "--crop"};
    all.insert(all.end(), words.begin(), words.end());
    all.insert(all.end(), {a, b, "-o", folder});
    const Ran ran = Mien(all);
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(FilesIn(folder) == 2);
  }
}

TEST_CASE("edit: --grid has the first attribute across and the second down") {
  const std::string photo = Photo(5);
  // 72 pictures: more than the inverse flow takes together. The rows from 5 on change, so that layers are
  // kept.
  const Image sheet =
      Edited({photo, "--grid", "smile=-2:2:9", "age=-1:1:8", "--layers", "5-7", "--set", "glasses=1"});
  CHECK(sheet.width == 9 * 36 + 4);
  CHECK(sheet.height == 8 * 36 + 4);
  const auto alone = [&](const char* smile, const char* age) {
    return Edited({photo, "--layers", "5-7", "--set", "glasses=1", "--set", smile, "--set", age});
  };
  CHECK(InSheet(sheet, 0, 0, alone("smile=-2", "age=-1")));
  CHECK(InSheet(sheet, 6, 0, alone("smile=1", "age=-1")));
  CHECK(InSheet(sheet, 0, 7, alone("smile=-2", "age=1")));
  CHECK(InSheet(sheet, 8, 7, alone("smile=2", "age=1")));
}

TEST_CASE("edit: every --sweep is a row of one sheet") {
  const std::string photo = Photo(6);
  const Image sheet = Edited({photo, "--sweep", "smile=-1:1:3", "--sweep", "age=-1:1:2"});
  CHECK(sheet.width == 3 * 36 + 4);
  CHECK(sheet.height == 2 * 36 + 4);
  CHECK(InSheet(sheet, 2, 0, Edited({photo, "--set", "smile=1"})));
  CHECK(InSheet(sheet, 1, 1, Edited({photo, "--set", "age=1"})));
  Image white = std::move(*Image::Create(32, 32));
  std::memset(white.pixels.data(), 255, white.bytes().size());
  CHECK(InSheet(sheet, 2, 1, white));
}

TEST_CASE("edit: seeds and saved codes are edited like the photos they would have come from") {
  const std::string photo = Photo(7), codes = Fresh("codes.safetensors"), faces = Fresh("faces.npz");
  REQUIRE(Mien({"encode", "--aligned", photo, "-o", codes}).code == 0);
  CHECK(Same(Edited({photo, "--set", "smile=1"}), Edited({"--codes", codes, "--set", "smile=1"})));
  REQUIRE(
      Mien({"synth", "--seeds", "3,7-8", "--psi", "0.7", "-o", Fresh("x.png"), "--save-codes", faces}).code ==
      0);
  const std::string folder = Fresh("of_codes"), seeds = Fresh("of_seeds"), plain = Fresh("plain.png");
  REQUIRE(Mien({"edit", "--codes", faces, "--set", "age=1", "-o", folder}).code == 0);
  REQUIRE(Mien({"edit", "--seeds", "3,7-8", "--psi", "0.7", "--set", "age=1", "-o", seeds}).code == 0);
  CHECK(FilesIn(folder) == 3);
  CHECK(FilesIn(seeds) == 3);
  CHECK(Same(*ReadImage(seeds + "/seed7.png"), *ReadImage(folder + "/faces-1.png")));
  CHECK(Has(Content(seeds + "/seed7.png"), "\"psi\":0.69"));
  // Without an edit, and with noise of its own, a seed gives the picture of synth.
  REQUIRE(Mien({"synth", "--seeds", "3", "-o", plain, "--noise", "random"}).code == 0);
  CHECK(Same(Edited({"--seeds", "3", "--noise", "random"}), *ReadImage(plain)));
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{},
                                             {photo, "--seeds", "3"},
                                             {photo, "--codes", codes},
                                             {"--seeds", "x"},
                                             {"--seeds", "3-4"},
                                             {"--seeds", "3", "--label", "1"}}) {
    std::vector<std::string> all = {"edit", "-o", Fresh("out.png")};
    all.insert(all.end(), words.begin(), words.end());
    CHECK(Mien(all).code == 2);
  }
}

TEST_CASE("edit: what has no effect is mentioned, and not recorded") {
  struct Case {
    std::vector<std::string> words;
    std::string option;
    const char* recorded;  // in the parameters, and must not be
  };
  const std::string photo = Photo(8), codes = Fresh("w.safetensors");
  REQUIRE(Mien({"encode", "--aligned", photo, "-o", codes}).code == 0);
  for (const Case& c : {Case{{photo, "--layers", "4-7"}, "--layers", "layers"},
                        {{photo, "--strength", "0.5"}, "--strength", "strength"},
                        {{photo, "--keep-identity", "0.5"}, "--keep-identity", "identity_below"},
                        {{photo, "--set", "smile=1", "--seed", "5"}, "--seed", "seed"},
                        {{photo, "--set", "smile=1", "--psi", "0.5"}, "--psi", "psi"},
                        {{photo, "--set", "smile=1", "--label", "0"}, "--label", "label"},
                        {{"--codes", codes, "--psi-cutoff", "3"}, "--psi-cutoff", "psi_cutoff"},
                        {{"--seeds", "1", "--noise", "random", "--seed", "5"}, "--seed", "none"},
                        {{photo, "--set", "smile=1", "--preview", "32"}, "--preview 32", "preview"}}) {
    const std::string out = Fresh("out.png");
    std::vector<std::string> all = {"edit", "-o", out};
    all.insert(all.end(), c.words.begin(), c.words.end());
    if (c.words[0] == photo) all.insert(all.end(), {"--aligned", "--crop"});
    const auto report = MienWithoutEffect(all, c.option);
    CHECK_FALSE(report["parameters"].contains(c.recorded));
    CHECK_FALSE(Has(Content(out), std::string("\"") + c.recorded + "\":"));
  }
  const Ran twice = Mien({"edit", "--aligned", "--crop", photo, "-o", Fresh("x.png"), "--json", "--set", "smile=1",
                          "--set", "smile=2", "--set", "age=1", "--add", "yaw=1", "--sweep", "age=-1:1:2"});
  CHECK(Has(twice.err, "--set smile=1 has no effect"));
  CHECK(Has(twice.err, "--set age=1 has no effect"));
  CHECK_FALSE(Has(twice.err, "smile=2 has no effect"));
  CHECK(nlohmann::json::parse(twice.out)["parameters"]["set"] == nlohmann::json::array({"smile=2"}));
  CHECK(
      Has(Mien({"edit", "--aligned", "--crop", photo, "-o", Fresh("x.png"), "--set", "smile=1", "--strength", "0"}).err,
          "reconstruction"));
  CHECK(Mien({"edit", "--aligned", "--crop", photo, "-o", Fresh("x.png"), "--set", "smile=1", "--noise", "random",
              "--seed", "5", "--no-likeness"})
            .err.empty());
}

}  // namespace
}  // namespace mien
