// mien run from outside: networks of a model on tensors from files, memory plans.
#include <doctest/doctest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "runtime/face/random.h"
#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;

TEST_CASE("run: mapping and synthesis are what synth computes; shapes are checked") {
  const std::string codes = Fresh("codes.safetensors"), w_plus = Fresh("w.safetensors"),
                    image = Fresh("i.safetensors");
  REQUIRE(Mien({"synth", "--seeds", "4", "-o", Fresh("x.png"), "--save-codes", codes}).code == 0);
  std::vector<float> z(16);
  RandomState(4).Normals(z);
  REQUIRE(Mien({"run", "--graph", "mapping", "--in", TensorInput("z", {1, 16}, z), "--out", w_plus}).code ==
          0);
  CHECK(TensorOutput(w_plus, "w_plus") == TensorOutput(codes, "w_plus"));
  REQUIRE(Mien({"run", "--graph", "synthesis", "--in", codes, "--out", image}).code == 0);
  CHECK(TensorOutput(image, "image").size() == 3 * 32 * 32);
  REQUIRE(Mien({"run", "--graph", "synthesis", "--in", codes, "--out", image, "--trace"}).code == 0);
  CHECK(TensorOutput(image, "act/conv1").size() == 24 * 16);

  const auto code = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "run");
    return Mien(arguments).code;
  };
  const std::string wrong = TensorInput("z", {1, 15}, std::vector<float>(15)), out = Fresh("out.safetensors");
  CHECK(code({"--graph", "mapping", "--in", wrong, "--out", out}) == 2);
  CHECK(code({"--graph", "flow", "--in", wrong, "--out", out}) == 2);
  CHECK(code({"--graph", "mapping", "--in", TensorInput("z", {65, 16}, std::vector<float>(65 * 16)), "--out",
              out}) == 2);
  CHECK(code({"--graph", "mapping", "--in", TinyModelPath() + "x", "--out", out}) == 1);
  CHECK(code({"--graph", "mapping", "--in", Photo(9), "--out", out}) == 4);
  CHECK(code({"--graph", "flow", "--in", codes, "--out", out, "--psi", "0.5"}) == 2);
  CHECK(code({"--graph", "mapping", "--in", wrong}) == 2);
  for (const auto& [option, value, graph] : std::vector<std::array<std::string, 3>>{{"--psi", "0.7", "mapping"},
                                                                                    {"--psi-cutoff", "3", "mapping"},
                                                                                    {"--noise", "none", "synthesis"},
                                                                                    {"--stages", "2", "encoder"}}) {
    const Ran refused = Mien({"run", "--graph", "flow", "--plan", option, value});
    CHECK(refused.code == 2);
    CHECK(refused.err.find(option + " is an option of graph " + graph) != std::string::npos);
    CHECK(Mien({"run", "--graph", graph, "--plan", option, value}).code == 0);
  }
  CHECK(FilesIn(FolderOf(out)) == 0);
}

TEST_CASE("run: the memory plan as table, JSON and picture") {
  const Ran table = Mien({"run", "--graph", "synthesis", "--plan"});
  CHECK(table.code == 0);
  CHECK(table.out.find("arena") != std::string::npos);
  const Ran bands = Mien({"run", "--graph", "synthesis", "--plan", "--memory", "bands", "-v"});
  CHECK(bands.code == 0);
  CHECK(bands.out.find(" rows") != std::string::npos);
  CHECK(bands.err.find("memory bands: asked for") != std::string::npos);
  const std::string picture = Fresh("plan.svg");
  const Ran json = Mien({"run", "--graph", "synthesis", "--plan-svg", picture, "--json", "--batch", "2"});
  const auto report = nlohmann::json::parse(json.out, nullptr, false);
  REQUIRE_FALSE(report.is_discarded());
  CHECK(report["memory"]["arena"].get<uint64_t>() >= report["memory"]["arena_lower_bound"].get<uint64_t>());
  CHECK(Content(picture).find("<svg") != std::string::npos);
}

}  // namespace
}  // namespace mien
