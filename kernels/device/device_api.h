// Every call that the CUDA backend makes to its device, as one table: the CUDA runtime is one (kernels/device/
// runtime_api.cu), the host runner another (kernels/device/simt/simt_api.h), and tests put a failing call in front of
// either. All functions answer a cudaError_t as a number, 0 for success. No CUDA header is needed to include this file.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace mien {

// One kernel launch. `params` is copied by the call.
struct KernelLaunch {
  const void* kernel;  // CUDA: the kernel's symbol; host runner: a void (*)(const void* params)
  const char* name;    // CUDA: text that contains the kernel's name; host runner: MangledName (simt/runtime.h)
  unsigned grid[3];
  unsigned threads;     // of a block
  size_t shared_bytes;  // dynamic shared memory
  const void* params;
  size_t params_bytes;
};

struct DeviceInfo {
  char name[128] = {};
  int major = 0, minor = 0;  // compute capability
  int processors = 0;        // streaming multiprocessors
  int clock_khz = 0;
  size_t memory = 0, shared_per_block = 0, l2 = 0;
};

struct DeviceApi {
  const char* kind;   // "cuda", "host runner"
  const char* build;  // toolkit and architectures of the kernels: sm_80 is machine code, compute_121 PTX for later ones
  int toolkit;        // its version, 13000 for 13.0
  int (*driver_version)(int* version);  // 0: there is no driver
  int (*count)(int* devices);           // leaves the count alone on failure
  int (*describe)(int device, DeviceInfo* info);
  int (*select)(int device);
  int (*memory)(size_t* free, size_t* total);
  int (*allocate)(void** memory, size_t bytes);  // aligned to 256
  int (*release)(void* memory);
  int (*allocate_pinned)(void** memory, size_t bytes);
  int (*release_pinned)(void* memory);
  int (*create_stream)(void** stream);
  int (*destroy_stream)(void* stream);
  int (*synchronize)(void* stream);
  int (*upload)(void* device, const void* host, size_t bytes, void* stream);
  int (*download)(void* host, const void* device, size_t bytes, void* stream);
  int (*launch)(const KernelLaunch& launch, void* stream);
  int (*begin_capture)(void* stream);
  int (*end_capture)(void* stream, void** graph);
  int (*instantiate)(void** executable, void* graph);
  int (*destroy_graph)(void* graph);
  int (*run_graph)(void* executable, void* stream);
  int (*destroy_executable)(void* executable);
  int (*create_event)(void** event);
  int (*destroy_event)(void* event);
  int (*record)(void* event, void* stream);
  int (*elapsed)(float* milliseconds, void* first, void* second);  // both have passed
  const char* (*error_name)(int code);
};

// Where the kernels of one caller run, one after the other.
struct Stream {
  const DeviceApi* api = nullptr;
  void* handle = nullptr;
};

// Errors after which the device answers nothing else to this process: the context is lost.
inline bool IsSticky(int code) {
  return code == 214 || code == 700 || code == 702 || code == 710 || (code >= 714 && code <= 719);
}

// Says what failed: kDevice, or kMemory for an allocation.
inline Status DeviceStatus(const DeviceApi& api, int code, const char* what) {
  if (code == 0) return {};
  constexpr int kOutOfMemory = 2;
  return Status::Error(code == kOutOfMemory ? Code::kMemory : Code::kDevice, "%s: %s: %s%s", api.kind, what,
                       api.error_name(code),
                       IsSticky(code) ? "; this process cannot use the device any more, start it again" : "");
}

}  // namespace mien
