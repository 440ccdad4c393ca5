// The engine: right numbers, the same bits whatever runs beside, shared weights, stated memory, no allocation
// in Run.
#include "runtime/engine.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "graph/reference.h"
#include "runtime/builtin_model.h"
#include "tests/support/allocations.h"
#include "tests/support/hashgen.h"
#include "tests/support/system_calls.h"
#include "tests/support/tiny_model.h"

namespace mien {
namespace {

using testing::TinyModel;
using Tensors = std::vector<std::vector<float>>;

std::unique_ptr<Engine> Make(const std::vector<ProgramOptions>& programs, int batch, int threads,
                             std::shared_ptr<WeightStore> store = nullptr) {
  EngineOptions options;
  options.batch = batch;
  options.threads = threads;
  options.programs = programs;
  if (store == nullptr) store = std::make_shared<WeightStore>(TinyModel());
  auto engine = Engine::Create(store, options);
  REQUIRE_MESSAGE(engine.ok(), engine.status().message());
  return std::move(*engine);
}

// Numbers of sample `sample` for every input of a graph; noise maps shared by the batch do not depend on the
// sample.
Tensors SampleInputs(const Graph& graph, const ProgramOptions& program, int sample) {
  const auto* const synthesis = std::get_if<SynthesisOptions>(&program.network);
  const bool noise_per_sample = synthesis != nullptr && synthesis->noise_per_sample;
  Tensors inputs;
  for (const ValueId id : graph.inputs) {
    const Value& value = graph.values[id];
    const bool shared = value.name.starts_with("noise.") && !noise_per_sample;
    inputs.push_back(hashgen::Values("input/" + value.name + "/" + std::to_string(shared ? 0 : sample),
                                     value.shape.elements() / value.shape[0], 1.2));
  }
  return inputs;
}

// Runs a batch made of the given samples; the answer has one entry per sample, all outputs of it in one row.
Tensors RunBatch(Engine& engine, const ProgramOptions& options, const std::vector<int>& samples,
                 int program = 0) {
  const Graph& graph = engine.graph(program);
  const int batch = static_cast<int>(samples.size());
  REQUIRE(batch == engine.batch());
  Tensors inputs(graph.inputs.size()), outputs;
  for (const int sample : samples) {
    const Tensors one = SampleInputs(graph, options, sample);
    for (size_t k = 0; k < one.size(); ++k) {
      if (graph.values[graph.inputs[k]].shape[0] == batch || inputs[k].empty()) {
        inputs[k].insert(inputs[k].end(), one[k].begin(), one[k].end());
      }
    }
  }
  for (const NamedValue& output : graph.outputs) {
    outputs.emplace_back(static_cast<size_t>(graph.values[output.value].shape.elements()),
                         std::numeric_limits<float>::quiet_NaN());
  }
  const std::vector<std::span<const float>> in(inputs.begin(), inputs.end());
  const std::vector<std::span<float>> out(outputs.begin(), outputs.end());
  const Status status = engine.Run(program, in, out);
  REQUIRE_MESSAGE(status.ok(), status.message());
  Tensors by_sample(samples.size());
  for (const auto& output : outputs) {
    const size_t each = output.size() / samples.size();
    for (size_t n = 0; n < samples.size(); ++n) {
      by_sample[n].insert(by_sample[n].end(), output.begin() + n * each, output.begin() + (n + 1) * each);
    }
  }
  return by_sample;
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::vector<ProgramOptions> AllPrograms() {
  std::vector<ProgramOptions> programs;
  for (const NetworkOptions& network : NetworksOf(TinyModel()->config())) programs.push_back({network});
  programs.push_back({MappingOptions{.psi = 0.6f, .cutoff = 3}});
  programs.push_back({SynthesisOptions{.noise = NoiseMode::kNone}});
  programs.push_back({SynthesisOptions{.noise = NoiseMode::kInput}});
  programs.push_back({SynthesisOptions{.noise = NoiseMode::kInput, .noise_per_sample = true}});
  programs.push_back({EncoderOptions{.stages = 3, .latent_avg = false}});
  return programs;
}

TEST_CASE("Every program agrees with the double reference of its graph") {
  for (const ProgramOptions& program : AllPrograms()) {
    CAPTURE(NameOf(program.network));
    const auto engine = Make({program}, 2, 2);
    const Graph& graph = engine->graph(0);
    const Tensors found = RunBatch(*engine, program, {4, 9});
    std::map<std::string, DoubleTensor> inputs;
    for (const int sample : {4, 9}) {
      const Tensors one = SampleInputs(graph, program, sample);
      for (size_t k = 0; k < one.size(); ++k) {
        DoubleTensor& tensor = inputs[graph.values[graph.inputs[k]].name];
        if (graph.values[graph.inputs[k]].shape[0] == 2 || tensor.empty()) {
          tensor.insert(tensor.end(), one[k].begin(), one[k].end());
        }
      }
    }
    const auto expected = RunReference(graph, inputs, [](const std::string& name, std::span<float> out) {
      return TinyModel()->ReadFloats(name, out);
    });
    REQUIRE_MESSAGE(expected.ok(), expected.status().message());
    std::vector<size_t> at = {0, 0};
    for (const NamedValue& output : graph.outputs) {
      const DoubleTensor& truth = expected->at(output.name);
      double square = 0.0, worst = 0.0;
      for (size_t i = 0; i < truth.size(); ++i) {
        const size_t n = i / (truth.size() / 2);
        square += truth[i] * truth[i];
        worst = std::max(worst, std::fabs(found[n][at[n]++] - truth[i]));
      }
      CAPTURE(output.name);
      CHECK(worst <= 2e-5 * std::max(1.0, std::sqrt(square / static_cast<double>(truth.size()))));
    }
  }
}

// Each sample alone by one thread, then four of them by any number of threads.
void CheckBits(const std::shared_ptr<const ModelFile>& model, const ProgramOptions& program,
               const std::vector<std::vector<int>>& batches) {
  CAPTURE(NameOf(program.network));
  const auto store = std::make_shared<WeightStore>(model);
  const auto alone = Make({program}, 1, 1, store);
  std::vector<std::vector<float>> expected;
  for (int sample = 0; sample < 6; ++sample) expected.push_back(RunBatch(*alone, program, {sample})[0]);
  CHECK_FALSE(SameBits(expected[0], expected[1]));
  for (const int threads : {1, 2, 3, 5, 8}) {
    const auto engine = Make({program}, 4, threads, store);
    for (const std::vector<int>& samples : batches) {
      const Tensors found = RunBatch(*engine, program, samples);
      for (size_t n = 0; n < samples.size(); ++n) {
        CAPTURE(threads);
        CAPTURE(n);
        CHECK(SameBits(found[n], expected[samples[n]]));
      }
    }
  }
}

TEST_CASE("Bits do not depend on runs, threads, batch size, position or neighbours") {
  for (const ProgramOptions& program : AllPrograms()) {
    CheckBits(TinyModel(), program, {{0, 1, 2, 3}, {2, 0, 1, 3}, {5, 2, 4, 0}, {0, 1, 2, 3}, {3, 3, 3, 3}});
  }
}

TEST_CASE("nor in the sizes of the built-in model, where other kernels win: full size") {
  const auto model = OpenBuiltinModel();
  REQUIRE(model.ok());
  for (const NetworkOptions& network : NetworksOf((*model)->config())) {
    CheckBits(*model, {network}, {{0, 1, 2, 3}, {3, 5, 3, 0}});
  }
}

TEST_CASE("Programs of one engine share the arena and do not disturb each other") {
  const std::vector<ProgramOptions> programs = AllPrograms();
  const auto together = Make(programs, 1, 2);
  uint64_t largest = 0;
  std::vector<std::vector<float>> first;
  for (size_t i = 0; i < programs.size(); ++i) {
    largest = std::max(largest, together->plan(static_cast<int>(i)).arena_bytes);
    first.push_back(RunBatch(*together, programs[i], {1}, static_cast<int>(i))[0]);
  }
  CHECK(together->need().arena == largest);
  for (size_t i = programs.size(); i-- > 0;) {
    CHECK(SameBits(RunBatch(*together, programs[i], {1}, static_cast<int>(i))[0], first[i]));
    CHECK(SameBits(RunBatch(*Make({programs[i]}, 1, 1), programs[i], {1})[0], first[i]));
  }
}

TEST_CASE("The traced network gives the image of the fused one") {
  const auto fused = Make({{SynthesisOptions{}}}, 1, 1),
             traced = Make({{.network = SynthesisOptions{}, .trace = true}}, 1, 1);
  const Graph& graph = traced->graph(0);
  CHECK(graph.outputs.size() > 10);
  const auto expected = RunBatch(*fused, {}, {3})[0], all = RunBatch(*traced, {}, {3})[0];
  size_t at = 0;
  for (const NamedValue& output : graph.outputs) {
    const auto elements = static_cast<size_t>(graph.values[output.value].shape.elements());
    if (output.name == "image") {
      REQUIRE(elements == expected.size());
      double worst = 0.0;
      for (size_t i = 0; i < elements; ++i)
        worst = std::max(worst, std::fabs(double{all[at + i]} - expected[i]));
      CHECK(worst < 2e-5);
    }
    at += elements;
  }
}

TEST_CASE("Weights used alike are held once") {
  const auto store = std::make_shared<WeightStore>(TinyModel());
  const auto flow = Make({{FlowOptions{}}}, 1, 1, store);
  EngineOptions both;
  both.programs = {{FlowOptions{}}, {FlowInverseOptions{}}};
  const auto need = Engine::Need(store, both);
  REQUIRE(need.ok());
  CHECK(need->shared == flow->need().weights);
  CHECK(flow->need().shared == 0);
  CHECK(need->weights < flow->need().weights + flow->need().weights / 8);  // the inverse adds nothing large
  EngineOptions other_batch = both;
  other_batch.batch = 5;
  const auto larger = Engine::Need(store, other_batch);
  REQUIRE(larger.ok());
  CHECK(larger->shared == need->shared);
  CHECK(larger->weights == need->weights);
  CHECK(larger->arena > need->arena);
}

// What is shared is what has the same content: every form of the exact executable beside that of the same tensors in
// the default one.
TEST_CASE("An exact and a default engine share all weights that both read alike, and no others") {
  const auto model = OpenBuiltinModel();
  REQUIRE(model.ok());
  const auto store = std::make_shared<WeightStore>(*model);
  const Backend cpu = CpuBackend(1);
  int shared_convolutions = 0, other_convolutions = 0;
  for (const char* name : {"mapping", "synthesis", "encoder", "flow"}) {
    CAPTURE(std::string(name));
    const auto graph = BuildGraph(store->config(), *NetworkNamed(name));
    REQUIRE(graph.ok());
    const auto exact = LowerForCpu(*graph, {.exact = true}), usual = LowerForCpu(*graph, {});
    REQUIRE((exact.ok() && usual.ok()));
    const auto no_stop = [] { return Status(); };
    EngineOptions options;
    options.programs = {{*NetworkNamed(name)}};
    uint64_t shared = 0;
    {
      const auto a = store->Get(cpu, exact->forms, no_stop, {}), b = store->Get(cpu, usual->forms, no_stop, {});
      REQUIRE((a.ok() && b.ok()));
      std::set<const void*> seen;
      for (size_t i = 0; i < exact->forms.size(); ++i) {
        const WeightForm &x = exact->forms[i], &y = usual->forms[i];
        REQUIRE(x.tensors == y.tensors);
        CAPTURE(x.tensor_names());
        const void *const p = (*a)[i].get(), *const q = (*b)[i].get();
        CHECK((p == q) == (x.bytes == y.bytes && std::memcmp(p, q, x.bytes) == 0));
        const CpuOp* const op = std::get_if<CpuOp>(&x.kernel);
        const bool convolution = op != nullptr && (std::holds_alternative<CpuOpCall<Conv2d>>(op->op) ||
                                                   std::holds_alternative<CpuOpCall<ModConv>>(op->op));
        if (!convolution) CHECK(p == q);
        if (convolution) ++(p == q ? shared_convolutions : other_convolutions);
        if (p == q && seen.insert(p).second) shared += (x.bytes + 63) / 64 * 64;
      }
    }
    const auto engine = Engine::Create(store, options);
    REQUIRE(engine.ok());
    CHECK((*engine)->need().shared == 0);
    options.exact = true;
    CHECK(Engine::Need(store, options)->shared == shared);
    MESSAGE(std::string(name), ": ", shared, " of ", (*engine)->need().weights,
            " bytes are shared with an exact engine");
  }
  CHECK(shared_convolutions > 0);
  CHECK(other_convolutions > 0);
}

TEST_CASE("Weights go when the last engine goes") {
  const auto store = std::make_shared<WeightStore>(TinyModel());
  EngineOptions options;
  options.programs = {{FlowOptions{}}};
  {
    const auto engine = Engine::Create(store, options);
    REQUIRE(engine.ok());
    CHECK(Engine::Need(store, options)->shared == (*engine)->need().weights);
  }
  CHECK(Engine::Need(store, options)->shared == 0);
}

TEST_CASE("What is packed lies in the arena, or in memory of its own where that is too small") {
  const auto model = OpenBuiltinModel();
  REQUIRE(model.ok());
  std::set<bool> own;
  for (const NetworkOptions& network : NetworksOf((*model)->config())) {
    CAPTURE(NameOf(network));
    EngineOptions options;
    options.programs = {{network}};
    const auto engine = Engine::Create(std::make_shared<WeightStore>(*model), options);
    REQUIRE(engine.ok());
    uint64_t largest = 0;
    for (const WeightForm& form : (*engine)->program(0).executable().forms)
      largest = std::max(largest, form.loading_bytes());
    const MemoryNeed& need = (*engine)->need();
    own.insert(largest > need.arena);
    CHECK(need.loading == (largest > need.arena ? largest : 0));
  }
  CHECK(own.size() == 2);
}

TEST_CASE("The memory limit refuses before anything is taken, and names both numbers") {
  const auto store = std::make_shared<WeightStore>(TinyModel());
  EngineOptions options;
  options.threads = 1;
  options.memory = "layers";
  options.programs = {{SynthesisOptions{}}};
  const auto need = Engine::Need(store, options);
  REQUIRE(need.ok());
  options.max_memory = need->total() - 1;
  const testing::AllocationCount count;
  const auto refused = Engine::Create(store, options);
  CHECK(count.largest() < need->arena);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.status().code() == Code::kMemory);
  const std::string message = refused.status().message();
  CHECK(message.find(std::to_string(need->total())) != std::string::npos);
  CHECK(message.find(std::to_string(need->total() - 1)) != std::string::npos);
  options.max_memory = need->total();
  CHECK(Engine::Create(store, options).ok());
}

// One program with its inputs and room for its outputs.
struct ReadyProgram {
  ReadyProgram(std::shared_ptr<WeightStore> store, const ProgramOptions& program, int batch, int threads)
      : engine(Make({program}, batch, threads, std::move(store))) {
    const Graph& graph = engine->graph(0);
    for (const ValueId id : graph.inputs) inputs.emplace_back(graph.values[id].shape.elements(), 0.25f);
    for (const NamedValue& output : graph.outputs) {
      outputs.emplace_back(static_cast<size_t>(graph.values[output.value].shape.elements()));
    }
    in.assign(inputs.begin(), inputs.end());
    out.assign(outputs.begin(), outputs.end());
  }
  bool Run() { return engine->Run(0, in, out).ok(); }

  std::unique_ptr<Engine> engine;
  Tensors inputs, outputs;
  std::vector<std::span<const float>> in;
  std::vector<std::span<float>> out;
};

TEST_CASE("A run does not allocate") {
  if (!testing::kCountsAllocations) return;
  const auto store = std::make_shared<WeightStore>(TinyModel());
  for (const ProgramOptions& program : AllPrograms()) {
    CAPTURE(NameOf(program.network));
    ReadyProgram ready(store, program, 2, 3);
    for (int run = 0; run < 2; ++run) {
      const testing::AllocationCount count;
      const bool ok = ready.Run();
      const auto calls = count.calls();
      CHECK(ok);
      CHECK(calls == 0);
    }
  }
  const testing::AllocationCount control;
  std::vector<int>(100).swap(*std::make_unique<std::vector<int>>());
  CHECK(control.calls() > 0);  // the counter counts
}

TEST_CASE("A run asks nothing of the system but to wake its threads and keep them apart") {
  if (!testing::kCountsAllocations) return;
  using testing::Filtered;
  if (testing::RunFiltered([] {}, [] { return true; }) == Filtered::kUnavailable) {
    MESSAGE("no filter of system calls here");
    return;
  }
  CHECK(testing::RunFiltered([] {}, [] { return getppid() != 0; }) == Filtered::kKilled);  // the filter filters
  const auto builtin = OpenBuiltinModel();
  REQUIRE(builtin.ok());
  for (const auto& model : {TinyModel(), *builtin}) {
    std::vector<std::unique_ptr<ReadyProgram>> programs;
    const auto run = [&] {
      return std::all_of(programs.begin(), programs.end(), [](const auto& program) { return program->Run(); });
    };
    const auto prepare = [&] {
      const auto store = std::make_shared<WeightStore>(model);
      for (const NetworkOptions& network : NetworksOf(model->config())) {
        programs.push_back(std::make_unique<ReadyProgram>(store, ProgramOptions{network}, 1, 3));
      }
      run();  // the threads themselves start with calls
    };
    CHECK(testing::RunFiltered(prepare, run) == Filtered::kQuiet);
  }
}

TEST_CASE("Backends and options are chosen loudly") {
  CHECK(ChooseBackend("cpu")->name == "cpu");
  CHECK(ChooseBackend("auto")->name == "cpu");
  CHECK(ChooseBackend("auto")->reason.find("CUDA") != std::string::npos);
  CHECK(ChooseBackend("cuda").status().code() == Code::kDevice);
  CHECK(ChooseBackend("cuda:3").status().code() == Code::kDevice);
  for (const char* name : {"cuda:", "cuda:x", "cudax", "gpu", ""}) {
    CHECK(ChooseBackend(name).status().code() == Code::kUsage);
  }
  const auto store = std::make_shared<WeightStore>(TinyModel());
  const auto code_with = [&](auto change) {
    EngineOptions options;
    options.programs = {{FlowOptions{}}};
    change(options);
    return Engine::Create(store, options).status().code();
  };
  CHECK(code_with([](EngineOptions&) {}) == Code::kOk);
  CHECK(code_with([](EngineOptions& o) { o.precision = "fp16"; }) == Code::kUsage);
  CHECK(code_with([](EngineOptions& o) { o.precision = "tf32"; }) == Code::kUsage);
  CHECK(code_with([](EngineOptions& o) { o.device_graphs = false; }) == Code::kUsage);
  CHECK(code_with([](EngineOptions& o) { o.batch = 0; }) == Code::kUsage);
  CHECK(code_with([](EngineOptions& o) { o.batch = 65; }) == Code::kUsage);
  CHECK(code_with([](EngineOptions& o) { o.threads = -1; }) == Code::kUsage);
  CHECK(code_with([](EngineOptions& o) { o.threads = 257; }) == Code::kUsage);
  CHECK(code_with([](EngineOptions& o) { o.backend = "cuda"; }) == Code::kDevice);
}

TEST_CASE("Run refuses wrong sizes and non-finite outputs, and stops when asked") {
  std::atomic<bool> stop{false};
  EngineOptions options;
  options.stop = &stop;
  options.programs = {{FlowOptions{}}};
  auto engine = std::move(*Engine::Create(std::make_shared<WeightStore>(TinyModel()), options));
  const size_t numbers = testing::kTinyRows * testing::kTinyDim;
  std::vector<float> in(numbers, 0.5f), out(numbers), logabsdet(testing::kTinyRows);
  const auto run = [&](std::span<const float> input, std::span<float> output) {
    return engine->Run(0, std::array{input}, std::array{output, std::span<float>(logabsdet)}).code();
  };
  CHECK(run(in, out) == Code::kOk);
  CHECK(run(in, {}) == Code::kOk);
  CHECK(run(std::span(in).first(numbers - 1), out) == Code::kUsage);
  CHECK(run(in, std::span(out).first(numbers - 1)) == Code::kUsage);
  CHECK(engine->Run(0, std::array{std::span<const float>(in)}, {}).code() == Code::kUsage);
  in[5] = std::numeric_limits<float>::infinity();
  CHECK(run(in, out) == Code::kNumeric);
  in[5] = 0.5f;
  stop = true;
  CHECK(run(in, out) == Code::kInterrupted);
  stop = false;
  CHECK(run(in, out) == Code::kOk);
}

}  // namespace
}  // namespace mien
