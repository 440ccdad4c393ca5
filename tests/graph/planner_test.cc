// Memory plans: the lower bound is reached on every network; plans of random graphs pass the independent
// check, and plans with one thing wrong do not.
#include "graph/lowering/planner.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <random>

#include "graph/lowering/lower.h"
#include "tests/graph/support.h"

namespace mien::testing {
namespace {

Executable Lowered(const Graph& graph, bool bands = false) {
  auto executable = LowerForCpu(graph, {.bands = bands});
  REQUIRE_MESSAGE(executable.ok(), executable.status().message());
  return std::move(*executable);
}

ScratchBytes Scratch(int threads) {
  return [threads](const Kernel& kernel) { return CpuScratchBytes(std::get<CpuOp>(kernel), threads); };
}

void CheckReachesBound(const std::vector<NamedConfig>& configs, int batch, bool trace) {
  for (const NamedConfig& named : configs) {
    for (const Result<Graph>& graph : BuildAll(named.config, batch, trace)) {
      REQUIRE(graph.ok());
      const Executable executable = Lowered(*graph);
      for (int threads : {1, 2, 7}) {
        INFO(named.name, ", ", graph->name, ", batch ", batch, ", trace ", trace, ", threads ", threads);
        const auto plan = PlanMemory(executable, Scratch(threads));
        REQUIRE(plan.ok());
        CHECK(plan->arena_bytes == plan->lower_bound);
        const Status checked = CheckPlan(executable, Scratch(threads), *plan);
        INFO(checked.message());
        CHECK(checked.ok());
      }
    }
  }
}

TEST_CASE("our graphs reach the lower bound") {
  for (int batch = 1; batch <= 4; ++batch) {
    CheckReachesBound(FullConfigs(), batch, false);
    CheckReachesBound(SmallConfigs(), batch, false);
  }
  CheckReachesBound(FullConfigs(), 1, true);
  CheckReachesBound(SmallConfigs(), 2, true);
}

// Chains of additions and joins of random widths, with results that skip over many steps.
Graph RandomGraph(std::mt19937& random) {
  const auto upto = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  Graph graph;
  graph.name = "random";
  std::vector<ValueId> pool;
  const auto add_value = [&](Value::Kind kind, int64_t width) {
    graph.values.push_back({kind, {1, width}, std::string("v").append(std::to_string(graph.values.size()))});
    pool.push_back(static_cast<ValueId>(graph.values.size()) - 1);
    return pool.back();
  };
  for (int i = 0, n = 1 + upto(3); i < n; ++i)
    graph.inputs.push_back(add_value(Value::Kind::kInput, 1 + upto(100)));
  if (upto(2) == 0) add_value(Value::Kind::kWeight, 1 + upto(100));
  for (int i = 0, n = upto(20); i < n; ++i) {
    const ValueId a = pool[static_cast<size_t>(upto(static_cast<int>(pool.size())))];
    const ValueId b = pool[static_cast<size_t>(upto(static_cast<int>(pool.size())))];
    const int64_t width =
        graph.values[static_cast<size_t>(a)].shape[1] + graph.values[static_cast<size_t>(b)].shape[1];
    Node node;
    if (width < 2000) {
      node = {OpCall<Concat>{}, {a, b}, {add_value(Value::Kind::kComputed, width)}};
    } else {
      node = {OpCall<PixelNorm>{},
              {a},
              {add_value(Value::Kind::kComputed, graph.values[static_cast<size_t>(a)].shape[1])}};
    }
    graph.nodes.push_back(std::move(node));
  }
  for (ValueId id : pool) {
    const bool weight = graph.values[static_cast<size_t>(id)].kind == Value::Kind::kWeight;
    if (!weight && upto(8) == 0) graph.outputs.push_back({std::string("out").append(std::to_string(id)), id});
  }
  return graph;
}

TEST_CASE("plans of random graphs pass the check") {
  std::mt19937 random(20231123);
  int missed = 0;
  for (int i = 0; i < 20000; ++i) {
    const Graph graph = RandomGraph(random);
    const Executable executable = Lowered(graph);
    const auto plan = PlanMemory(executable, Scratch(1));
    REQUIRE(plan.ok());
    const Status checked = CheckPlan(executable, Scratch(1), *plan);
    INFO(checked.message());
    REQUIRE(checked.ok());
    REQUIRE(plan->arena_bytes >= plan->lower_bound);
    missed += plan->arena_bytes > plan->lower_bound ? 1 : 0;
  }
  MESSAGE("random graphs whose plan misses the lower bound: ", missed, " of 20000");
}

std::vector<Placement*> PlacesOf(MemoryPlan* plan) {
  std::vector<Placement*> places;
  for (auto* list : {&plan->values, &plan->scratch, &plan->carries}) {
    for (Placement& place : *list) {
      if (place.bytes > 0) places.push_back(&place);
    }
  }
  return places;
}

// Moves each buffer in turn onto each other that is alive at the same time, as little as can be: its last
// aligned step is the other's first, or its first the other's last. check(plan) has to see it. Answers how many
// were tried.
template <class Check>
int CheckSmallOverlaps(const MemoryPlan& plan, const Check& check) {
  MemoryPlan wrong = plan;
  const std::vector<Placement*> places = PlacesOf(&wrong);
  const auto aligned = [&](uint64_t bytes) { return (bytes + plan.alignment - 1) / plan.alignment * plan.alignment; };
  int tried = 0;
  for (Placement* a : places) {
    const uint64_t right = a->offset;
    for (const Placement* b : places) {
      if (a == b || a->first > b->last || b->first > a->last) continue;
      const uint64_t end = b->offset + aligned(b->bytes) - plan.alignment, begin = b->offset + plan.alignment;
      for (const uint64_t offset : {end, begin - aligned(a->bytes)}) {
        if (offset > plan.arena_bytes || plan.arena_bytes - offset < a->bytes) continue;  // refused for that
        a->offset = offset;
        const Status status = check(wrong);
        CHECK_MESSAGE(std::string(status.message()).find(" overlap at step ") != std::string::npos, status.message());
        ++tried;
      }
    }
    a->offset = right;
  }
  return tried;
}

TEST_CASE("plans with one thing wrong are rejected") {
  std::mt19937 random(7);
  int tried = 0;
  for (int i = 0; i < 500; ++i) {
    const Graph graph = RandomGraph(random);
    const Executable executable = Lowered(graph);
    const auto plan = PlanMemory(executable, Scratch(1));
    REQUIRE(plan.ok());
    const auto rejected = [&](const auto& mutate) {
      MemoryPlan wrong = *plan;
      mutate(&wrong);
      ++tried;
      return !CheckPlan(executable, Scratch(1), wrong).ok();
    };
    const size_t input = static_cast<size_t>(graph.inputs[0]);
    CHECK(rejected([&](MemoryPlan* p) { p->values[input].offset += 4; }));
    CHECK(rejected([&](MemoryPlan* p) { p->values[input].offset += p->arena_bytes; }));
    CHECK(rejected([&](MemoryPlan* p) { p->values[input].bytes -= 4; }));
    CHECK(rejected([&](MemoryPlan* p) { p->values[input].last += 1; }));
    CHECK(rejected([&](MemoryPlan* p) { p->values[input].first += 1; }));
    CHECK(rejected([&](MemoryPlan* p) { p->arena_bytes = p->lower_bound - 64; }));
    CHECK(rejected([&](MemoryPlan* p) { p->lower_bound += 64; }));
    CHECK(rejected([&](MemoryPlan* p) { p->values.pop_back(); }));
    CHECK(rejected([&](MemoryPlan* p) { p->alignment = kDeviceAlignment; }));
  }
  CHECK(tried == 500 * 9);
}

// Scratch of made-up sizes, so that no kernels are needed.
uint64_t MadeUpScratch(const Kernel& kernel) { return std::get<FastOp>(kernel).index() * 1000; }

// Calls that read what was made before and make new values, or a part of an older one.
Executable RandomForDevice(std::mt19937& random) {
  const auto upto = [&](size_t n) { return static_cast<int>(random() % n); };
  Executable executable;
  executable.alignment = kDeviceAlignment;
  const auto add_value = [&](Value::Kind kind) {
    const std::string name = "v" + std::to_string(executable.values.size());
    return executable.AddValue({kind, static_cast<uint64_t>(1 + upto(5000)), name});
  };
  executable.inputs.push_back(add_value(Value::Kind::kInput));
  add_value(Value::Kind::kWeight);
  for (int i = 0, n = upto(20); i < n; ++i) {
    const ValueId a = upto(executable.values.size()), b = upto(executable.values.size());
    const bool part = upto(4) == 0 && executable.values[static_cast<size_t>(b)].kind == Value::Kind::kComputed;
    const ValueId out = part ? b : add_value(Value::Kind::kComputed);
    FastOp op;
    if (upto(2) == 0) op = PlainOp();
    executable.calls.push_back({op, "layer", {a, kAbsent}, {kAbsent, out}});
  }
  executable.outputs.push_back({"out", static_cast<ValueId>(executable.values.size()) - 1});
  executable.RunInOrder();
  return executable;
}

TEST_CASE("plans of random executables of a device pass the check, and not when a value comes late or goes early") {
  std::mt19937 random(3);
  int several_writers = 0;
  for (int i = 0; i < 5000; ++i) {
    const Executable executable = RandomForDevice(random);
    if (executable.calls.empty()) continue;  // its output is a weight
    const auto plan = PlanMemory(executable, MadeUpScratch);
    REQUIRE(plan.ok());
    const Status checked = CheckPlan(executable, MadeUpScratch, *plan);
    INFO(checked.message());
    REQUIRE(checked.ok());
    std::map<ValueId, int> writers;
    for (const Executable::Call& call : executable.calls) ++writers[call.out[1]];
    for (size_t v = 0; v < executable.values.size(); ++v) {
      if (plan->values[v].bytes == 0) continue;
      CHECK(plan->values[v].offset % kDeviceAlignment == 0);
      MemoryPlan late = *plan, early = *plan;
      late.values[v].first += 1;
      early.values[v].last -= 1;
      CHECK_FALSE(CheckPlan(executable, MadeUpScratch, late).ok());
      CHECK_FALSE(CheckPlan(executable, MadeUpScratch, early).ok());
      several_writers += writers[static_cast<ValueId>(v)] > 1 ? 1 : 0;
    }
  }
  CHECK(several_writers > 1000);
}

TEST_CASE("an executable that reads what nobody has written is refused") {
  std::mt19937 random(5);
  int tried = 0;
  for (int i = 0; i < 500; ++i) {
    Executable executable = RandomForDevice(random);
    if (executable.calls.size() < 2) continue;
    const Executable::Call last = executable.calls.back();
    std::swap(executable.calls.back(), executable.calls.front());
    std::swap(executable.calls.back().plan_step, executable.calls.front().plan_step);
    const bool reads_computed = executable.values[static_cast<size_t>(last.in[0])].kind == Value::Kind::kComputed;
    if (!reads_computed) continue;
    ++tried;
    CHECK_FALSE(CheckSteps(executable).ok());
  }
  CHECK(tried > 100);
}

TEST_CASE("an operand that is packed before any run and is an input is refused by layer and operand") {
  Builder builder("made-up", SmallGenerator(), false);
  const ValueId x = builder.Input("x", {2, 4}), weight = builder.Input("w", {4, 4});
  builder.Output("y", builder.Call<Linear>("hidden.0", {}, {x, weight, kAbsent, kAbsent, kAbsent, kAbsent}));
  const auto graph = builder.Finish();
  REQUIRE_MESSAGE(graph.ok(), graph.status().message());
  const auto refused = LowerForCpu(*graph, {});
  REQUIRE_FALSE(refused.ok());
  CHECK(std::string(refused.status().message()) ==
        "made-up: layer hidden.0: operand 1 of linear is packed before any run and has to be a weight of the model, "
        "which w is not");
  CHECK(LowerForDevice(*graph, Precision::kHalf).ok());  // there a plain kernel takes it
}

TEST_CASE("buffers that share one aligned step are seen, whatever they are for") {
  std::mt19937 random(5);
  int tried = 0;
  for (int i = 0; i < 200; ++i) {
    const Executable executable = RandomForDevice(random);  // values and scratch
    const auto plan = PlanMemory(executable, MadeUpScratch);
    REQUIRE(plan.ok());
    tried +=
        CheckSmallOverlaps(*plan, [&](const MemoryPlan& wrong) { return CheckPlan(executable, MadeUpScratch, wrong); });
  }
  CHECK(tried > 5000);
  const Result<Graph> graph = BuildSynthesis(FullGenerator(256), {});
  REQUIRE(graph.ok());
  uint64_t carried = 0;
  for (const bool bands : {false, true}) {  // and what bands carry
    const Executable executable = Lowered(*graph, bands);
    const auto plan = PlanMemory(executable, Scratch(1));
    REQUIRE(plan.ok());
    tried =
        CheckSmallOverlaps(*plan, [&](const MemoryPlan& wrong) { return CheckPlan(executable, Scratch(1), wrong); });
    CHECK(tried > 100);
    for (const Placement& carry : plan->carries) carried += carry.bytes;
  }
  CHECK(carried > 0);
}

struct Box {
  double x, y, width, height;
};

// The boxes of buffers, those with a title.
std::vector<Box> BoxesOf(const std::string& picture) {
  std::vector<Box> boxes;
  for (size_t at = 0; (at = picture.find("<rect ", at)) != std::string::npos; ++at) {
    const std::string line = picture.substr(at, picture.find('\n', at) - at);
    Box box;
    if (line.find("<title>") == std::string::npos) continue;
    REQUIRE(std::sscanf(line.c_str(), "<rect x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"", &box.x, &box.y,
                        &box.width, &box.height) == 4);
    boxes.push_back(box);
  }
  return boxes;
}

TEST_CASE("a plan prints as a table and as a picture") {
  const auto graph = BuildSynthesis(FullGenerator(1024), {});
  REQUIRE(graph.ok());
  for (const bool bands : {false, true}) {
    const Executable executable = Lowered(*graph, bands);
    REQUIRE(executable.banded() == bands);
    const auto plan = PlanMemory(executable, Scratch(1));
    REQUIRE(plan.ok());
    const std::string table = PlanTable(*plan), picture = PlanPicture(*plan, "<this> & that");
    CHECK(table.find("convs.0") != std::string::npos);
    CHECK(table.find("lower bound " + std::to_string(plan->lower_bound)) != std::string::npos);
    CHECK(picture.find("<svg") == 0);
    CHECK(picture.rfind("</svg>\n") == picture.size() - 7);
    CHECK(picture.find(">&lt;this> &amp; that</text>") != std::string::npos);
    CHECK(picture.find("arena of " + std::to_string(plan->arena_bytes) + " bytes") != std::string::npos);
    REQUIRE(plan->steps.size() == static_cast<size_t>(executable.plan_steps));
    for (const std::string& step : plan->steps) {
      CHECK_FALSE(step.empty());
      CHECK(picture.find(">" + step + "</text>") != std::string::npos);
    }
    std::vector<Placement> placed;
    for (const auto* list : {&plan->values, &plan->scratch, &plan->carries}) {
      for (const Placement& place : *list) {
        if (place.bytes > 0) placed.push_back(place);
      }
    }
    // Areas are bytes: one scale for all addresses, no box upon another.
    const std::vector<Box> boxes = BoxesOf(picture);
    REQUIRE(boxes.size() == placed.size());
    for (size_t i = 0; i < boxes.size(); ++i) {
      CAPTURE(placed[i].name);
      CHECK(picture.find("<title>" + placed[i].name + ": " + std::to_string(placed[i].bytes) + " bytes at " +
                         std::to_string(placed[i].offset)) != std::string::npos);
      const double share =
          boxes[i].height * static_cast<double>(plan->arena_bytes) / static_cast<double>(placed[i].bytes);
      if (boxes[i].height > 1) CHECK(share == doctest::Approx(560).epsilon(0.002));
      for (size_t j = 0; j < i; ++j) {
        const auto common = [](double a, double a_size, double b, double b_size) {
          return std::min(a + a_size, b + b_size) - std::max(a, b);
        };
        const bool apart = common(boxes[i].x, boxes[i].width, boxes[j].x, boxes[j].width) < 0.01 ||
                           common(boxes[i].y, boxes[i].height, boxes[j].y, boxes[j].height) < 0.01;
        CHECK(apart);
      }
    }
  }
}

}  // namespace
}  // namespace mien::testing
