// Ways to run a generator that change no bit: in bands, only what depends on changed rows, only the lower
// layers.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "runtime/face/pipeline.h"
#include "tests/support/allocations.h"
#include "tests/support/hashgen.h"
#include "tests/support/tiny_model.h"

namespace mien {
namespace {

using testing::kWideRows;
using testing::WideModel;
using Floats = std::vector<float>;

bool SameBits(const Floats& a, const Floats& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct Mode {
  std::string memory = "layers";
  int batch = 1, threads = 1;
  bool exact = false;
  const std::atomic<bool>* stop = nullptr;
};

std::unique_ptr<Engine> Make(const std::vector<ProgramOptions>& programs, const Mode& mode) {
  static const auto store = std::make_shared<WeightStore>(WideModel());
  EngineOptions options;
  options.memory = mode.memory;
  options.batch = mode.batch;
  options.threads = mode.threads;
  options.exact = mode.exact;
  options.stop = mode.stop;
  options.programs = programs;
  auto engine = Engine::Create(store, options);
  REQUIRE_MESSAGE(engine.ok(), engine.status().message());
  return std::move(*engine);
}

Floats Codes(int batch, const std::string& name = "codes") {
  return hashgen::Values(name, int64_t{batch} * kWideRows * testing::kTinyDim, 1.0);
}

std::vector<Floats> InputsOf(const Graph& graph, int batch) {
  std::vector<Floats> inputs = {Codes(batch)};
  for (size_t i = 1; i < graph.inputs.size(); ++i) {
    const Value& value = graph.values[graph.inputs[i]];
    inputs.push_back(hashgen::Values("modes/" + value.name, value.shape.elements(), 1.0));
  }
  return inputs;
}

// All outputs, one after the other.
Floats RunAll(Engine& engine, const std::vector<Floats>& inputs, int program = 0) {
  std::vector<Floats> results;
  for (const NamedValue& output : engine.graph(program).outputs)
    results.emplace_back(engine.graph(program).values[output.value].shape.elements(), NAN);
  const std::vector<std::span<const float>> in(inputs.begin(), inputs.end());
  const std::vector<std::span<float>> out(results.begin(), results.end());
  const Status status = engine.Run(program, in, out);
  REQUIRE_MESSAGE(status.ok(), status.message());
  Floats all;
  for (const Floats& result : results) all.insert(all.end(), result.begin(), result.end());
  return all;
}

TEST_CASE("Bands give the bits of layers, for any number of threads, any noise and batch") {
  for (const ProgramOptions& program : std::vector<ProgramOptions>{
           {SynthesisOptions{}},
           {SynthesisOptions{.noise = NoiseMode::kNone}},
           {SynthesisOptions{.noise = NoiseMode::kInput, .noise_per_sample = true}},
           {SynthesisOptions{.resolution = 64}}}) {
    for (const int batch : {1, 3}) {
      for (const bool exact : {false, true}) {
        const auto layers = Make({program}, {"layers", batch, 1, exact});
        const auto inputs = InputsOf(layers->graph(0), batch);
        const Floats expected = RunAll(*layers, inputs);
        for (const int threads : {1, 2, 3, 7}) {
          CAPTURE(threads);
          const auto bands = Make({program}, {"bands", batch, threads, exact});
          REQUIRE(bands->program(0).executable().banded());
          const bool whole = std::get<SynthesisOptions>(program.network).resolution == 0;
          if (threads == 1 && whole) CHECK(bands->need().arena < layers->need().arena);
          CHECK(SameBits(RunAll(*bands, inputs), expected));
          CHECK(SameBits(RunAll(*bands, inputs), expected));
        }
      }
    }
  }
}

TEST_CASE("A run in bands does not allocate") {
  if (!testing::kCountsAllocations) return;
  const auto engine = Make({{.network = SynthesisOptions{}, .incremental = true}}, {"bands", 2, 3});
  const auto inputs = InputsOf(engine->graph(0), 2);
  Floats image(size_t{2} * 3 * testing::kWideSide * testing::kWideSide);
  const std::vector<std::span<const float>> in(inputs.begin(), inputs.end());
  const std::array<std::span<float>, 1> out = {image};
  const testing::AllocationCount count;
  const bool ok = engine->Run(0, in, out).ok();
  const auto calls = count.calls();
  CHECK(ok);
  CHECK(calls == 0);
}

// Row `row` of every sample, set to other numbers.
void ChangeRow(Floats* codes, int row, float by) {
  const size_t dim = testing::kTinyDim;
  for (size_t at = row * dim; at < codes->size(); at += kWideRows * dim) {
    for (size_t i = 0; i < dim; ++i) (*codes)[at + i] += by;
  }
}

TEST_CASE("Incremental runs compute what depends on changed rows, and give the bits of whole runs") {
  for (const std::string memory : {"layers", "bands"}) {
    for (const int batch : {1, 2}) {
      CAPTURE(memory);
      const auto whole = Make({{SynthesisOptions{}}}, {memory, batch, 2});
      // With a program that uses the shared memory in between.
      const auto kept =
          Make({{MappingOptions{}}, {.network = SynthesisOptions{}, .incremental = true}}, {memory, batch, 2});
      const Program& program = kept->program(1);
      std::vector<Floats> inputs = {Codes(batch)};
      const auto check = [&] {
        RunAll(*kept, {Floats(size_t{16} * batch, 0.5f)}, 0);
        CHECK(SameBits(RunAll(*kept, inputs, 1), RunAll(*whole, inputs)));
        return program.steps_run();
      };
      const size_t all = check();
      CHECK(all == program.executable().steps.size());
      CHECK(check() == 0);
      size_t before = all;
      for (int row = 0; row < kWideRows; ++row) {
        CAPTURE(row);
        ChangeRow(&inputs[0], row, 0.25f);
        const size_t steps = check();
        // The constant stays, and the styles of other rows.
        CHECK((steps > 1 && steps < all));
        if (memory == "bands") continue;  // there the upper layers run whole
        // An odd row is read by a ToRGB and by the convolution after it: two styles where the row before has
        // one.
        CHECK((row % 2 == 0 ? steps < before : steps <= before));
        before = steps;
      }
      if (memory == "layers") CHECK(before == 2);  // the last style and ToRGB
      ChangeRow(&inputs[0], 0, 0.25f);
      ChangeRow(&inputs[0], 9, 0.25f);
      CHECK(check() == all - 1 - (17 - 3));  // 17 styles, three of them of these rows
    }
  }
}

// However little of an input is new, and wherever.
TEST_CASE("An incremental run sees one changed number") {
  constexpr int kBatch = 2;
  const ProgramOptions synthesis = {SynthesisOptions{.noise = NoiseMode::kInput, .noise_per_sample = true}};
  ProgramOptions incremental = synthesis;
  incremental.incremental = true;
  const auto whole = Make({synthesis}, {"layers", kBatch, 2}), kept = Make({incremental}, {"layers", kBatch, 2});
  std::vector<Floats> inputs = InputsOf(whole->graph(0), kBatch);
  Floats before = RunAll(*kept, inputs);
  const auto change = [&](size_t input, size_t at) {
    CAPTURE(input);
    CAPTURE(at);
    inputs[input][at] += 1.0f;
    const Floats after = RunAll(*kept, inputs);
    CHECK_FALSE(SameBits(after, before));
    CHECK(SameBits(after, RunAll(*whole, inputs)));
    before = after;
  };
  constexpr size_t kDim = testing::kTinyDim;
  for (const size_t sample : {0, kBatch - 1}) {
    for (const size_t row : {0, 5, kWideRows - 1}) {
      const size_t first = (sample * kWideRows + row) * kDim;
      change(0, first);
      change(0, first + kDim - 1);
    }
  }
  for (size_t i = 1; i < inputs.size(); ++i) {
    change(i, 0);
    change(i, inputs[i].size() - 1);
  }
}

TEST_CASE("After an interrupted incremental run everything is computed") {
  std::atomic<bool> stop{false};
  const auto kept = Make({{.network = SynthesisOptions{}, .incremental = true}}, {"layers", 1, 1, false, &stop});
  std::vector<Floats> inputs = {Codes(1)};
  RunAll(*kept, inputs);
  ChangeRow(&inputs[0], 4, 1.0f);
  stop = true;
  Floats image(size_t{3} * testing::kWideSide * testing::kWideSide);
  const Status stopped =
      kept->Run(0, std::array{std::span<const float>(inputs[0])}, std::array{std::span<float>(image)});
  CHECK(stopped.code() == Code::kInterrupted);
  CHECK(std::string(stopped.message()) == "synthesis: interrupted");
  stop = false;
  RunAll(*kept, inputs);
  CHECK(kept->program(0).steps_run() == kept->program(0).executable().steps.size());
}

TEST_CASE("A preview is the skip image of the whole network at that resolution") {
  const auto traced = Make({{.network = SynthesisOptions{}, .trace = true}}, {});
  const Graph& full = traced->graph(0);
  const Floats everything = RunAll(*traced, {Codes(1)});
  for (int level = 0; level <= 5; ++level) {
    const int side = 4 << level;
    CAPTURE(side);
    const std::string name = level == 0 ? "act/to_rgb1" : "act/to_rgbs." + std::to_string(level - 1);
    Floats skip;
    size_t at = 0;
    for (const NamedValue& output : full.outputs) {
      const auto elements = static_cast<size_t>(full.values[output.value].shape.elements());
      if (output.name == name) skip.assign(everything.begin() + at, everything.begin() + at + elements);
      at += elements;
    }
    REQUIRE(skip.size() == static_cast<size_t>(3 * side * side));
    const auto preview = Make({{SynthesisOptions{.resolution = side}}}, {});
    CHECK(preview->graph(0).values[preview->graph(0).outputs[0].value].shape == Shape{1, 3, side, side});
    const Floats image = RunAll(*preview, {Codes(1)});
    double worst = 0.0;
    for (size_t i = 0; i < image.size(); ++i) worst = std::max(worst, std::fabs(double{image[i]} - skip[i]));
    CHECK(worst < 2e-5);
    const auto traced_preview = Make({{.network = SynthesisOptions{.resolution = side}, .trace = true}}, {});
    const Floats same = RunAll(*traced_preview, {Codes(1)});
    CHECK(SameBits({same.end() - 3 * side * side, same.end()}, skip));
  }
}

TEST_CASE("Resolutions and modes that do not exist are usage errors") {
  const auto store = std::make_shared<WeightStore>(WideModel());
  const auto refused = [&](int resolution, const std::string& memory) {
    EngineOptions options;
    options.memory = memory;
    options.programs = {{SynthesisOptions{.resolution = resolution}}};
    const auto engine = Engine::Create(store, options);
    return !engine.ok() && engine.status().code() == Code::kUsage;
  };
  for (const int resolution : {-4, 1, 2, 3, 5, 48, 127, 256}) CHECK(refused(resolution, "auto"));
  CHECK(refused(0, "rows"));
  CHECK_FALSE(refused(128, "auto"));
}

TEST_CASE("The pipeline makes previews, and series of pictures incrementally") {
  PipelineOptions options;
  options.synthesize = true;
  options.threads = 1;
  auto whole = Pipeline::Create(WideModel(), options);
  options.incremental = true;
  auto kept = Pipeline::Create(WideModel(), options);
  options.resolution = 32;
  auto small = Pipeline::Create(WideModel(), options);
  REQUIRE((whole.ok() && kept.ok() && small.ok()));
  CHECK((*whole)->image_side() == 128);
  CHECK((*small)->image_side() == 32);
  Floats codes = Codes(1);
  for (const int row : {0, 7, 11, 3}) {
    ChangeRow(&codes, row, 0.5f);
    const auto expected = (*whole)->Synthesize(codes, 0), found = (*kept)->Synthesize(codes, 0);
    REQUIRE((expected.ok() && found.ok()));
    CHECK(std::ranges::equal(expected->bytes(), found->bytes()));
    CHECK((*small)->Synthesize(codes, 0)->width == 32);
  }
  CHECK((*kept)->engine().program(0).steps_run() < (*kept)->engine().program(0).executable().steps.size());
}

TEST_CASE("auto runs by layers where they fit, otherwise in bands, and names both needs where nothing fits") {
  const auto store = std::make_shared<WeightStore>(WideModel());
  EngineOptions options;
  options.threads = 1;
  options.programs = {{SynthesisOptions{}}, {MappingOptions{}}};
  const auto need = [&](const char* memory) {
    EngineOptions asked = options;
    asked.memory = memory;
    return Engine::Need(store, asked)->total();
  };
  const uint64_t layers = need("layers"), bands = need("bands");
  REQUIRE(bands < layers);
  const auto has = [](const std::string& text, uint64_t number) {
    return text.find(std::to_string(number)) != std::string::npos;
  };
  CHECK(need("auto") == layers);
  options.max_memory = layers;
  CHECK(need("auto") == layers);
  options.max_memory = layers - 1;
  CHECK(need("auto") == bands);
  options.max_memory = bands;
  const auto engine = Engine::Create(store, options);
  REQUIRE(engine.ok());
  CHECK((*engine)->need().total() == bands);
  CHECK((*engine)->memory_reason().starts_with("memory bands: auto chose"));
  CHECK(has((*engine)->memory_reason(), layers));
  const auto unlimited = Make({{SynthesisOptions{}}, {MappingOptions{}}}, {"auto", 1, 1});
  CHECK(unlimited->memory_reason().starts_with("memory layers: auto chose"));
  const auto inputs = InputsOf(unlimited->graph(0), 1);
  CHECK(SameBits(RunAll(**engine, inputs), RunAll(*unlimited, inputs)));

  const auto nothing = std::make_shared<WeightStore>(WideModel());
  options.max_memory = bands - 1;
  const auto refused = Engine::Create(nothing, options);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.status().code() == Code::kMemory);
  const std::string message = refused.status().message();
  CAPTURE(message);
  for (const uint64_t number : {layers, bands, bands - 1}) CHECK(has(message, number));
  options.memory = "layers";  // asked for: no other way is looked for
  options.max_memory = layers - 1;
  CHECK(Engine::Create(nothing, options).status().code() == Code::kMemory);
}

}  // namespace
}  // namespace mien
