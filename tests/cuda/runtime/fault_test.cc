// Every call that the run time makes to its device fails in turn, with each of four codes, in Create and in Run: an
// error value each time, nothing leaked, the next engine works unless the device is lost, which the message then says.
#include <cstdio>
#include <map>
#include <type_traits>

#include "runtime/check/instruction_check.h"
#include "tests/cuda/runtime/support.h"

namespace mien::testing {
namespace {

constexpr int kSticky[] = {700, 719};  // an illegal address, a failed launch
constexpr int kCodes[] = {2, 35, 700, 719};

// What stands between the engine and the host runner. Call number `failing` answers `code`; after a sticky code every
// later call does. Calls that give something back do so even when they answer an error, as the engine will not ask
// again.
struct Fake {
  int failing = -1, code = 0, calls = 0;
  bool lost = false;
  std::string failed;             // the name of the call that failed
  std::map<std::string, int> of;  // living things by kind
  int living() const {
    int sum = 0;
    for (const auto& [kind, count] : of) sum += count;
    return sum;
  }
};
Fake fake;
void FailAt(int call, int code) {
  fake = {};
  fake.failing = call;
  fake.code = code;
}

int Fail(const char* name) {
  if (fake.lost) return fake.code;
  if (fake.calls++ != fake.failing) return 0;
  fake.failed = name;
  fake.lost = fake.code == kSticky[0] || fake.code == kSticky[1];
  return fake.code;
}

const DeviceApi& Real() { return *simt::TheExecutor().api; }

// api.call forwards to the host runner. Change: what living things it makes (+1) or takes away (-1).
#define FORWARD(call, ...) api.call = [](auto... arguments) { return Through(#call, "", 0, Real().call, arguments...); }
#define MAKES(call, kind) \
  api.call = [](auto... arguments) { return Through(#call, kind, 1, Real().call, arguments...); }
#define TAKES(call, kind) \
  api.call = [](auto... arguments) { return Through(#call, kind, -1, Real().call, arguments...); }

template <class... Arguments>
int Through(const char* name, const char* kind, int change, int (*call)(Arguments...),
            std::type_identity_t<Arguments>... arguments) {
  const int failure = Fail(name);
  if (failure != 0 && change >= 0) return failure;
  const int code = call(arguments...);
  if (code == 0 && change != 0) fake.of[kind] += change;
  return failure != 0 ? failure : code;
}

const Executor& FakeExecutor() {
  static const DeviceApi api = [] {
    DeviceApi api = Real();
    FORWARD(driver_version);
    FORWARD(count);
    FORWARD(describe);
    FORWARD(select);
    FORWARD(memory);
    MAKES(allocate, "memory");
    TAKES(release, "memory");
    MAKES(allocate_pinned, "pinned");
    TAKES(release_pinned, "pinned");
    MAKES(create_stream, "stream");
    TAKES(destroy_stream, "stream");
    FORWARD(synchronize);
    FORWARD(upload);
    FORWARD(download);
    api.launch = [](const KernelLaunch& launch, void* stream) {
      const int failure = Fail("launch");
      return failure != 0 ? failure : Real().launch(launch, stream);
    };
    FORWARD(begin_capture);
    // Ends the capture whatever it answers, as CUDA does, but then leaves no graph.
    api.end_capture = [](void* stream, void** graph) {
      const int failure = Fail("end_capture"), code = Real().end_capture(stream, graph);
      if (failure != 0 && code == 0) {
        Real().destroy_graph(*graph);
        *graph = nullptr;
      } else if (code == 0) {
        ++fake.of["graph"];
      }
      return failure != 0 ? failure : code;
    };
    MAKES(instantiate, "executable");
    TAKES(destroy_graph, "graph");
    FORWARD(run_graph);
    TAKES(destroy_executable, "executable");
    api.error_name = [](int code) {
      static std::string text;
      text = "error " + std::to_string(code);
      return text.c_str();
    };
    return api;
  }();
  static const Executor executor = [] {
    Executor executor = simt::TheExecutor();
    executor.api = &api;
    return executor;
  }();
  return executor;
}

bool IsRelease(const std::string& call) { return call.starts_with("release") || call.starts_with("destroy"); }

EngineOptions Options(bool graphs) {
  EngineOptions options = OnHostRunner({{MappingOptions{}}, {MappingOptions{.psi = 0.6f}}});
  options.executor = &FakeExecutor();
  options.device_graphs = graphs;
  return options;
}

// What `graphs` makes of an engine: Create, then each program once.
struct Outcome {
  Status create, run;
  Arrays outputs;
  int calls = 0;  // before the engine went
};
Outcome Use(const std::shared_ptr<WeightStore>& store, bool graphs) {
  Outcome outcome;
  const auto engine = Engine::Create(store, Options(graphs));
  outcome.create = engine.status();
  for (int i = 0; engine.ok() && outcome.run.ok() && i < 2; ++i)
    outcome.run = RunInto(**engine, i, InputsOf((*engine)->graph(i), {i}), &outcome.outputs);
  outcome.calls = fake.calls;
  return outcome;
}

void CheckFailure(const Status& status) {
  CHECK((status.code() == Code::kDevice || status.code() == Code::kMemory));
  const std::string message = status.message();
  CHECK(message.find("error " + std::to_string(fake.code)) != std::string::npos);
  CHECK((message.find("this process cannot use the device any more") != std::string::npos) == fake.lost);
}

void FailEveryCall(bool graphs) {
  const auto store = std::make_shared<WeightStore>(TinyModel());
  fake = {};
  const Outcome good = Use(store, graphs);
  REQUIRE(good.create.ok());
  REQUIRE(good.run.ok());
  REQUIRE(fake.living() == 0);
  const int calls = fake.calls;
  CHECK(calls > 50);
  std::map<std::string, int> failures;
  for (const int code : kCodes) {
    for (int call = 0; call < calls; ++call) {
      FailAt(call, code);
      const Outcome outcome = Use(store, graphs);
      CAPTURE(fake.failed);
      CAPTURE(call);
      CAPTURE(code);
      ++failures[fake.failed];
      if (!outcome.create.ok()) {
        CheckFailure(outcome.create);
      } else if (!outcome.run.ok()) {
        CheckFailure(outcome.run);
      } else {
        CHECK((IsRelease(fake.failed) || call >= outcome.calls));  // nothing else may go unnoticed
        CHECK(SameBits(outcome.outputs, good.outputs));
      }
      CHECK(fake.living() == 0);
    }
    fake = {};
    CHECK(SameBits(Use(store, graphs).outputs, good.outputs));  // whatever happened before
  }
  CHECK(failures.contains("run_graph") == graphs);
  CHECK(failures.contains("begin_capture") == graphs);
  std::printf("faults, %s:", graphs ? "captured" : "not captured");
  for (const auto& [name, count] : failures) std::printf(" %s %d", name.c_str(), count);
  std::printf("\n");
}

TEST_CASE("every call fails in turn, captured") { FailEveryCall(true); }
TEST_CASE("every call fails in turn, not captured") { FailEveryCall(false); }

TEST_CASE("every call fails in turn while a device is asked what its instructions mean") {
  fake = {};
  const auto check = [] {
    const auto device = OpenDevice(&FakeExecutor(), 0);
    return device.ok() ? CheckWrappersOnDevice(*device).status() : device.status();
  };
  REQUIRE(check().ok());
  const int calls = fake.calls;
  CHECK(calls > 80);
  for (const int code : kCodes) {
    for (int call = 0; call < calls; ++call) {
      FailAt(call, code);
      const Status status = check();
      CAPTURE(fake.failed);
      CHECK(status.ok() == IsRelease(fake.failed));
      if (!status.ok()) CheckFailure(status);
      CHECK(fake.living() == 0);
    }
  }
}

TEST_CASE("a failed run does not spoil the next one") {
  fake = {};
  const auto store = std::make_shared<WeightStore>(TinyModel());
  const auto engine = Make(store, Options(true));
  const Arrays inputs = InputsOf(engine->graph(1), {1});
  Arrays good, outputs;
  REQUIRE(RunInto(*engine, 1, inputs, &good).ok());
  for (int call = 0; call < 3; ++call) {
    fake.failing = fake.calls + call;
    fake.code = 35;
    const Status status = RunInto(*engine, 1, inputs, &outputs);
    CHECK(status.code() == Code::kDevice);
    CHECK(std::string(status.message()).find("mapping") != std::string::npos);
    REQUIRE(RunInto(*engine, 1, inputs, &outputs).ok());
    CHECK(SameBits(outputs, good));
  }
}

TEST_CASE("a capture that does not fit is an error of Create with free and needed bytes") {
  const auto store = std::make_shared<WeightStore>(TinyModel());
  const auto need = Engine::Need(store, Options(true));
  REQUIRE(need.ok());
  fake = {};
  int instantiate = -1;
  for (int call = 0; instantiate < 0; ++call) {  // which of the calls it is
    FailAt(call, 2);
    const Outcome outcome = Use(store, true);
    if (fake.failed != "instantiate") continue;
    instantiate = call;
    CHECK(outcome.create.code() == Code::kMemory);
    const std::string message = outcome.create.message();
    CHECK(message.find(std::to_string(need->total()) + " bytes needed") != std::string::npos);
    CHECK(message.find(std::to_string(size_t{8} << 30) + " free") != std::string::npos);
  }
}

}  // namespace
}  // namespace mien::testing
