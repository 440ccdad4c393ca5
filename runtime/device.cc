#include "runtime/device.h"

namespace mien {
namespace {

constexpr int kNoDevice = 100, kLeastMajor = 8;

int Major(int version) { return version / 1000; }
int Minor(int version) { return version % 1000 / 10; }

}  // namespace

const Executor* BuildExecutor() {
#ifdef MIEN_CUDA_BUILD
  return &cuda::TheExecutor();
#else
  return nullptr;
#endif
}

const char* CudaBuild() {
#ifdef MIEN_CUDA_BUILD
  return MIEN_CUDA_BUILD;
#else
  return "none";
#endif
}

Result<Device> OpenDevice(const Executor* executor, int ordinal) {
  if (executor == nullptr) return Status::Error(Code::kDevice, "this build has no CUDA backend");
  Device device;
  device.executor = executor;
  device.ordinal = ordinal;
  const DeviceApi& api = device.api();
  MIEN_TRY(DeviceStatus(api, api.driver_version(&device.driver), "asking for the driver"));
  if (device.driver == 0) return Status::Error(Code::kDevice, "no NVIDIA driver is installed");
  if (device.driver < api.driver_needed) {
    return Status::Error(Code::kDevice, "the NVIDIA driver is too old: it knows CUDA %d.%d, this build needs %d.%d",
                         Major(device.driver), Minor(device.driver), Major(api.driver_needed),
                         Minor(api.driver_needed));
  }
  int count = 0;
  const int code = api.count(&count);
  if (code == kNoDevice || (code == 0 && count == 0)) return Status::Error(Code::kDevice, "there is no CUDA device");
  MIEN_TRY(DeviceStatus(api, code, "counting devices"));
  if (ordinal >= count)
    return Status::Error(Code::kDevice, "there is no CUDA device %d, only %d of them", ordinal, count);
  MIEN_TRY(DeviceStatus(api, api.describe(ordinal, &device.info), "describing the device"));
  if (device.info.major < kLeastMajor) {
    return Status::Error(Code::kDevice, "%s has compute capability %d.%d, at least %d.0 is needed", device.info.name,
                         device.info.major, device.info.minor, kLeastMajor);
  }
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
