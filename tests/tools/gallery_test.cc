// mien gallery: one page of pictures, and the distances that it tells.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;
using Json = nlohmann::json;

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

TEST_CASE("gallery: photos and seeds on a page that needs no other file, with the distances that edit tells") {
  const std::string page = Fresh("page.html"), out = Fresh("out.png");
  const Ran ran = Mien({"gallery", kPortrait, "--aligned", "--seeds", "3", "-o", page, "--attributes", "smile,glasses",
                        "--steps", "3", "--reach", "1.5", "--json"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  const std::string html = Content(page);
  constexpr size_t kPortraitOnes = 2, kSeedOnes = 1, kEdits = 2 * 2 + 3;
  CHECK(Count(html, "src=\"data:image/jpeg;base64,/9j/") == kPortraitOnes + kSeedOnes + 2 * kEdits);
  CHECK(Count(html, ">glasses +1.5, ") == 2);
  CHECK(Count(html, ">yaw -1.5, ") == 2);
  CHECK(Has(html, "<h2>seed3</h2>"));
  CHECK_FALSE(Has(html, "<script"));
  CHECK_FALSE(Has(html, "href="));
  const Json faces = Json::parse(ran.out)["faces"];
  REQUIRE(faces.size() == 2);
  REQUIRE(faces[0]["edits"].size() == kEdits);
  CHECK(faces[0]["edits"][1]["attribute"] == "smile");
  CHECK(faces[0]["edits"][1]["value"] == 1.5);
  const Ran edit = Mien({"edit", "--aligned", "--crop", kPortrait, "-o", out, "--set", "smile=1.5", "--json"});
  REQUIRE_MESSAGE(edit.code == 0, edit.err);
  const Json likeness = Json::parse(edit.out)["files"][0]["likeness"][0];
  CHECK(std::abs(faces[0]["reconstruction"].get<double>() - likeness["photo_reconstruction"].get<double>()) <= 6e-4);
  CHECK(std::abs(faces[0]["edits"][1]["distance"].get<double>() - likeness["reconstruction_edit"].get<double>()) <=
        6e-4);
}

TEST_CASE("gallery: a face that was found is shown in its photo, once for each attribute") {
  const std::string page = Fresh("page.html");
  const Ran ran = Mien({"gallery", kAstronaut, "-o", page, "--attributes", "age", "--steps", "2"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  const std::string html = Content(page);
  CHECK(Count(html, "<figure class=\"large\">") == 2);
  CHECK(Has(html, ">photo<"));
  CHECK(Has(html, ">age +1<"));
  CHECK(Has(html, "reconstruction, "));
}

TEST_CASE("gallery: what is wrong is told before anything is computed, and no page is left") {
  const std::string page = Fresh("page.html");
  const std::vector<std::pair<std::vector<std::string>, int>> cases = {
      {{"gallery", "-o", page}, 2},
      {{"gallery", "--seeds", "1", "-o", Fresh("page.png")}, 2},
      {{"gallery", "--seeds", "1", "-o", page, "--attributes", "wings"}, 2},
      {{"gallery", "--seeds", "1", "-o", page, "--sweep", "wings"}, 2},
      {{"gallery", kAstronaut, "-o", page, "--face", "all"}, 2},
      {{"gallery", "--seeds", "1", "-o", page, "--steps", "1"}, 2},
      {{"gallery", Photo(3, 48, 32), "-o", page}, 3},
  };
  for (const auto& [words, code] : cases) {
    const Ran ran = Mien(words);
    CAPTURE(ran.err);
    CHECK(ran.code == code);
    CHECK_FALSE(std::filesystem::exists(page));
  }
  const Ran missing = Mien({"gallery", "missing.png", "-o", page});
  CHECK(missing.code == 1);
  CHECK(Has(missing.err, "mien: error: missing.png: cannot open"));
}

}  // namespace
}  // namespace mien
