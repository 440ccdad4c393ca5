// Edits whose size a face decides: --until, --keep-identity; the strength of edits; scores before and after.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;
using Json = nlohmann::json;

Json Edit(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"edit", "--json"});
  const Ran ran = Mien(std::move(arguments));
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  return Json::parse(ran.out)["files"][0];
}

std::string Number(const Json& number) { return number.dump(); }

TEST_CASE("until: the score that was wanted, by a value that gives the same picture when it is set") {
  const std::string out = Fresh("out.png"), set = Fresh("set.png");
  const Json scores = Edit({"--seeds", "3", "-o", out, "--set", "smile=1"})["attributes"][0];
  CHECK(scores["before"].size() == 9);
  CHECK(scores["change"].size() == 1);
  CHECK(scores["leakage"].size() == 8);
  // Half of the way that the edit goes can be reached.
  const double wanted = (scores["before"]["smile"].get<double>() + scores["after"]["smile"].get<double>()) / 2;
  const Json found = Edit({"--seeds", "3", "-o", out, "--until", "smile=" + Json(wanted).dump(), "--no-metadata"});
  REQUIRE(found["found"][0][0]["reached"] == true);
  CHECK(std::abs(found["attributes"][0]["after"]["smile"].get<double>() - wanted) <= 5.001e-3);
  CHECK(found["attributes"][0]["after"]["smile"] == found["found"][0][0]["score"]);
  Edit({"--seeds", "3", "-o", set, "--set", "smile=" + Number(found["found"][0][0]["value"]), "--no-metadata"});
  CHECK(Content(out) == Content(set));
}

TEST_CASE("until: a score out of reach is a warning, and a photo gets what codes get") {
  const std::string photo = Photo(3), codes = Fresh("w.safetensors"), out = Fresh("out.png"), same = Fresh("same.png");
  REQUIRE(Mien({"encode", "--aligned", photo, "-o", codes}).code == 0);
  const std::vector<std::string> words = {"--until", "age=500y", "--no-metadata"};
  std::vector<std::string> of_photo = {"edit", photo, "--aligned", "--crop", "-o", out};
  std::vector<std::string> of_codes = {"edit", "--codes", codes, "-o", same};
  of_photo.insert(of_photo.end(), words.begin(), words.end());
  of_codes.insert(of_codes.end(), words.begin(), words.end());
  const Ran far = Mien(of_photo);
  CHECK(far.code == 0);
  CHECK_MESSAGE(Has(far.err, "age=500y is not reached"), far.err);
  CHECK(Mien(of_codes).code == 0);
  CHECK(Content(out) == Content(same));
}

TEST_CASE("keep-identity: the largest strength whose distance stays below, which gives the same picture by itself") {
  const std::string out = Fresh("out.png"), again = Fresh("again.png"), whole = Fresh("whole.png");
  const std::vector<std::string> words = {"--seeds", "4", "--no-metadata", "--set", "smile=3", "--set", "gender=-3"};
  const auto with = [&](const std::string& path, std::vector<std::string> more) {
    more.insert(more.begin(), words.begin(), words.end());
    more.insert(more.end(), {"-o", path});
    return Edit(more);
  };
  const Json loose = with(whole, {"--keep-identity", "1.9"})["found"][0][0];
  CHECK(loose["strength"] == 1.0);
  const double limit = loose["distance"].get<double>() / 2;
  REQUIRE(limit > 0);
  const Json kept = with(out, {"--keep-identity", Json(limit).dump()})["found"][0][0];
  CHECK(kept["distance"].get<double>() < limit);
  CHECK(kept["strength"].get<double>() > 0);
  CHECK(kept["strength"].get<double>() < 1);
  with(again, {"--strength", Number(kept["strength"])});
  CHECK(Content(out) == Content(again));
  CHECK(Content(out) != Content(whole));
  // Without a distance it is that of one person; what is not one person's then is little.
  CHECK(with(out, {"--keep-identity"})["found"][0][0]["keep_identity"] == 0.6);
}

TEST_CASE("keep-identity: what it once meant is refused where it shows, and said where it does not") {
  const auto ran = [](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"edit", "--seeds", "1", "-o", Fresh("out.png"), "--set", "smile=1"};
    words.insert(words.end(), more.begin(), more.end());
    return Mien(words);
  };
  for (const char* old : {"0", "1", "0.0", "1.0", "-0.5", "2", "x", "nan"}) {
    const Ran refused = ran({"--keep-identity", old});
    CHECK(refused.code == 2);
    CHECK_MESSAGE(Has(refused.err, "now --strength"), refused.err);
  }
  CHECK(Has(ran({"--keep-identity", "0.3"}).err, "for a weaker edit write --strength 0.7"));
}

TEST_CASE("until and keep-identity: what is refused") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--until", "smile"},
                                                {"--until", "smile="},
                                                {"--until", "smile=x"},
                                                {"--until", "smile=0.5y"},
                                                {"--until", "hat=1"},
                                                {"--until", "roll=3deg"},
                                                {"--until", "smile=0.8", "--sweep", "age=-1:1:2"},
                                                {"--keep-identity", "0.5", "--sweep", "age=-1:1:2"}}) {
    std::vector<std::string> all = {"edit", "--seeds", "1", "-o", Fresh("out.png")};
    all.insert(all.end(), words.begin(), words.end());
    CAPTURE(words.back());
    CHECK(Mien(all).code == 2);
  }
}

}  // namespace
}  // namespace mien
