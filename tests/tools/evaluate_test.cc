// mien evaluate from outside: what it tells, what its numbers depend on, gates, data that are wrong. The numbers
// themselves are judged in tests/runtime/evaluate.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"
#include "weights/container.h"

namespace mien {
namespace {

using namespace testing;
using Json = nlohmann::json;

Json Report(std::vector<std::string> arguments) {
  arguments.push_back("--json");
  const Ran ran = Mien(std::move(arguments));
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  return Json::parse(ran.out);
}

// Twelve pictures of people of two genders and skin tones; age and tone of one are unknown.
std::string Data() {
  constexpr int64_t kImages = 12;
  constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> w_plus, labels, tones;
  std::vector<int64_t> people;
  for (int i = 0; i < kImages * kTinyRows * kTinyDim; ++i)
    w_plus.push_back(std::sin(0.37f * static_cast<float>(i * i % 911)));
  for (int i = 0; i < kImages; ++i) {
    people.push_back(i / 2);
    labels.insert(labels.end(), {i % 2 == 0 ? 1.0f : 0.0f, i == 0 ? kUnknown : 18.0f + static_cast<float>(i)});
    tones.push_back(i == 0 ? kUnknown : static_cast<float>(1 + i / 6));
  }
  const std::string path = Fresh("data.safetensors");
  const std::vector<TensorToWrite> tensors = {
      {"w_plus", DType::kF32, {kImages, kTinyRows, kTinyDim}, std::as_bytes(std::span(w_plus))},
      {"identity", DType::kI64, {kImages}, std::as_bytes(std::span(people))},
      {"attributes", DType::kF32, {kImages, 2}, std::as_bytes(std::span(labels))},
      {"skin_tone", DType::kF32, {kImages}, std::as_bytes(std::span(tones))}};
  REQUIRE(WriteTensorFile(path, tensors, {{"attributes", R"(["gender","age"])"}}, TensorFile::Profile::kPlain).ok());
  return path;
}

TEST_CASE("evaluate: both directions of each attribute, as a report, a table and a page that needs no other file") {
  const std::string page = Fresh("page.html");
  const Json report = Report({"evaluate", "--seeds", "0-1", "--html", page, "--pictures", "1", "--search", "linear"});
  CHECK(report["faces"] == 2);
  REQUIRE(report["methods"].size() == 1);
  const Json& edits = report["methods"][0]["edits"];
  CHECK(edits.size() == 16);
  for (const Json& edit : edits) {
    CHECK(edit["tried"] == 40);
    CHECK(edit["edits"] == 2);
    CHECK(edit["rank_correlation"].size() == 9);
    CHECK(edit["accuracy"].size() == 5);
    CHECK((edit["successes"] == 0 || edit["arcface"]["mean"].is_number()));
  }
  CHECK(report["subgroups"].empty());
  CHECK(report["cost_of_an_edit"][0]["multiply_adds"].get<double>() > 1e6);
  const std::string html = Content(page);
  CHECK(Has(html, "<svg"));
  CHECK(Has(html, "age+ flow"));
  CHECK_FALSE(Has(html, "<script"));
  CHECK_FALSE(Has(html, "href="));
  size_t pictures = 0;
  for (size_t at = 0; (at = html.find("src=\"data:image/jpeg;base64,/9j/", at)) != std::string::npos; ++at) ++pictures;
  CHECK(pictures == 1 + 2 * 16);
  const Ran table = Mien({"evaluate", "--seeds", "0", "--attributes", "smile"});
  CHECK(table.code == 0);
  CHECK(Has(table.out, "smile+    flow"));
  CHECK(Has(table.out, "no subgroups"));
}

TEST_CASE("evaluate: the same numbers for any threads and batch") {
  const auto report = [](const char* threads, const char* batch) {
    const Ran ran = Run({"evaluate", "--seeds", "4-5", "--attributes", "age,yaw", "-m", TinyModelPath(), "--threads",
                         threads, "--batch", batch, "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    Json numbers = Json::parse(ran.out);
    numbers.erase("cost_of_an_edit");  // a batch takes memory
    return numbers;
  };
  const Json first = report("1", "1");
  CHECK(first["methods"][0]["edits"].size() == 4);
  CHECK(report("2", "8") == first);
  CHECK(report("3", "3") == first);
}

TEST_CASE("evaluate: data of training, by subgroup; the flow and a direction side by side") {
  std::vector<float> direction(kTinyDim, 0.0f);
  direction[1] = 1;
  const std::string path = TensorInput("w", {1, kTinyDim}, direction);
  const Json report = Report({"evaluate", Data(), "--method", "flow,linear", "--direction", "smile=" + path,
                              "--attributes", "smile,age", "--max", "9"});
  CHECK(report["faces"] == 9);
  CHECK(report["methods"][0]["edits"].size() == 4);
  CHECK(report["methods"][1]["method"] == "linear");
  CHECK(report["methods"][1]["edits"].size() == 2);
  CHECK(report["methods"][0]["edits"][0]["success_intersection"] <= report["methods"][1]["edits"][0]["successes"]);
  REQUIRE(report["subgroups"].size() == 3);
  CHECK(report["subgroups"][0]["column"] == "gender");
  CHECK(report["subgroups"][0]["groups"][1]["group"] == "male");
  CHECK(report["subgroups"][1]["groups"][0]["group"] == "0 to 19");
  CHECK(report["subgroups"][2]["column"] == "skin_tone");
  int64_t sorted = 0;
  for (const Json& group : report["subgroups"][2]["groups"]) sorted += group["faces"].get<int64_t>();
  CHECK(sorted == 8);
}

TEST_CASE("evaluate: gates") {
  const std::vector<std::string> words = {"evaluate", "--seeds", "0", "--attributes", "smile", "--gate"};
  const auto gated = [&](const std::string& gate) {
    std::vector<std::string> arguments = words;
    arguments.insert(arguments.end(), {gate, "--json"});
    return Mien(arguments);
  };
  const Ran met = gated("success.smile>=0,flow.success<=1");
  CHECK(met.code == 0);
  CHECK(Json::parse(met.out)["gates"][1]["met"] == true);
  const Ran unmet = gated("success>=0,success.smile+>1");
  CHECK(unmet.code == 6);
  CHECK(Has(unmet.err, "gates not met: success.smile+>1: "));
  CHECK(Json::parse(unmet.out)["faces"] == 1);
  for (const char* wrong : {"success", "success>=", "success>=x", "beauty>=1", "success.age>=1", "flow>=1",
                            "success.smile.now>=1", "success>=1,"}) {
    CAPTURE(wrong);
    CHECK(gated(wrong).code == 2);
  }
}

TEST_CASE("evaluate: photos, aligned or with a face that has to be found") {
  const Json report = Report({"evaluate", "--photos", Photo(3), "--aligned", "--attributes", "smile"});
  CHECK(report["faces"] == 1);
  const Ran none = Mien({"evaluate", "--photos", Photo(3, 48, 32), "--attributes", "smile"});
  CHECK(none.code == 3);
}

TEST_CASE("evaluate: what is refused") {
  const std::string wrong_codes = TensorInput("w_plus", {1, 2, 3}, {1, 2, 3, 4, 5, 6});
  const std::vector<std::pair<std::vector<std::string>, int>> refused = {
      {{"evaluate"}, 2},
      {{"evaluate", "--seeds", "0", "--method", "magic"}, 2},
      {{"evaluate", "--seeds", "0", "--method", "flow,flow"}, 2},
      {{"evaluate", "--seeds", "0", "--method", "linear"}, 2},
      {{"evaluate", "--seeds", "0", "--method", "linear", "--direction", "smile"}, 2},
      {{"evaluate", "--seeds", "0", "--attributes", "hat"}, 2},
      {{"evaluate", "--seeds", "0", "--attributes", "roll"}, 2},
      {{"evaluate", "--seeds", "0", "--threshold", "smile=0.8"}, 2},
      {{"evaluate", "--seeds", "0", "--html", "page.png"}, 2},
      {{"evaluate", wrong_codes}, 4},
      {{"evaluate", "/nowhere.safetensors"}, 1}};
  for (const auto& [arguments, code] : refused) {
    CAPTURE(arguments.back());
    const Ran ran = Mien(arguments);
    CHECK_MESSAGE(ran.code == code, ran.err);
  }
  // An attribute that the public evaluation does not edit, with thresholds of one's own.
  CHECK(Mien({"evaluate", "--seeds", "0", "--threshold", "smile=0.7,0.1", "--attributes", "smile"}).code == 0);
}

}  // namespace
}  // namespace mien
