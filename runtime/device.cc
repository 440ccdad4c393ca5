#include "runtime/device.h"

#include <cstdlib>
#include <sstream>
#include <string>

namespace mien {
namespace {

constexpr int kNoDevice = 100;

int Major(int version) { return version / 1000; }
int Minor(int version) { return version % 1000 / 10; }

// Machine code of sm_XY runs on devices X.Z with Z >= Y. Integrated devices (Orin, 8.7) run their own alone and no
// other device runs it; an architecture with a letter is for one device as well.
bool RunsMachineCode(int architecture, bool letter, const DeviceInfo& info) {
  const int own = 10 * info.major + info.minor;
  constexpr int kIntegrated = 87;
  if (letter || architecture == kIntegrated || own == kIntegrated) return architecture == own;
  return architecture / 10 == info.major && architecture <= own;
}

// What of api.build the device can run.
struct Runs {
  bool machine_code = false, ptx = false;
};
Runs WhatRuns(const DeviceApi& api, const DeviceInfo& info) {
  Runs runs;
  std::istringstream words(api.build);
  for (std::string word; words >> word;) {
    const bool sm = word.starts_with("sm_"), compute = word.starts_with("compute_");
    if (!sm && !compute) continue;
    char* letter = nullptr;
    const auto architecture = static_cast<int>(std::strtol(word.c_str() + word.find('_') + 1, &letter, 10));
    if (sm) runs.machine_code |= RunsMachineCode(architecture, *letter != 0, info);
    if (compute) runs.ptx |= *letter == 0 && architecture <= 10 * info.major + info.minor;
  }
  return runs;
}

Status CheckArchitecture(const Device& device) {
  const DeviceApi& api = device.api();
  const DeviceInfo& info = device.info;
  const Runs runs = WhatRuns(api, info);
  if (runs.machine_code) return {};
  if (!runs.ptx) {
    return Status::Error(Code::kDevice, "%s has compute capability %d.%d, this build has nothing for it (%s)",
                         info.name, info.major, info.minor, api.build);
  }
  if (device.driver >= api.toolkit) return {};  // else it does not know the PTX
  return Status::Error(
      Code::kDevice,
      "%s has compute capability %d.%d, for which this build has PTX alone (%s): the NVIDIA driver knows "
      "CUDA %d.%d, that needs %d.%d",
      info.name, info.major, info.minor, api.build, Major(device.driver), Minor(device.driver), Major(api.toolkit),
      Minor(api.toolkit));
}

}  // namespace

const char* CudaBuild() {
  const Executor* const executor = BuildExecutor();
  return executor == nullptr ? "none" : executor->api->build;
}

Result<Device> OpenDevice(const Executor* executor, int ordinal) {
  if (executor == nullptr)
    return Status::Error(Code::kDevice, "this build has no CUDA backend (cmake --preset cuda builds one)");
  Device device;
  device.executor = executor;
  device.ordinal = ordinal;
  const DeviceApi& api = device.api();
  MIEN_TRY(DeviceStatus(api, api.driver_version(&device.driver), "asking for the driver"));
  if (device.driver == 0) return Status::Error(Code::kDevice, "no NVIDIA driver is installed");
  if (Major(device.driver) < Major(api.toolkit)) {  // drivers of one major version run programs of all its minors
    return Status::Error(Code::kDevice, "the NVIDIA driver is too old: it knows CUDA %d.%d, this build needs %d.0",
                         Major(device.driver), Minor(device.driver), Major(api.toolkit));
  }
  int count = 0;
  const int code = api.count(&count);
  if (code == kNoDevice || (code == 0 && count == 0)) return Status::Error(Code::kDevice, "there is no CUDA device");
  MIEN_TRY(DeviceStatus(api, code, "counting devices"));
  if (ordinal >= count)
    return Status::Error(Code::kDevice, "there is no CUDA device %d, only %d of them", ordinal, count);
  MIEN_TRY(DeviceStatus(api, api.describe(ordinal, &device.info), "describing the device"));
  MIEN_TRY(CheckArchitecture(device));
  MIEN_TRY(DeviceStatus(api, api.select(ordinal), "selecting the device"));
  return device;
}

Result<DeviceHandle> AllocateOnDevice(const DeviceApi& api, uint64_t bytes, const char* what) {
  void* memory = nullptr;
  if (bytes == 0) return DeviceHandle();
  const int code = api.allocate(&memory, bytes);
  if (code == 0) return DeviceHandle(memory, {api.release});
  size_t free = 0, total = 0;
  const bool known = !IsSticky(code) && api.memory(&free, &total) == 0;
  const Status status = DeviceStatus(api, code, what);
  if (!known) return status;
  return Status::Error(status.code(), "%s (%llu bytes needed, %zu free)", status.message(),
                       static_cast<unsigned long long>(bytes), free);
}

Result<DeviceHandle> AllocatePinned(const DeviceApi& api, uint64_t bytes, const char* what) {
  void* memory = nullptr;
  if (bytes == 0) return DeviceHandle();
  MIEN_TRY(DeviceStatus(api, api.allocate_pinned(&memory, bytes), what));
  return DeviceHandle(memory, {api.release_pinned});
}

Result<DeviceHandle> CreateStream(const DeviceApi& api) {
  void* stream = nullptr;
  MIEN_TRY(DeviceStatus(api, api.create_stream(&stream), "creating a stream"));
  return DeviceHandle(stream, {api.destroy_stream});
}

}  // namespace mien
