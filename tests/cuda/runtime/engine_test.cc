// The whole engine on the host runner: numbers of the references in every precision, the same bits captured or not,
// with any neighbours and in any company, weights shared, memory stated, choices loud, a whole edit.
#include "runtime/engine.h"

#include <cmath>
#include <cstdio>

#include "graph/reference.h"
#include "kernels/device/simt/runner.h"
#include "runtime/face/pipeline.h"
#include "tests/cuda/runtime/support.h"
#include "tests/graph/support.h"

namespace mien::testing {
namespace {

std::shared_ptr<WeightStore> Store() { return std::make_shared<WeightStore>(TinyModel()); }

std::vector<ProgramOptions> AllPrograms() {
  std::vector<ProgramOptions> programs;
  for (const NetworkOptions& network : NetworksOf(TinyModel()->config())) programs.push_back({network});
  programs.push_back({MappingOptions{.psi = 0.6f, .cutoff = 3}});
  programs.push_back({SynthesisOptions{.noise = NoiseMode::kInput, .noise_per_sample = true}});
  programs.push_back({EncoderOptions{.stages = 3, .latent_avg = false}});
  return programs;
}

std::map<std::string, DoubleTensor> Reference(const Graph& graph, const Arrays& inputs) {
  std::map<std::string, DoubleTensor> named;
  for (size_t i = 0; i < inputs.size(); ++i)
    named[graph.values[static_cast<size_t>(graph.inputs[i])].name] = {inputs[i].begin(), inputs[i].end()};
  auto expected = RunReference(graph, named, [](const std::string& name, std::span<float> out) {
    return TinyModel()->ReadFloats(name, out);
  });
  REQUIRE_MESSAGE(expected.ok(), expected.status().message());
  return std::move(*expected);
}

double WorstError(const Graph& graph, const Arrays& outputs, const std::map<std::string, DoubleTensor>& expected) {
  double worst = 0.0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const DoubleTensor& truth = expected.at(graph.outputs[i].name);
    double error = 0.0, squares = 0.0;
    for (size_t k = 0; k < truth.size(); ++k) {
      error += (outputs[i][k] - truth[k]) * (outputs[i][k] - truth[k]);
      squares += truth[k] * truth[k];
    }
    worst = std::max(worst, std::sqrt(error / std::max(squares, 1e-30)));
  }
  return worst;
}

// Of the tiny model: measured on 2026-11-29, x 1.5.
constexpr DeviceGate kGates[] = {
    {"mapping", 2.3e-7, 3.1e-7, 3.5e-5},    {"synthesis", 5.8e-7, 6.3e-4, 6.2e-4},
    {"encoder", 4.2e-7, 7.2e-4, 7.2e-4},    {"flow", 3.2e-7, 2.6e-7, 1.5e-5},
    {"flow_inverse", 3.2e-7, 2.6e-7, 1.9e-5}, {"attributes", 1.3e-7, 4.1e-4, 4.2e-4},
    {"recognizer", 5.6e-7, 1.6e-3, 1.4e-3},   {"face_detector", 1.1e-7, 6.1e-4, 6.1e-4},
    {"face_detector_ssd", 2.1e-7, 7.3e-4, 7.3e-4}, {"face_landmarks", 2.1e-7, 7e-4, 7e-4},
    {"face_recognizer", 1.7e-7, 6.1e-4, 7.2e-4}, {"face_expression", 1.3e-7, 1.1e-3, 9.8e-4},
    {"face_age_gender", 9e-8, 5e-4, 5e-4},
};

TEST_CASE("all programs in all precisions agree with the double reference; bits do not depend on capture or company") {
  const std::vector<ProgramOptions> programs = AllPrograms();
  const auto store = Store();
  std::map<std::string, std::unique_ptr<Engine>> engines;  // one store packs the same tensors for all of them
  for (const char* precision : {"fp32", "tf32", "fp16"})
    engines[precision] = Make(store, OnHostRunner(programs, precision, 2));
  for (const char* precision : {"fp32", "tf32", "fp16"}) {
    const auto& together = engines[precision];
    EngineOptions eager = OnHostRunner(programs, precision, 2);
    eager.device_graphs = false;
    const auto uncaptured = Make(store, eager);
    for (int i = 0; i < static_cast<int>(programs.size()); ++i) {
      const Graph& graph = together->graph(i);
      CAPTURE(precision);
      CAPTURE(graph.name);
      const Arrays outputs = RunBatch(*together, i, {4, 9});
      const double error = WorstError(graph, outputs, Reference(graph, InputsOf(graph, {4, 9})));
      CHECK(error <= GateOf(kGates, together->program(i).executable().precision, graph.name));
      CHECK(SameBits(outputs, RunBatch(*uncaptured, i, {4, 9})));
      CHECK(SameBits(outputs, RunBatch(*together, i, {4, 9})));
      CHECK(SameBits(outputs, RunBatch(*Make(store, OnHostRunner({programs[static_cast<size_t>(i)]}, precision, 2)), 0,
                                       {4, 9})));
      std::printf("%-5s %-14s %3zu steps  relative rms %8.2e\n", precision, graph.name.c_str(),
                  together->program(i).executable().steps.size(), error);
    }
  }
}

TEST_CASE("a sample does not know its neighbours") {
  const auto store = Store();
  for (const char* precision : {"fp32", "tf32", "fp16"}) {
    for (const ProgramOptions& program : AllPrograms()) {
      CAPTURE(precision);
      CAPTURE(NameOf(program.network));
      const auto alone = Make(store, OnHostRunner({program}, precision, 1));
      const auto three = Make(store, OnHostRunner({program}, precision, 3));
      const auto* const synthesis = std::get_if<SynthesisOptions>(&program.network);
      if (synthesis != nullptr && synthesis->noise_per_sample) continue;  // its noise differs by sample
      const Arrays mixed = RunBatch(*three, 0, {5, 2, 4}), moved = RunBatch(*three, 0, {2, 4, 1});
      CHECK(SameBits(Sample(mixed, 1, 3), RunBatch(*alone, 0, {2})));
      CHECK(SameBits(Sample(mixed, 1, 3), Sample(moved, 0, 3)));
      CHECK(SameBits(Sample(mixed, 2, 3), Sample(moved, 1, 3)));
      CHECK_FALSE(SameBits(Sample(mixed, 0, 3), Sample(mixed, 1, 3)));
    }
  }
}

TEST_CASE("traces run in fp32, and only there") {
  const auto engine = Make(Store(), OnHostRunner({{.network = SynthesisOptions{}, .trace = true}}));
  const Graph& graph = engine->graph(0);
  CHECK(graph.outputs.size() > 10);
  constexpr double kTraceGate = 9.2e-7;  // of the worst of all tensors, 1.5 times what was measured on 2026-11-29
  CHECK(WorstError(graph, RunBatch(*engine, 0, {3}), Reference(graph, InputsOf(graph, {3}))) <= kTraceGate);
  for (const char* precision : {"tf32", "fp16"}) {
    const EngineOptions traced = OnHostRunner({{.network = SynthesisOptions{}, .trace = true}}, precision);
    CHECK(Engine::Create(Store(), traced).status().code() == Code::kUsage);
  }
}

TEST_CASE("weights that are packed alike are on the device once, for as long as an engine holds them") {
  const auto store = Store();
  for (const char* precision : {"fp32", "tf32", "fp16"}) {
    CAPTURE(precision);
    const EngineOptions both = OnHostRunner({{FlowOptions{}}, {SynthesisOptions{}}}, precision);
    {
      const auto flow = Make(store, OnHostRunner({{FlowOptions{}}}, precision));
      CHECK(flow->need().shared == 0);
      CHECK(flow->need().loading == 0);
      EngineOptions other_batch = both;
      other_batch.batch = 3;
      const auto need = Engine::Need(store, other_batch);
      REQUIRE(need.ok());
      CHECK(need->shared == flow->need().weights);
      CHECK(need->weights > need->shared);
    }
    CHECK(Engine::Need(store, both)->shared == 0);
  }
}

TEST_CASE("weights that differ in anything that packing depends on are not one form") {
  const FastConv::Weights w = {.precision = Precision::kHalf, .inputs = 3, .outputs = 5, .kernel = 3, .taps = 3};
  const auto form = [](const FastConv::Weights& weights) {
    return WeightForm{FastOp(FastOpCall<FastConv>{{.weights = weights}}), {"w", "b"}, {{5, 3, 3, 3}, {5}}};
  };
  const WeightForm one = form(w);
  CHECK(one == form(w));
  FastConv::Weights other = w;
  other.precision = Precision::kTf32;
  CHECK_FALSE(one == form(other));
  other = w;
  other.first = 1;
  CHECK_FALSE(one == form(other));
  WeightForm moved = one;
  moved.shapes[1] = {1, 5};
  CHECK_FALSE(one == moved);
  moved = one;
  moved.tensors[1] = "c";
  CHECK_FALSE(one == moved);
  moved = one;
  moved.kernel = FastOp(FastOpCall<FastModConv>{});
  CHECK_FALSE(one == moved);
  moved.kernel = FastOp();
  CHECK_FALSE(one == moved);
  WeightForm batch = one;  // what packing does not depend on
  std::get<FastOpCall<FastConv>>(std::get<FastOp>(batch.kernel)).params.batch = 7;
  CHECK(one == batch);
}

TEST_CASE("max_memory counts the bytes of the device") {
  EngineOptions options = OnHostRunner({{SynthesisOptions{}}});
  const auto need = Engine::Need(Store(), options);
  REQUIRE(need.ok());
  CHECK(need->arena > 0);
  options.max_memory = need->total() - 1;
  CHECK(Engine::Create(Store(), options).status().code() == Code::kMemory);
  options.max_memory = need->total();
  CHECK(Engine::Create(Store(), options).ok());
}

TEST_CASE("what is not finite is said, wrong sizes are refused, and a stop is heard before the device is used") {
  std::atomic<bool> stop{false};
  EngineOptions options = OnHostRunner({{FlowOptions{}}});
  options.stop = &stop;
  const auto engine = Make(Store(), options);
  Arrays inputs = InputsOf(engine->graph(0), {1}), outputs;
  CHECK(RunInto(*engine, 0, inputs, &outputs).ok());
  const Arrays good = outputs;
  inputs[0][5] = std::numeric_limits<float>::infinity();
  CHECK(RunInto(*engine, 0, inputs, &outputs).code() == Code::kNumeric);
  inputs[0].pop_back();
  CHECK(RunInto(*engine, 0, inputs, &outputs).code() == Code::kUsage);
  inputs = InputsOf(engine->graph(0), {1});
  stop = true;
  CHECK(RunInto(*engine, 0, inputs, &outputs).code() == Code::kInterrupted);
  stop = false;
  CHECK(RunInto(*engine, 0, inputs, &outputs).ok());
  CHECK(SameBits(outputs, good));
}

// An executor whose device is described by the test.
struct Described {
  int driver = 13000, toolkit = 13000, count = 1, count_code = 0, major = 8, minor = 0;
  const char* build = "CUDA 13.0.88: sm_80 sm_86 sm_87 sm_90 compute_90";
};
Described described;

const Executor& DescribedExecutor() {
  static DeviceApi api;
  static Executor executor = simt::TheExecutor();
  api = *simt::TheExecutor().api;
  api.toolkit = described.toolkit;
  api.build = described.build;
  api.driver_version = [](int* version) { return *version = described.driver, 0; };
  api.count = [](int* devices) {
    if (described.count_code == 0) *devices = described.count;
    return described.count_code;
  };
  const auto describe = [](int, DeviceInfo* info) {
    *info = {};
    std::snprintf(info->name, sizeof(info->name), "some device");
    info->major = described.major;
    info->minor = described.minor;
    return 0;
  };
  api.describe = describe;
  executor.api = &api;
  return executor;
}

TEST_CASE("why a device cannot be used is said; auto then takes the CPU and says the same") {
  struct Case {
    Described device;
    const char* name;
    const char* reason;
  };
  for (const Case& c :
       {Case{{.driver = 0}, "cuda", "no NVIDIA driver is installed"},
        Case{{.driver = 12040}, "cuda", "too old: it knows CUDA 12.4, this build needs 13.0"},
        Case{{.count = 0}, "cuda", "there is no CUDA device"},
        Case{{.count_code = 100}, "cuda", "there is no CUDA device"},
        Case{{.count_code = 35}, "cuda", "counting devices"}, Case{{.count = 2}, "cuda:2", "there is no CUDA device 2"},
        Case{{.major = 7, .minor = 5},
             "cuda",
             "some device has compute capability 7.5, this build has nothing for it (CUDA 13.0.88: sm_80"},
        Case{{.major = 10, .build = "CUDA 13.0.88: sm_80 sm_90"}, "cuda", "10.0, this build has nothing"},
        Case{{.toolkit = 13010, .major = 10},
             "cuda",
             "this build has PTX alone (CUDA 13.0.88: sm_80 sm_86 sm_87 sm_90 compute_90): the NVIDIA "
             "driver knows CUDA 13.0, that needs 13.1"}}) {
    described = c.device;
    CAPTURE(c.reason);
    const auto choice = ChooseBackend(c.name, &DescribedExecutor());
    CHECK(choice.status().code() == Code::kDevice);
    CHECK(std::string(choice.status().message()).find(c.reason) != std::string::npos);
    if (std::string(c.name) != "cuda") continue;
    const auto automatic = ChooseBackend("auto", &DescribedExecutor());
    REQUIRE(automatic.ok());
    CHECK(automatic->name == "cpu");
    CHECK(automatic->reason.find(c.reason) != std::string::npos);
    EngineOptions half = OnHostRunner({{FlowOptions{}}}, "fp16");
    half.backend = "auto";
    half.executor = &DescribedExecutor();
    const auto refused = Engine::Create(Store(), half);
    CHECK(refused.status().code() == Code::kUsage);  // never fp32 instead, in silence
    CHECK(std::string(refused.status().message()).find(c.reason) != std::string::npos);
  }
  described = {};
  CHECK(ChooseBackend("auto", &DescribedExecutor())->name == "cuda:0");
  CHECK(ChooseBackend("auto", &DescribedExecutor())->reason.find("some device") != std::string::npos);
  CHECK(ChooseBackend("cpu", &DescribedExecutor())->name == "cpu");
}

TEST_CASE("a device is taken where the build has machine code or PTX for it") {
  const auto taken = [](int major, int minor, const char* build) {
    described = {.major = major, .minor = minor, .build = build};
    const auto choice = ChooseBackend("auto", &DescribedExecutor());
    REQUIRE(choice.ok());
    return choice->name == "cuda:0";
  };
  CHECK(taken(8, 0, "CUDA 13.0.88: sm_80"));
  CHECK(taken(8, 6, "CUDA 13.0.88: sm_80"));  // a later minor of the same major
  CHECK(taken(8, 9, "CUDA 13.0.88: sm_87 sm_86"));
  CHECK_FALSE(taken(8, 0, "CUDA 13.0.88: sm_86"));  // an earlier one
  CHECK_FALSE(taken(9, 0, "CUDA 13.0.88: sm_80 sm_89"));
  CHECK_FALSE(taken(12, 0, "CUDA 13.0.88: sm_110"));
  CHECK(taken(12, 1, "CUDA 13.0.88: sm_120"));
  CHECK_FALSE(taken(8, 7, "CUDA 13.0.88: sm_80 sm_86"));  // Orin runs its own machine code alone
  CHECK(taken(8, 7, "CUDA 13.0.88: sm_80 sm_87"));
  CHECK_FALSE(taken(8, 9, "CUDA 13.0.88: sm_87"));
  CHECK(taken(9, 0, "CUDA 13.0.88: sm_90a"));
  CHECK_FALSE(taken(10, 3, "CUDA 13.0.88: sm_100a"));
  CHECK(taken(12, 1, "CUDA 13.0.88: sm_80 compute_90"));  // PTX for later ones
  CHECK(taken(8, 7, "CUDA 13.0.88: compute_80"));
  CHECK_FALSE(taken(8, 6, "CUDA 13.0.88: compute_90"));
  CHECK_FALSE(taken(9, 0, "CUDA 13.0.88: compute_90a compute_100"));
  CHECK_FALSE(taken(8, 0, "CUDA 13.0.88:"));
  described = {};
}

TEST_CASE("a whole edit on the device gives the picture of the CPU") {
  PipelineOptions options;
  options.encode = options.edit = options.synthesize = true;
  options.threads = 1;
  Image photo = std::move(*Image::Create(40, 36));
  for (int i = 0; i < 40 * 36 * 3; ++i) photo.pixels.as<uint8_t>()[i] = static_cast<uint8_t>(i * 7);
  const auto edit = [&](const PipelineOptions& with) {
    auto pipeline = Pipeline::Create(TinyModel(), with);
    REQUIRE_MESSAGE(pipeline.ok(), pipeline.status().message());
    std::vector<float> codes(kTinyRows * kTinyDim);
    REQUIRE((*pipeline)->Encode(photo, codes).ok());
    const auto smile = ParseEdit(*(*pipeline)->config().flow, "smile=1.5", Edit::Mode::kSet);
    REQUIRE(smile.ok());
    REQUIRE((*pipeline)->ApplyEdit({*smile}, std::vector<bool>(kTinyRows, true), 0.8f, codes, codes).ok());
    auto picture = (*pipeline)->Synthesize(codes, 0);
    REQUIRE_MESSAGE(picture.ok(), picture.status().message());
    return std::vector<int>(picture->bytes().begin(), picture->bytes().end());
  };
  options.backend = "cpu";
  const std::vector<int> expected = edit(options);
  options.backend = "cuda";
  options.executor = &simt::TheExecutor();
  for (const char* precision : {"fp32", "tf32", "fp16"}) {
    options.precision = precision;
    const std::vector<int> found = edit(options);
    REQUIRE(found.size() == expected.size());
    int worst = 0;
    for (size_t i = 0; i < found.size(); ++i) worst = std::max(worst, std::abs(found[i] - expected[i]));
    std::printf("edit in %s: largest difference to the CPU's picture %d of 255\n", precision, worst);
    CHECK(worst <= (std::string(precision) == "fp32" ? 1 : 4));
  }
}

}  // namespace
}  // namespace mien::testing
