// Schedules: bands of every generator pass the independent check and keep within the memory they promise;
// schedules with one thing wrong do not pass; what nodes depend on.
#include "graph/schedule.h"

#include <doctest/doctest.h>

#include <random>

#include "graph/dependencies.h"
#include "graph/planner.h"
#include "graph/lowering/winograd.h"
#include "tests/graph/support.h"

namespace mien::testing {
namespace {

Graph Synthesis(const ModelConfig& config, int batch, bool winograd) {
  auto graph = BuildSynthesis(config, {.noise = NoiseMode::kInput}, {.batch = batch});
  REQUIRE(graph.ok());
  if (winograd) UseWinograd(&*graph, true);
  return std::move(*graph);
}

MemoryPlan Planned(const Graph& graph, const Schedule& schedule, int threads) {
  auto plan = PlanMemory(graph, schedule, threads);
  REQUIRE(plan.ok());
  const Status checked = CheckPlan(graph, schedule, threads, *plan);
  REQUIRE_MESSAGE(checked.ok(), checked.message());
  return std::move(*plan);
}

TEST_CASE("generators run in bands, in plans that pass the check") {
  for (const int side : {256, 512, 1024}) {
    for (const int batch : {1, 3}) {
      for (const bool winograd : {false, true}) {
        CAPTURE(side);
        CAPTURE(batch);
        CAPTURE(winograd);
        const Graph graph = Synthesis(FullGenerator(side), batch, winograd);
        const Schedule bands = BandSchedule(graph), layers = LayerSchedule(graph);
        CHECK(bands.banded());
        CHECK_FALSE(layers.banded());
        const MemoryPlan in_bands = Planned(graph, bands, 2), by_layers = Planned(graph, layers, 2);
        CHECK(in_bands.arena_bytes < by_layers.arena_bytes);
      }
    }
  }
}

TEST_CASE("a picture of 1024 pixels takes at most 24 MB of activations besides itself") {
  for (const bool winograd : {false, true}) {
    auto graph = BuildSynthesis(FullGenerator(1024), {});
    REQUIRE(graph.ok());
    if (winograd) UseWinograd(&*graph, true);
    const Schedule schedule = BandSchedule(*graph);
    const MemoryPlan plan = Planned(*graph, schedule, 2);
    // All that is alive while the upper layers run, but the image and the scratch.
    uint64_t activations = 0;
    for (size_t v = 0; v < graph->values.size(); ++v) {
      const bool image = graph->outputs[0].value == static_cast<ValueId>(v);
      if (plan.values[v].last + 1 == schedule.moments && !image) activations += plan.values[v].bytes;
    }
    for (const Placement& carried : plan.carries) activations += carried.bytes;
    MESSAGE(activations, " bytes of activations, arena ", plan.arena_bytes);
    CHECK(activations <= 24'000'000);
    if (winograd) CHECK(plan.arena_bytes <= 41'000'000);  // with the image, 12.6 MB, and the scratch
  }
}

// The file of a generator of 1024 pixels has 121 MB of weights, that of the encoder 1.07 GB.
TEST_CASE("weights that are transformed late take little more than in the file") {
  const ModelConfig generator = FullGenerator(1024);
  const auto packed_bytes = [](Result<Graph> graph, bool late) {
    REQUIRE(graph.ok());
    UseWinograd(&*graph, late);
    int64_t floats = 0;
    for (const Node& node : graph->nodes) floats += OpPackedFloats(node.op, graph->InputShapes(node));
    return 4 * floats;
  };
  CHECK(packed_bytes(BuildSynthesis(generator, {}), false) > 290'000'000);
  CHECK(packed_bytes(BuildSynthesis(generator, {}), true) < 140'000'000);
  int encoders = 0;
  for (const NamedConfig& named : FullConfigs()) {
    if (!named.config.encoder || named.config.encoder->rows != 18) continue;
    CHECK(packed_bytes(BuildEncoder(named.config, {}), false) > 2'000'000'000);
    CHECK(packed_bytes(BuildEncoder(named.config, {}), true) < 1'030'000'000);
    ++encoders;
  }
  CHECK(encoders > 0);
}

TEST_CASE("what cannot run in bands runs by layers") {
  for (const NamedConfig& named : FullConfigs()) {
    for (const bool trace : {false, true}) {
      for (const Result<Graph>& graph : BuildAll(named.config, 1, trace)) {
        REQUIRE(graph.ok());
        CAPTURE(graph->name);
        const Schedule schedule = BandSchedule(*graph);
        CHECK(CheckSchedule(*graph, schedule).ok());
        CHECK(schedule.banded() == (graph->name == "synthesis" && !trace));
      }
    }
  }
}

TEST_CASE("schedules with one thing wrong are rejected") {
  const Graph graph = Synthesis(FullGenerator(256), 1, true);
  const Schedule right = BandSchedule(graph);
  REQUIRE(CheckSchedule(graph, right).ok());
  const auto rejected = [&](const auto& mutate) {
    Schedule wrong = right;
    mutate(&wrong);
    return !CheckSchedule(graph, wrong).ok();
  };
  int moves = 0;
  for (size_t s = 0; s < right.steps.size(); ++s) {
    CAPTURE(s);
    CHECK(rejected([&](Schedule* w) { w->steps.erase(w->steps.begin() + static_cast<std::ptrdiff_t>(s)); }));
    CHECK(rejected([&](Schedule* w) {
      w->steps.insert(w->steps.begin() + static_cast<std::ptrdiff_t>(s), w->steps[s]);
    }));
    if (right.steps[s].rows.end == 0) continue;
    CHECK(rejected([&](Schedule* w) { w->steps[s].rows.begin += 1; }));
    CHECK(rejected([&](Schedule* w) { w->steps[s].rows.end += 8; }));
    CHECK(rejected([&](Schedule* w) { w->steps[s].rows.end -= 1; }));
    const size_t out = static_cast<size_t>(graph.nodes[static_cast<size_t>(right.steps[s].node)].out[0]);
    if (right.window_rows[out] == 0) CHECK(rejected([&](Schedule* w) { w->steps[s].window_begin = 1; }));
    if (right.steps[s].window_begin == 0) continue;
    ++moves;
    CHECK(rejected([&](Schedule* w) { w->steps[s].window_begin = w->steps[s].rows.begin + 1; }));
  }
  CHECK(moves > 20);
  for (size_t v = 0; v < graph.values.size(); ++v) {
    if (right.window_rows[v] > 0) CHECK(rejected([&](Schedule* w) { w->window_rows[v] -= 1; }));
  }
  for (const NamedValue& output : graph.outputs)
    CHECK(rejected([&](Schedule* w) { w->window_rows[static_cast<size_t>(output.value)] = 256; }));
  CHECK(rejected([&](Schedule* w) { w->moments -= 1; }));
  CHECK(rejected([&](Schedule* w) { w->moment[5] = w->moments - 1; }));
}

TEST_CASE("plans of bands with windows too small, or values gone too early, are rejected") {
  const Graph graph = Synthesis(FullGenerator(256), 1, true);
  Schedule schedule = BandSchedule(graph);
  for (const bool keeps : {false, true}) {
    schedule.keeps_values = keeps;
    const MemoryPlan plan = Planned(graph, schedule, 2);
    for (size_t v = 0; v < graph.values.size(); ++v) {
      if (plan.values[v].bytes == 0) continue;
      MemoryPlan small = plan, early = plan;
      small.values[v].bytes -= 4;
      early.values[v].last -= 1;
      CHECK_FALSE(CheckPlan(graph, schedule, 2, small).ok());
      CHECK_FALSE(CheckPlan(graph, schedule, 2, early).ok());
      if (keeps && schedule.window_rows[v] == 0) {
        CHECK(plan.values[v].first == 0);
        CHECK(plan.values[v].last == schedule.moments - 1);
      }
    }
    MemoryPlan no_scratch = plan;
    no_scratch.scratch.back().bytes -= 4;
    CHECK_FALSE(CheckPlan(graph, schedule, 2, no_scratch).ok());
  }
}

TEST_CASE("a row of w_plus reaches the layers that read it and all after them") {
  const Graph graph = Synthesis(SmallGenerator(), 1, false);
  const Dependencies found = FindDependencies(graph);
  const auto parts_of = [&](const std::string& layer) {
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      if (graph.values[static_cast<size_t>(graph.nodes[n].out[0])].name == layer) return found.nodes[n];
    }
    FAIL("no layer " << layer);
    return uint64_t{0};
  };
  // 16 pixels: rows 0 to 5, then the noise maps 6 to 10.
  const auto bits = [](std::initializer_list<int> parts) {
    uint64_t mask = 0;
    for (const int part : parts) mask |= uint64_t{1} << part;
    return mask;
  };
  REQUIRE(found.parts.size() == 6 + 5);
  CHECK(parts_of("input") == 0);
  CHECK(parts_of("conv1") == bits({0, 6}));
  CHECK(parts_of("to_rgb1") == bits({0, 1, 6}));
  CHECK(parts_of("convs.0") == bits({0, 1, 6, 7}));
  CHECK(parts_of("convs.1.conv.modulation") == bits({2}));
  CHECK(parts_of("convs.1") == bits({0, 1, 2, 6, 7, 8}));
  CHECK(parts_of("to_rgbs.0") == bits({0, 1, 2, 3, 6, 7, 8}));
  CHECK(parts_of("to_rgbs.1") == bits({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
}

}  // namespace
}  // namespace mien::testing
