// What `mien bench` measures on a device, on the host runner: the numbers mean nothing there, but all are
// there.
#include "runtime/check/device_times.h"

#include <cmath>

#include "tests/cuda/runtime/support.h"

namespace mien::testing {
namespace {

Device HostRunner() {
  const auto device = OpenDevice(&simt::TheExecutor(), 0);
  REQUIRE(device.ok());
  return *device;
}

TEST_CASE("every ceiling is measured, every step of a program timed beside the one that bounds it") {
  const Device device = HostRunner();
  const auto ceilings = MeasureCeilings(device, nullptr);
  REQUIRE_MESSAGE(ceilings.ok(), std::string(ceilings.status().message()));
  for (const double ceiling : {ceilings->memory, ceilings->cache, ceilings->multiply_adds[0],
                               ceilings->multiply_adds[1], ceilings->multiply_adds[2]}) {
    CHECK(std::isfinite(ceiling));
    CHECK(ceiling > 0.0);
  }
  const auto store = std::make_shared<WeightStore>(TinyModel());
  for (const char* precision : {"fp32", "tf32"}) {  // program_test.cc has all programs in fp16
    for (const char* name : {"synthesis", "flow"}) {
      const auto engine = Make(store, OnHostRunner({{*NetworkNamed(name)}}, precision));
      const Program& program = engine->program(0);
      const auto times = TimeSteps(device, program, {}, *ceilings);
      REQUIRE_MESSAGE(times.ok(), std::string(times.status().message()));
      CHECK(times->size() == program.executable().calls.size());
      for (const StepTime& step : *times) {
        CAPTURE(precision);
        CAPTURE(step.layer);
        CHECK(step.cost.launches > 0);
        CHECK(std::isfinite(step.milliseconds.high));
        CHECK(step.milliseconds.low > 0.0);
        CHECK(step.milliseconds.low <= step.milliseconds.median);
        CHECK(step.milliseconds.median <= step.milliseconds.high);
        CHECK(std::isfinite(step.bound.milliseconds));
        CHECK(step.bound.milliseconds > 0.0);
      }
      const auto one = TimeSteps(device, program, times->front().layer, *ceilings);
      REQUIRE(one.ok());
      CHECK(one->size() < times->size());
      for (const StepTime& step : *one) CHECK(step.layer == times->front().layer);
      CHECK(TimeSteps(device, program, "nobody", *ceilings).status().code() == Code::kUsage);
    }
  }
}

// A device on which a round takes half a millisecond, and everything else two.
int rounds = 0;

TEST_CASE("a ceiling is measured in as many rounds as take five milliseconds") {
  static DeviceApi api = *simt::TheExecutor().api;
  static Executor executor = simt::TheExecutor();
  api.elapsed = [](float* milliseconds, void*, void*) {
    *milliseconds = rounds > 0 ? 0.5f * static_cast<float>(rounds) : 2.0f;
    return 0;
  };
  executor.api = &api;
  executor.run_ceiling = [](Ceiling, const CeilingCall& call) {
    rounds = call.rounds;
    return Status();
  };
  Device device = HostRunner();
  device.executor = &executor;
  rounds = 0;
  const auto found = MeasureCeilings(device, nullptr);
  REQUIRE(found.ok());
  CHECK(rounds == 16);
  const size_t l2 = device.info.l2;
  const auto speed = [&](Ceiling ceiling) {
    return CeilingWork(ceiling, 4 * device.info.processors, 16, l2 / 2) / 8e-3;
  };
  CHECK(found->memory == doctest::Approx(3.0 * 4.0 * static_cast<double>(l2) / 2e-3));
  CHECK(found->cache == doctest::Approx(speed(Ceiling::kCache)));
  CHECK(found->multiply_adds[0] == doctest::Approx(speed(Ceiling::kFloat)));
  CHECK(found->multiply_adds[1] == doctest::Approx(speed(Ceiling::kTf32)));
  CHECK(found->multiply_adds[2] == doctest::Approx(speed(Ceiling::kHalf)));
}

TEST_CASE("a call that fails while timing is an error, and events go back") {
  static int failing, living, calls;
  static DeviceApi api = *simt::TheExecutor().api;
  const auto step = [] { return calls++ == failing ? 35 : 0; };
  static auto fail = step;
  api.create_event = [](void** event) {
    if (fail() != 0) return 35;
    ++living;
    return simt::TheExecutor().api->create_event(event);
  };
  api.destroy_event = [](void* event) { return --living, simt::TheExecutor().api->destroy_event(event); };
  api.record = [](void* event, void* stream) {
    return fail() != 0 ? 35 : simt::TheExecutor().api->record(event, stream);
  };
  api.elapsed = [](float* milliseconds, void* first, void* second) {
    return fail() != 0 ? 35 : simt::TheExecutor().api->elapsed(milliseconds, first, second);
  };
  for (failing = 0;; ++failing) {
    living = calls = 0;
    const auto time = TimeOnDevice(api, nullptr, [] { return Status(); });
    CHECK(living == 0);
    if (time.ok()) break;
    CHECK(time.status().code() == Code::kDevice);
  }
  CHECK(failing == 2 + 10 * 3);
}

}  // namespace
}  // namespace mien::testing
