// The device under a program: found, checked, and what is taken from it held so that it goes back. No CUDA header and
// no CUDA library is needed here: everything goes through the table of an executor (kernels/device/device_api.h).
#pragma once

#include <memory>

#include "kernels/executor/executor.h"

namespace mien {

// The kernels of this build; null: it has none.
const Executor* BuildExecutor();
// Toolkit and architectures of them in words; "none".
const char* CudaBuild();

struct Device {
  const Executor* executor = nullptr;
  int ordinal = 0;
  int driver = 0;  // version, 13000 for 13.0
  DeviceInfo info;

  const DeviceApi& api() const { return *executor->api; }
};

// Device `ordinal`, selected for the calling thread. kDevice says in a sentence why it cannot be used: no build, no
// driver, a driver too old, no device, an architecture for which the build has neither machine code nor PTX.
Result<Device> OpenDevice(const Executor* executor, int ordinal);

// Something of the device. It is given back whatever state the device is in; what that answers has no use.
struct DeviceRelease {
  int (*function)(void* handle) = nullptr;
  void operator()(void* handle) const { function(handle); }
};
using DeviceHandle = std::unique_ptr<void, DeviceRelease>;

// kMemory names `what`, the bytes needed and those free. Zero bytes are a null handle.
Result<DeviceHandle> AllocateOnDevice(const DeviceApi& api, uint64_t bytes, const char* what);
Result<DeviceHandle> AllocatePinned(const DeviceApi& api, uint64_t bytes, const char* what);
Result<DeviceHandle> CreateStream(const DeviceApi& api);

}  // namespace mien
