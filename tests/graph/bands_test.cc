// Lowering for the CPU: bands of every generator pass the independent check and keep within the memory they promise;
// steps with one thing wrong do not pass; what nodes depend on.
#include <doctest/doctest.h>

#include <random>

#include "graph/dependencies.h"
#include "graph/lowering/lower.h"
#include "graph/lowering/planner.h"
#include "tests/graph/support.h"

namespace mien::testing {
namespace {

Graph Synthesis(const ModelConfig& config, int batch) {
  auto graph = BuildSynthesis(config, {.noise = NoiseMode::kInput}, {.batch = batch});
  REQUIRE(graph.ok());
  return std::move(*graph);
}

Executable Lowered(const Graph& graph, const CpuLowering& how) {
  auto executable = LowerForCpu(graph, how);
  REQUIRE_MESSAGE(executable.ok(), executable.status().message());
  return std::move(*executable);
}

constexpr CpuLowering kBands = {.bands = true, .on_the_fly = true};

uint64_t Scratch(const Kernel& kernel) { return CpuScratchBytes(std::get<CpuOp>(kernel), 2); }

MemoryPlan Planned(const Executable& executable) {
  auto plan = PlanMemory(executable, Scratch);
  REQUIRE(plan.ok());
  const Status checked = CheckPlan(executable, Scratch, *plan);
  REQUIRE_MESSAGE(checked.ok(), checked.message());
  return std::move(*plan);
}

TEST_CASE("generators run in bands, in plans that pass the check") {
  for (const int side : {256, 512, 1024}) {
    for (const int batch : {1, 3}) {
      for (const bool exact : {false, true}) {
        CAPTURE(side);
        CAPTURE(batch);
        CAPTURE(exact);
        const Graph graph = Synthesis(FullGenerator(side), batch);
        const Executable bands = Lowered(graph, {.exact = exact, .bands = true, .on_the_fly = true});
        const Executable layers = Lowered(graph, {.exact = exact});
        CHECK(bands.banded());
        CHECK_FALSE(layers.banded());
        const MemoryPlan in_bands = Planned(bands), by_layers = Planned(layers);
        CHECK(in_bands.arena_bytes < by_layers.arena_bytes);
      }
    }
  }
}

TEST_CASE("a picture of 1024 pixels takes at most 24 MB of activations besides itself") {
  for (const bool exact : {false, true}) {
    auto graph = BuildSynthesis(FullGenerator(1024), {});
    REQUIRE(graph.ok());
    const Executable executable = Lowered(*graph, {.exact = exact, .bands = true, .on_the_fly = true});
    const MemoryPlan plan = Planned(executable);
    // All that is alive while the upper layers run, but the image and the scratch.
    uint64_t activations = 0;
    for (size_t v = 0; v < graph->values.size(); ++v) {
      const bool image = graph->outputs[0].value == static_cast<ValueId>(v);
      if (plan.values[v].last + 1 == executable.plan_steps && !image) activations += plan.values[v].bytes;
    }
    for (const Placement& carried : plan.carries) activations += carried.bytes;
    MESSAGE(activations, " bytes of activations, arena ", plan.arena_bytes);
    CHECK(activations <= 24'000'000);
    if (!exact) CHECK(plan.arena_bytes <= 41'000'000);  // with the image, 12.6 MB, and the scratch
  }
}

// The file of a generator of 1024 pixels has 121 MB of weights, that of the encoder 1.07 GB.
TEST_CASE("weights that are transformed late take little more than in the file") {
  const ModelConfig generator = FullGenerator(1024);
  const auto packed_bytes = [](Result<Graph> graph, bool late) {
    REQUIRE(graph.ok());
    uint64_t bytes = 0;
    for (const WeightForm& form : Lowered(*graph, {.on_the_fly = late}).forms) bytes += form.plain() ? 0 : form.bytes;
    return bytes;
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
        const Executable executable = Lowered(*graph, {.exact = true, .bands = true});
        CHECK(CheckSteps(executable).ok());
        CHECK(executable.banded() == (graph->name == "synthesis" && !trace));
      }
    }
  }
}

TEST_CASE("steps with one thing wrong are rejected") {
  const Graph graph = Synthesis(FullGenerator(256), 1);
  const Executable right = Lowered(graph, kBands);
  REQUIRE(CheckSteps(right).ok());
  const auto rejected = [&](const auto& mutate) {
    Executable wrong = right;
    mutate(&wrong);
    return !CheckSteps(wrong).ok();
  };
  int moves = 0;
  for (size_t s = 0; s < right.steps.size(); ++s) {
    CAPTURE(s);
    CHECK(rejected([&](Executable* w) { w->steps.erase(w->steps.begin() + static_cast<std::ptrdiff_t>(s)); }));
    CHECK(rejected([&](Executable* w) {
      w->steps.insert(w->steps.begin() + static_cast<std::ptrdiff_t>(s), w->steps[s]);
    }));
    if (right.steps[s].rows.end == 0) continue;
    CHECK(rejected([&](Executable* w) { w->steps[s].rows.begin += 1; }));
    CHECK(rejected([&](Executable* w) { w->steps[s].rows.end += 8; }));
    CHECK(rejected([&](Executable* w) { w->steps[s].rows.end -= 1; }));
    const size_t out = static_cast<size_t>(right.calls[static_cast<size_t>(right.steps[s].call)].out[0]);
    if (right.values[out].window_rows == 0) CHECK(rejected([&](Executable* w) { w->steps[s].window_begin = 1; }));
    if (right.steps[s].window_begin == 0) continue;
    ++moves;
    CHECK(rejected([&](Executable* w) { w->steps[s].window_begin = w->steps[s].rows.begin + 1; }));
  }
  CHECK(moves > 20);
  for (size_t v = 0; v < right.values.size(); ++v) {
    if (right.values[v].window_rows == 0) continue;
    CHECK(rejected([&](Executable* w) { w->values[v].bytes -= 4; }));
    CHECK(rejected([&](Executable* w) {
      w->values[v].bytes -= w->values[v].bytes / static_cast<uint64_t>(w->values[v].window_rows);
      w->values[v].window_rows -= 1;
    }));
  }
  for (const NamedValue& output : graph.outputs)
    CHECK(rejected([&](Executable* w) { w->values[static_cast<size_t>(output.value)].window_rows = 256; }));
  CHECK(rejected([&](Executable* w) { w->plan_steps -= 1; }));
  CHECK(rejected([&](Executable* w) { w->calls[5].plan_step = w->plan_steps - 1; }));
}

TEST_CASE("plans of bands with windows too small, or values gone too early, are rejected") {
  const Graph graph = Synthesis(FullGenerator(256), 1);
  for (const bool keeps : {false, true}) {
    const Executable executable = Lowered(graph, {.bands = true, .on_the_fly = true, .keeps_values = keeps});
    const MemoryPlan plan = Planned(executable);
    for (size_t v = 0; v < executable.values.size(); ++v) {
      if (plan.values[v].bytes == 0) continue;
      MemoryPlan small = plan, early = plan;
      small.values[v].bytes -= 4;
      early.values[v].last -= 1;
      CHECK_FALSE(CheckPlan(executable, Scratch, small).ok());
      CHECK_FALSE(CheckPlan(executable, Scratch, early).ok());
      if (keeps && executable.values[v].window_rows == 0) {
        CHECK(plan.values[v].first == 0);
        CHECK(plan.values[v].last == executable.plan_steps - 1);
      }
    }
    MemoryPlan no_scratch = plan;
    no_scratch.scratch.back().bytes -= 4;
    CHECK_FALSE(CheckPlan(executable, Scratch, no_scratch).ok());
  }
}

TEST_CASE("a row of w_plus reaches the layers that read it and all after them") {
  const Graph graph = Synthesis(SmallGenerator(), 1);
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
