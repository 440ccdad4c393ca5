// mien anonymize: another person in the same place, the same one for the same key, and what is told of it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/face/image.h"
#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;
using Json = nlohmann::json;

struct Made {
  Image picture;
  Json report;
};

Made Anonymized(std::vector<std::string> words) {
  const std::string out = Fresh("out.png");
  words.insert(words.begin(), "anonymize");
  words.insert(words.end(), {"-o", out, "--json"});
  const Ran ran = Run(words);
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  return {std::move(*ReadImage(out)), Json::parse(ran.out)["files"][0]};
}

bool Same(const Image& a, const Image& b) { return std::ranges::equal(a.bytes(), b.bytes()); }

TEST_CASE("anonymize: a key decides who it becomes; without one the face does, by seed and path") {
  const std::vector<std::string> crop = {kPortrait, "--aligned", "--crop"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), crop.begin(), crop.end());
    return Anonymized(more);
  };
  const Made own = with({}), other_seed = with({"--seed", "1"}), key = with({"--key", "anna"});
  CHECK(Same(own.picture, with({}).picture));
  CHECK(Same(key.picture, with({"--key", "anna", "--seed", "1"}).picture));
  CHECK_FALSE(Same(own.picture, other_seed.picture));
  CHECK_FALSE(Same(own.picture, key.picture));
  CHECK_FALSE(Same(key.picture, with({"--key", "berta"}).picture));
  const Json& face = own.report["faces"][0];
  CHECK(face["photo_result"] > 0.2);
  CHECK(face["reconstruction_result"] > 0.1);
  CHECK(face["judgement"] == "cannot tell");
  for (const char* name : {"gender", "glasses", "age", "yaw"}) {
    REQUIRE(face["attributes"].contains(name));
    const Json& seen = face["attributes"][name];
    const bool angle = std::string(name) == "yaw" || std::string(name) == "age";
    const double before = seen["before"], after = seen["after"];
    CHECK(seen["held"] == (angle ? std::abs(before - after) <= 10 : (before >= 0.5) == (after >= 0.5)));
  }
}

TEST_CASE("anonymize: a whole photo is changed in its faces alone, and what tells of its origin is gone") {
  const Image photo = std::move(*ReadImage(kAstronaut));
  const Made made = Anonymized({kAstronaut});
  REQUIRE(made.picture.width == photo.width);
  CHECK(made.report["faces"].size() == 1);
  CHECK_FALSE(Same(made.picture, photo));
  const auto row = [](const Image& image, int y) { return std::span(image.row(y), size_t{3} * image.width); };
  CHECK(std::ranges::equal(row(made.picture, photo.height - 1), row(photo, photo.height - 1)));

  Image tagged = std::move(*photo.Copy());
  const std::string path = Fresh("tagged.jpg"), out = Fresh("out.jpg");
  tagged.xmp =
      "<?xpacket begin=\"\"?><x:xmpmeta><rdf:RDF><rdf:Description rdf:about=\"\" "
      "xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmp:Nickname=\"secret-place\"></rdf:Description></rdf:RDF>"
      "</x:xmpmeta><?xpacket end=\"w\"?>";
  REQUIRE(WriteImage(path, tagged, {}, {PictureKind::kJpeg}).ok());
  REQUIRE(ReadImage(path)->xmp.find("secret-place") != std::string::npos);
  REQUIRE(Run({"anonymize", path, "-o", out}).code == 0);
  CHECK_FALSE(Has(Content(out), "secret-place"));
  CHECK(Has(Run({"info", out}).out, "anonymize"));
}

TEST_CASE("anonymize: one key is for one face; models without what it needs are refused") {
  const std::string out = Fresh("out.png");
  CHECK(Run({"anonymize", kAstronaut, "-o", out, "--key", "anna"}).code == 2);
  CHECK(Run({"anonymize", kAstronaut, "-o", out, "--key", "anna", "--face", "largest"}).code == 0);
  CHECK(Run({"anonymize", kAstronaut, "-o", out, "--crop"}).code == 2);
  const Ran ran = Run({"-m", ConditionalModelPath(), "anonymize", kAstronaut, "-o", out});
  CHECK(ran.code == 2);
  CHECK(Has(ran.err, "needs the component flow"));
  const std::vector<std::string> words = {"anonymize", kPortrait, "--aligned", "-o", out,
                                          "--key",     "anna",    "--seed",    "3"};
  MienWithoutEffect(words, "--seed");
}

}  // namespace
}  // namespace mien
