// mien info from outside: the memory it tells is what is taken, and what run and bench tell.
#include <doctest/doctest.h>
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "runtime/builtin_model.h"
#include "runtime/engine.h"
#include "tests/support/allocations.h"
#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;

// What malloc has given out and not taken back.
uint64_t BytesInUse() {
  const struct mallinfo2 now = mallinfo2();
  return now.uordblks + now.hblkhd;
}

// A row of the memory table beside the engine it speaks of, made; and the bytes that making it took.
void CheckMemoryRow(const nlohmann::json& row, const std::shared_ptr<const ModelFile>& model, int batch) {
  EngineOptions options;
  options.batch = batch;
  options.threads = 2;
  options.memory = row["memory"];
  for (const NetworkOptions& network : NetworksOf(model->config())) {
    if (row["network"] == NameOf(network) || row["network"] == "all") options.programs.push_back({network});
  }
  const auto store = std::make_shared<WeightStore>(model);
  const uint64_t before = BytesInUse();
  const auto engine = Engine::Create(store, options);
  const uint64_t taken = BytesInUse() - before;
  REQUIRE(engine.ok());
  const MemoryNeed& need = (*engine)->need();
  uint64_t steps = 0, scratch = 0, arena = 0;
  int64_t multiply_adds = 0;
  for (int i = 0; i < static_cast<int>(options.programs.size()); ++i) {
    const Graph& graph = (*engine)->graph(i);
    for (const Node& node : graph.nodes) multiply_adds += OpCount(node.op, graph.InputShapes(node)).multiply_adds;
    steps += (*engine)->program(i).executable().steps.size();
    for (const Placement& place : (*engine)->plan(i).scratch) scratch = std::max(scratch, place.bytes);
    arena = std::max(arena, (*engine)->plan(i).arena_bytes);
  }
  CHECK(row["steps"] == steps);
  CHECK(row["multiply_adds"] == multiply_adds);
  CHECK(row["scratch"] == scratch);
  CHECK(row["arena"] == arena);
  CHECK(row["weights"] == need.weights);
  CHECK(row["loading"] == need.loading);
  CHECK(row["total"] == need.total());
  if (!testing::kCountsAllocations) return;  // another malloc
  // Beyond the need: graphs and steps; and large buffers begin up to a huge page after what malloc has mapped for them.
  constexpr uint64_t kTables = 512 << 10, kTablesOfStep = 6 << 10, kHugePage = 2 << 20;
  const uint64_t lost = (arena >= kHugePage ? 1 : 0) + (need.weights >= kHugePage ? options.programs.size() : 0);
  CHECK(taken >= arena + need.weights);
  CHECK(taken <= arena + need.weights + kTables + row["steps"].get<uint64_t>() * kTablesOfStep + lost * kHugePage);
}

TEST_CASE("info: the memory of every network is what an engine with it takes") {
  const auto builtin = OpenBuiltinModel();
  REQUIRE(builtin.ok());
  for (const auto& model : {TinyModel(), *builtin}) {
    std::vector<std::string> words = {"info", "--json", "--threads", "2", "--batch", "3"};
    if (model != *builtin) words.insert(words.end(), {"-m", TinyModelPath()});
    const auto report = nlohmann::json::parse(Run(words).out, nullptr, false);
    REQUIRE_FALSE(report.is_discarded());
    std::vector<std::string> expected, found;
    for (const NetworkOptions& network : NetworksOf(model->config())) {
      expected.push_back(NameOf(network) + std::string(" layers"));
      if (std::holds_alternative<SynthesisOptions>(network)) expected.push_back("synthesis bands");
    }
    expected.insert(expected.end(), {"all layers", "all bands"});
    for (const auto& row : report["memory"]["engines"]) {
      CAPTURE(row.dump());
      found.push_back(row["network"].get<std::string>() + " " + row["memory"].get<std::string>());
      CheckMemoryRow(row, model, 3);
    }
    CHECK(found == expected);
    CHECK(report["memory"]["batch"] == 3);
    CHECK(report["memory"]["threads"] == 2);
  }
}

TEST_CASE("info: its table has the numbers that run --plan and bench give") {
  const auto plan = nlohmann::json::parse(
      Run({"run", "--graph", "synthesis", "--memory", "bands", "--plan", "--json", "--threads", "1"}).out);
  const auto by_bands = Run({"info", "--memory", "bands", "--threads", "1"});
  REQUIRE(by_bands.code == 0);
  std::string line = by_bands.out.substr(by_bands.out.find("  synthesis "));
  line = line.substr(0, line.find('\n'));
  std::erase(line, ',');
  CAPTURE(line);
  CHECK(line.find(" bands ") != std::string::npos);
  for (const char* part : {"arena", "weights", "loading"})
    CHECK(line.find(" " + std::to_string(plan["memory"][part].get<uint64_t>()) + " ") != std::string::npos);
  CHECK(by_bands.out.find("synthesis    layers") == std::string::npos);
  const auto bench = nlohmann::json::parse(
      Run({"bench", "--graph", "synthesis", "--memory", "bands", "--repeat", "1", "--threads", "1", "-o", "json"}).out);
  CHECK(bench["programs"][0]["arena MiB"] == plan["memory"]["arena"].get<double>() / (1 << 20));
  CHECK(Run({"info", "--batch", "65"}).code == 2);
}

TEST_CASE("info: a file that is refused, wherever it is wrong, answers 4 and leaves no half of a list") {
  const std::string good = Content(TinyModelPath()), bad = Fresh("bad.safetensors");
  CHECK(Run({"info", TinyModelPath()}).out.find("memory, in bytes") != std::string::npos);
  for (const size_t at : {size_t{3}, size_t{200}, good.size() / 2, good.size() - 1}) {
    CAPTURE(at);
    std::string wrong = good;
    wrong[at] = static_cast<char>(wrong[at] ^ 1);
    WriteContent(bad, wrong);
    const Ran ran = Run({"info", bad});
    CHECK(ran.code == 4);
    CHECK(ran.out.empty());
    CHECK(ran.err.starts_with("mien: error: "));
    const auto report = nlohmann::json::parse(Run({"info", bad, "--json"}).out, nullptr, false);
    REQUIRE_FALSE(report.is_discarded());
    CHECK(report.size() == 2);  // "ok" and "error"
    CHECK(report["ok"] == false);
  }
  WriteContent(bad, good.substr(0, good.size() - 5));
  CHECK(Run({"info", bad}).code == 4);
  CHECK(Run({"info", "--any", Photo(13)}).out.empty());
}

}  // namespace
}  // namespace mien
