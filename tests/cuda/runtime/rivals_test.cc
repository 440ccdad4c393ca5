// The rivals, with libraries of the same names that compute on host memory (fake_rivals): arguments mean what
// NVIDIA documents, wrong numbers are found out, refusals are lines.
#include "runtime/check/rivals.h"

#include <dlfcn.h>

#include <cmath>

#include "runtime/check/rival_check.h"
#include "runtime/check/rival_times.h"
#include "tests/cuda/runtime/support.h"

namespace mien::testing {
namespace {

// Once loaded, a library is found by its name alone.
struct Fakes {
  void* cublas = dlopen(MIEN_FAKE_RIVALS "/libcublas.so.13", RTLD_NOW | RTLD_LOCAL);
  void* cudnn = dlopen(MIEN_FAKE_RIVALS "/libcudnn.so.9", RTLD_NOW | RTLD_LOCAL);
  void Set(int mode) const {
    for (void* library : {cublas, cudnn}) *static_cast<int*>(dlsym(library, "fake_mode")) = mode;
  }
  bool HaveStream(void* stream) const {
    const auto has = [&](void* library) {
      return *static_cast<void**>(dlsym(library, "fake_stream")) == stream;
    };
    return has(cublas) && has(cudnn);
  }
};
const Fakes& TheFakes() {
  static const Fakes fakes;
  REQUIRE(fakes.cublas != nullptr);
  REQUIRE(fakes.cudnn != nullptr);
  fakes.Set(0);
  return fakes;
}

Device HostRunner() {
  const auto device = OpenDevice(&simt::TheExecutor(), 0);
  REQUIRE(device.ok());
  return *device;
}

std::vector<OpCheck> Compared(Rivals* rivals) {
  const auto checks = CheckAgainstRivals(HostRunner(), rivals);
  REQUIRE_MESSAGE(checks.ok(), std::string(checks.status().message()));
  return *checks;
}

TEST_CASE("ours and the rivals agree in every kind of shape and precision; a wrong rival is found out") {
  const Fakes& fakes = TheFakes();
  const auto stream = CreateStream(*simt::TheExecutor().api);
  REQUIRE(stream.ok());
  Rivals rivals = OpenRivals(stream->get());
  REQUIRE(rivals.lines == std::vector<std::string>{"cuBLAS 130000", "cuDNN 91300"});
  CHECK(fakes.HaveStream(stream->get()));
  const std::vector<OpCheck> good = Compared(&rivals);
  CHECK(good.size() == 3 * (3 + 4));
  for (const OpCheck& check : good) {
    CAPTURE(check.op);
    CAPTURE(check.form);
    CHECK_MESSAGE(check.passed(), check.error << ", at most " << check.tolerance << " expected");
    CHECK(check.nearest.starts_with(check.op.starts_with("linear") ? "against cuBLAS" : "against cuDNN"));
  }
  fakes.Set(1);
  for (const OpCheck& check : Compared(&rivals)) CHECK_FALSE(check.passed());
  CHECK(rivals.lines.size() == 2);
  fakes.Set(2);
  CHECK(Compared(&rivals).empty());
  CHECK(rivals.lines.size() == 2 + good.size());
  CHECK(rivals.lines.back() == "cuDNN 91300: convolving: not supported (8)");
  fakes.Set(0);
}

TEST_CASE("a rival without a handle is a line, and nothing is compared with it") {
  const Fakes& fakes = TheFakes();
  fakes.Set(3);
  Rivals rivals = OpenRivals(nullptr);
  CHECK(rivals.lines == std::vector<std::string>{"cuBLAS: creating a handle: not initialized (1)",
                                                 "cuDNN: creating a handle: not initialized (1)"});
  CHECK(Compared(&rivals).empty());
  fakes.Set(0);
}

TEST_CASE("every plain convolution and product of a program has a rival's time beside it") {
  const Fakes& fakes = TheFakes();
  const auto store = std::make_shared<WeightStore>(TinyModel());
  Rivals rivals = OpenRivals(nullptr);
  for (const char* precision : {"fp32", "tf32", "fp16"}) {
    for (const char* name : {"synthesis", "encoder", "flow"}) {
      CAPTURE(precision);
      CAPTURE(name);
      const auto engine = Make(store, OnHostRunner({{*NetworkNamed(name)}}, precision));
      const Program& program = engine->program(0);
      const auto times = TimeRivals(HostRunner(), program, rivals);
      REQUIRE_MESSAGE(times.ok(), std::string(times.status().message()));
      REQUIRE(times->size() == program.executable().calls.size());
      int timed = 0;
      for (size_t n = 0; n < times->size(); ++n) {
        const RivalTime& time = (*times)[n];
        const auto* conv = std::get_if<FastOpCall<FastModConv>>(&program.executable().calls[n].fast());
        if (conv != nullptr) CHECK(time.rival.empty() == conv->params.weights.up);
        CHECK(std::isfinite(time.milliseconds));
        CHECK((time.milliseconds > 0.0) == !time.rival.empty());
        timed += time.rival.empty() ? 0 : 1;
      }
      CHECK(timed > 1);
      fakes.Set(2);
      const auto refused = TimeRivals(HostRunner(), program, rivals);
      REQUIRE(refused.ok());
      for (const RivalTime& time : *refused) CHECK(time.rival.empty());
      fakes.Set(0);
    }
  }
}

}  // namespace
}  // namespace mien::testing
