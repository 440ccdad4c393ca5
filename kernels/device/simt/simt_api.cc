#include "kernels/device/simt/simt_api.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <vector>

#include "kernels/device/simt/runner.h"
#include "kernels/device/simt/runtime.h"

namespace mien::simt {
namespace {

// The numbers of cudaError_t.
constexpr int kInvalidValue = 1, kLaunchFailure = 719, kNotPermitted = 800;
constexpr int kVersion = 13000;  // of CUDA, as toolkit and as driver

using Command = std::function<int()>;
struct SimtStream {
  bool capturing = false;
  std::vector<Command> captured;
};

Status& Failure() {
  static Status failure;
  return failure;
}

// Runs a command, or keeps it while the stream is being captured.
int Do(void* handle, Command command) {
  auto* stream = static_cast<SimtStream*>(handle);
  if (stream == nullptr || !stream->capturing) return command();
  stream->captured.push_back(std::move(command));
  return 0;
}

// No bytes are an error: what CUDA answers to such a request is not documented, so nobody may make one.
int Allocate(void** memory, size_t bytes) {
  if (bytes == 0) return kInvalidValue;
  *memory = AllocateGlobal(bytes, 4);
  return 0;
}
int Release(void* memory) {
  if (memory != nullptr) FreeGlobal(memory);
  return 0;
}
int AllocatePinned(void** memory, size_t bytes) {
  if (bytes == 0) return kInvalidValue;
  *memory = ::operator new(bytes, std::nothrow);
  return *memory == nullptr ? 2 : 0;
}
int ReleasePinned(void* memory) {
  ::operator delete(memory);
  return 0;
}
int Copy(void* to, const void* from, size_t bytes, void* stream) {
  return Do(stream, [=] {
    std::memcpy(to, from, bytes);
    return 0;
  });
}

int RunLaunch(const KernelLaunch& launch, void* stream) {
  const auto* bytes = static_cast<const std::byte*>(launch.params);
  std::vector<std::byte> params(bytes, bytes + launch.params_bytes);
  return Do(stream, [launch, params = std::move(params)] {
    const dim3 grid(launch.grid[0], launch.grid[1], launch.grid[2]);
    const LaunchShape shape = {launch.name, grid, launch.threads, launch.shared_bytes};
    const auto thread = reinterpret_cast<void (*)(const void*)>(const_cast<void*>(launch.kernel));
    const Status status = RunGrid(shape, thread, params.data());
    if (status.ok()) return 0;
    Failure() = status;
    return kLaunchFailure;
  });
}

int BeginCapture(void* handle) {
  auto* stream = static_cast<SimtStream*>(handle);
  if (stream == nullptr || stream->capturing) return kNotPermitted;
  stream->capturing = true;
  stream->captured.clear();
  return 0;
}
int EndCapture(void* handle, void** graph) {
  auto* stream = static_cast<SimtStream*>(handle);
  if (stream == nullptr || !stream->capturing) return kNotPermitted;
  stream->capturing = false;
  *graph = new std::vector<Command>(std::move(stream->captured));
  return 0;
}
int Instantiate(void** executable, void* graph) {
  *executable = new std::vector<Command>(*static_cast<std::vector<Command>*>(graph));
  return 0;
}
int DestroyCommands(void* commands) {
  delete static_cast<std::vector<Command>*>(commands);
  return 0;
}
int RunCommands(void* executable, void*) {
  for (const Command& command : *static_cast<std::vector<Command>*>(executable)) {
    if (const int code = command(); code != 0) return code;
  }
  return 0;
}

// Launches run at once, so the time of the host is that of the stream.
using Clock = std::chrono::steady_clock;
using Event = Clock::time_point;
int Elapsed(float* milliseconds, void* first, void* second) {
  const std::chrono::duration<float, std::milli> time = *static_cast<Event*>(second) - *static_cast<Event*>(first);
  *milliseconds = time.count();
  return 0;
}

const char* ErrorName(int code) {
  static char text[Status::kTextBytes];
  if (code == kLaunchFailure)
    std::snprintf(text, sizeof(text), "%s", std::string(Failure().message()).c_str());
  else
    std::snprintf(text, sizeof(text), "error %d", code);
  return text;
}

DeviceApi MakeApi() {
  DeviceApi api = {};
  api.kind = "host runner";
  api.build = "host runner: sm_80";
  api.toolkit = kVersion;
  api.driver_version = [](int* version) { return *version = kVersion, 0; };
  api.count = [](int* devices) { return *devices = 1, 0; };
  api.describe = [](int device, DeviceInfo* info) {
    if (device != 0) return kInvalidValue;
    *info = {};
    std::snprintf(info->name, sizeof(info->name), "host runner");
    info->major = 8;
    info->processors = 1;
    info->memory = size_t{8} << 30;
    info->l2 = size_t{128} << 10;
    info->shared_per_block = CurrentOptions().shared_limit;
    return 0;
  };
  api.select = [](int device) { return device == 0 ? 0 : kInvalidValue; };
  api.memory = [](size_t* free, size_t* total) { return *free = *total = size_t{8} << 30, 0; };
  api.allocate = Allocate;
  api.release = Release;
  api.allocate_pinned = AllocatePinned;
  api.release_pinned = ReleasePinned;
  api.create_stream = [](void** stream) { return *stream = new SimtStream, 0; };
  api.destroy_stream = [](void* stream) { return delete static_cast<SimtStream*>(stream), 0; };
  api.synchronize = [](void*) { return 0; };
  api.upload = Copy;
  api.download = Copy;
  api.launch = RunLaunch;
  api.begin_capture = BeginCapture;
  api.end_capture = EndCapture;
  api.instantiate = Instantiate;
  api.destroy_graph = DestroyCommands;
  api.run_graph = RunCommands;
  api.destroy_executable = DestroyCommands;
  api.create_event = [](void** event) { return *event = new Event, 0; };
  api.destroy_event = [](void* event) { return delete static_cast<Event*>(event), 0; };
  api.record = [](void* event, void*) { return *static_cast<Event*>(event) = Clock::now(), 0; };
  api.elapsed = Elapsed;
  api.error_name = ErrorName;
  return api;
}

}  // namespace

const DeviceApi& TheDeviceApi() {
  static const DeviceApi api = MakeApi();
  return api;
}

}  // namespace mien::simt
