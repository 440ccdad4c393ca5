// One stream of a device, and the kernels of its executor.
#include <vector>

#include "runtime/backend.h"

namespace mien {
namespace {

struct OnDevice {
  Device device;
  Precision precision;
  DeviceHandle stream;
  std::vector<DeviceHandle> marks;  // events, made when they are first wanted

  const DeviceApi& api() const { return device.api(); }
};

OnDevice& Of(void* state) { return *static_cast<OnDevice*>(state); }

Status Answer(void* state, int code, const char* what) { return DeviceStatus(Of(state).api(), code, what); }

Status Enter(void* state) {
  return Answer(state, Of(state).api().select(Of(state).device.ordinal), "selecting the device");
}

Result<Memory> Allocate(void* state, uint64_t bytes, bool, const char* what) {
  MIEN_ASSIGN(DeviceHandle memory, AllocateOnDevice(Of(state).api(), bytes, what));
  return Memory(std::move(memory));
}

Result<Memory> AllocateStaging(void* state, uint64_t bytes, const char* what) {
  MIEN_ASSIGN(DeviceHandle memory, AllocatePinned(Of(state).api(), bytes, what));
  return Memory(std::move(memory));
}

std::optional<size_t> FreeBytes(void* state) {
  size_t free = 0, total = 0;
  return Of(state).api().memory(&free, &total) == 0 ? std::optional(free) : std::nullopt;
}

Status Run(void* state, const Kernel& kernel, const StepCall& call) {
  const OnDevice& on = Of(state);
  return on.device.executor->run(std::get<FastOp>(kernel), call.in, call.out, call.scratch,
                                 {&on.api(), on.stream.get()});
}

Status Upload(void* state, void* to, const void* from, size_t bytes, const char* what) {
  return Answer(state, Of(state).api().upload(to, from, bytes, Of(state).stream.get()), what);
}

Status Download(void* state, void* to, const void* from, size_t bytes, const char* what) {
  return Answer(state, Of(state).api().download(to, from, bytes, Of(state).stream.get()), what);
}

Status Synchronize(void* state, const char* what) {
  return Answer(state, Of(state).api().synchronize(Of(state).stream.get()), what);
}

Result<Memory> Capture(void* state, const std::function<Status()>& enqueue) {
  const DeviceApi& api = Of(state).api();
  void* const stream = Of(state).stream.get();
  MIEN_TRY(Answer(state, api.begin_capture(stream), "beginning to capture"));
  const Status enqueued = enqueue();
  void *graph = nullptr, *executable = nullptr;
  const int ended = api.end_capture(stream, &graph);  // also after a failure: the stream must leave the capture
  const DeviceHandle owned(graph, {api.destroy_graph});
  MIEN_TRY(enqueued);
  MIEN_TRY(Answer(state, ended, "capturing"));
  MIEN_TRY(Answer(state, api.instantiate(&executable, graph), "instantiating what was captured"));
  return Memory(DeviceHandle(executable, {api.destroy_executable}));
}

Status Mark(void* state, size_t number) {
  OnDevice& on = Of(state);
  while (on.marks.size() <= number) {
    void* event = nullptr;
    MIEN_TRY(Answer(state, on.api().create_event(&event), "creating an event"));
    on.marks.push_back(DeviceHandle(event, {on.api().destroy_event}));
  }
  return Answer(state, on.api().record(on.marks[number].get(), on.stream.get()), "recording an event");
}

Result<double> Between(void* state, size_t first, size_t second) {
  const OnDevice& on = Of(state);
  float milliseconds = 0.0f;
  MIEN_TRY(Answer(state, on.api().elapsed(&milliseconds, on.marks[first].get(), on.marks[second].get()), "timing"));
  return static_cast<double>(milliseconds);
}

}  // namespace

Backend DeviceBackend(const Device& device, Precision precision) {
  Backend backend;
  backend.alignment = kDeviceAlignment;
  backend.place = device.executor;
  backend.ordinal = device.ordinal;
  backend.state = std::make_shared<OnDevice>(OnDevice{device, precision, DeviceHandle(), {}});
  backend.lower = [](void* state, const Graph& graph, const CpuLowering&) {
    return LowerForDevice(graph, Of(state).precision);
  };
  backend.scratch_bytes = [](void* state, const Kernel& kernel) {
    return Of(state).device.executor->scratch_bytes(std::get<FastOp>(kernel));
  };
  backend.open = [](void* state, ThreadPool*) -> Status {
    MIEN_ASSIGN(Of(state).stream, CreateStream(Of(state).api()));
    return {};
  };
  backend.enter = Enter;
  backend.allocate = Allocate;
  backend.free_bytes = FreeBytes;
  backend.run = Run;
  backend.synchronize = Synchronize;
  backend.allocate_staging = AllocateStaging;
  backend.upload = Upload;
  backend.download = Download;
  backend.capture = Capture;
  backend.mark = Mark;
  backend.between = Between;
  backend.replay = [](void* state, const Memory& captured) {
    return Answer(state, Of(state).api().run_graph(captured.get(), Of(state).stream.get()), "running");
  };
  return backend;
}

Stream StreamOf(const Backend& on_device) {
  const OnDevice& on = Of(on_device.state.get());
  return {&on.api(), on.stream.get()};
}

}  // namespace mien
