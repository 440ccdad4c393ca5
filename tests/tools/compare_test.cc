// `mien compare` with the pictures of tests/data/faces.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/face/image.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;
using Json = nlohmann::json;

const std::string kData = std::string(MIEN_SOURCE_DIR) + "/tests/data/faces/";
const std::string kNeutral = kData + "portrait_a_neutral.png", kSmile = kData + "portrait_a_smile.png",
                  kOther = kData + "portrait_b_neutral.png";

Json Report(const std::vector<std::string>& arguments) {
  const Ran ran = Run(arguments);
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  return Json::parse(ran.out);
}

TEST_CASE("compare: one line, one answer") {
  Ran ran = Run({"compare", kAstronaut, kAstronaut});
  CHECK(ran.code == 0);
  CHECK(ran.out == kAstronaut + " and " + kAstronaut +
                       ": distance 0.000 (L2, 128 numbers): same person (below 0.6, the publisher's threshold for "
                       "photographs)\n");
  CHECK(ran.err.empty());
  ran = Run({"compare", kAstronaut, kNeutral});
  CHECK(ran.code == 0);
  CHECK(Has(ran.out, "): another person (not below 0.6, the publisher's threshold for photographs)\n"));
  CHECK(Has(Run({"compare", "--help"}).out, "must not be used to find out who a stranger is"));
}

TEST_CASE("compare: a smile changes less than the person does; of drawn people it cannot tell") {
  const Json smile = Report({"compare", kNeutral, kSmile, "--json"}),
             other = Report({"compare", kNeutral, kOther, "--json", "--drawn"});
  CHECK(smile["distance"].get<double>() > 0);
  CHECK(smile["distance"].get<double>() < other["distance"].get<double>());
  CHECK(smile["judgement"] == "same person");
  CHECK(smile["threshold"] == 0.6);
  CHECK_FALSE(smile["drawn"].get<bool>());
  CHECK(other["judgement"] == "cannot tell");
  CHECK(other["drawn"] == true);
  CHECK(other["threshold"] != smile["threshold"]);
  CHECK(other["error_rate"].get<double>() > 0.1);
}

TEST_CASE("compare --json: who found which face where") {
  const Json report = Report({"compare", kAstronaut, kSmile, "--json"});
  CHECK(report["ok"] == true);
  CHECK(report["judgement"] == "another person");
  CHECK(report["distance"].get<double>() >= 0.6);
  REQUIRE(report["pictures"].size() == 2);
  const Json &first = report["pictures"][0], &second = report["pictures"][1];
  CHECK(first["picture"] == kAstronaut);
  CHECK(first["width"] == 512);
  CHECK(first["faces"] == 1);
  CHECK(first["detector"] == "tiny_416");
  CHECK(second["picture"] == kSmile);
  CHECK(second["detector"] == "ssd");
  // The face of the astronaut is at 223, 124.
  const Json& box = first["box"];
  CHECK(box["x"].get<double>() < 223);
  CHECK(box["x"].get<double>() + box["width"].get<double>() > 223);
  CHECK(Report({"compare", kAstronaut, kSmile, "--json", "--detector", "ssd"})["pictures"][0]["detector"] == "ssd");
}

TEST_CASE("compare --aligned: nothing is searched") {
  const std::string crop = Fresh("crop.png"), wide = Photo(3, 48, 32);
  REQUIRE(Run({"align", kAstronaut, "-o", crop}).code == 0);
  const Json report = Report({"compare", crop, kOther, "--aligned", "--json", "--detector", "ssd"});
  CHECK(report["judgement"] == "another person");
  CHECK(report["pictures"][0]["box"].is_null());
  CHECK(report["pictures"][0]["detector"].is_null());
  CHECK(report["without_effect"].size() == 1);
  CHECK(Report({"compare", crop, crop, "--aligned", "--json"})["distance"] == 0.0);
  const Ran ran = Run({"compare", crop, wide, "--aligned"});
  CHECK(ran.code == 2);
  CHECK(Has(ran.err, wide + ": an aligned face: a square expected, 48 x 32 pixels found"));
}

TEST_CASE("compare: no face, bad input") {
  const std::string empty = Photo(3, 48, 32);
  for (const auto& [first, second] : {std::pair(empty, kOther), std::pair(kOther, empty)}) {
    const Ran ran = Run({"compare", first, second});
    CHECK(ran.code == 3);
    CHECK(Has(ran.err, "mien: error: " + empty + ": no face found"));
    CHECK(ran.out.empty());
  }
  Ran ran = Run({"compare", empty, kOther, "--json"});
  CHECK(ran.code == 3);
  CHECK(Json::parse(ran.out)["ok"] == false);
  CHECK_FALSE(Json::parse(ran.out).contains("judgement"));
  CHECK(Run({"compare", kOther}).code == 2);
  CHECK(Run({"compare", kOther, kData + "README.md"}).code == 1);
  CHECK(Run({"compare", kOther, kData + "missing.png"}).code == 1);
  CHECK(Run({"compare", kOther, kOther, "--detector", "both"}).code == 2);
  CHECK(
      Run({"compare", kOther, kOther, "-m", std::string(MIEN_SOURCE_DIR) + "/weights/builtin/mien.safetensors"}).code ==
      2);
  CHECK(Has(Run({"compare", "-", kOther}, kOther).out, "distance 0.000"));
  ran = Run({"compare", "-", "-"}, kOther);
  CHECK(ran.code == 2);
  CHECK(Has(ran.err, "a stream can be read only once"));
}

// A portrait beside the astronaut, whose face is smaller.
std::string TwoPeople() {
  const auto left = ReadImage(kAstronaut), right = ReadImage(kNeutral);
  REQUIRE((left.ok() && right.ok()));
  Image both = std::move(*Image::Create(left->width + right->width, left->height));
  for (int y = 0; y < left->height; ++y) {
    std::copy_n(left->row(y), 3 * left->width, both.row(y));
    if (y < right->height) std::copy_n(right->row(y), 3 * right->width, both.row(y) + 3 * left->width);
  }
  const std::string path = Fresh("both.png");
  REQUIRE(WriteImage(path, both, {}).ok());
  return path;
}

TEST_CASE("compare: of several faces the largest, and the others are mentioned") {
  const std::string both = TwoPeople();
  const Ran ran = Run({"compare", both, kNeutral, "--json"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(Has(ran.err, both + ": 2 faces found; the largest is compared"));
  const Json report = Json::parse(ran.out);
  CHECK(report["pictures"][0]["faces"] == 2);
  CHECK(report["pictures"][0]["box"]["x"].get<double>() > 512);
  CHECK(report["distance"].get<double>() < 0.4);
}

}  // namespace
}  // namespace mien
