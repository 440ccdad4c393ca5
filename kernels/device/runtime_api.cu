// The CUDA runtime as a device (device_api.h). Linked statically; the driver's library is never linked, so a program
// with this inside starts on a machine without a driver, where every call answers an error.
#include <cuda_runtime.h>

#include <cstdio>

#include "kernels/device/device_api.h"

namespace mien::cuda {
namespace {

// An error that a launch would report again is taken off the books: whoever gets it here tells it.
int Code(cudaError_t error) {
  if (error != cudaSuccess) cudaGetLastError();
  return static_cast<int>(error);
}
cudaStream_t StreamOf(void* handle) { return static_cast<cudaStream_t>(handle); }

int Describe(int device, DeviceInfo* info) {
  cudaDeviceProp properties;
  if (const int code = Code(cudaGetDeviceProperties(&properties, device)); code != 0) return code;
  std::snprintf(info->name, sizeof(info->name), "%s", properties.name);
  info->major = properties.major;
  info->minor = properties.minor;
  info->processors = properties.multiProcessorCount;
  info->memory = properties.totalGlobalMem;
  info->shared_per_block = properties.sharedMemPerBlockOptin;
  info->l2 = static_cast<size_t>(properties.l2CacheSize);
  return Code(cudaDeviceGetAttribute(&info->clock_khz, cudaDevAttrClockRate, device));
}

int RunKernel(const KernelLaunch& launch, void* stream) {
  constexpr size_t kWithoutAsking = 48 << 10;  // dynamic shared memory
  if (launch.shared_bytes > kWithoutAsking) {
    const int code = Code(cudaFuncSetAttribute(launch.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                               static_cast<int>(launch.shared_bytes)));
    if (code != 0) return code;
  }
  void* arguments[] = {const_cast<void*>(launch.params)};
  return Code(cudaLaunchKernel(launch.kernel, dim3(launch.grid[0], launch.grid[1], launch.grid[2]),
                               launch.threads, arguments, launch.shared_bytes, StreamOf(stream)));
}

int EndCapture(void* stream, void** graph) {
  cudaGraph_t captured = nullptr;
  const int code = Code(cudaStreamEndCapture(StreamOf(stream), &captured));
  *graph = captured;
  return code;
}

int Instantiate(void** executable, void* graph) {
  cudaGraphExec_t instance = nullptr;
  const int code = Code(cudaGraphInstantiate(&instance, static_cast<cudaGraph_t>(graph), 0));
  *executable = instance;
  return code;
}

const char* ErrorName(int code) {
  thread_local char text[256];
  std::snprintf(text, sizeof(text), "%s (%d)", cudaGetErrorString(static_cast<cudaError_t>(code)), code);
  return text;
}

// Streams do not wait for the default stream, and a capture is not disturbed by what other threads do.
void SetStreamCalls(DeviceApi* api) {
  api->create_stream = [](void** stream) {
    return Code(cudaStreamCreateWithFlags(reinterpret_cast<cudaStream_t*>(stream), cudaStreamNonBlocking));
  };
  api->destroy_stream = [](void* stream) { return Code(cudaStreamDestroy(StreamOf(stream))); };
  api->synchronize = [](void* stream) { return Code(cudaStreamSynchronize(StreamOf(stream))); };
  api->upload = [](void* device, const void* host, size_t bytes, void* stream) {
    return Code(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, StreamOf(stream)));
  };
  api->download = [](void* host, const void* device, size_t bytes, void* stream) {
    return Code(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, StreamOf(stream)));
  };
  api->launch = RunKernel;
  api->begin_capture = [](void* stream) {
    return Code(cudaStreamBeginCapture(StreamOf(stream), cudaStreamCaptureModeThreadLocal));
  };
  api->end_capture = EndCapture;
  api->instantiate = Instantiate;
  api->destroy_graph = [](void* graph) { return Code(cudaGraphDestroy(static_cast<cudaGraph_t>(graph))); };
  api->run_graph = [](void* executable, void* stream) {
    return Code(cudaGraphLaunch(static_cast<cudaGraphExec_t>(executable), StreamOf(stream)));
  };
  api->destroy_executable = [](void* executable) {
    return Code(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(executable)));
  };
  api->create_event = [](void** event) { return Code(cudaEventCreate(reinterpret_cast<cudaEvent_t*>(event))); };
  api->destroy_event = [](void* event) { return Code(cudaEventDestroy(static_cast<cudaEvent_t>(event))); };
  api->record = [](void* event, void* stream) {
    return Code(cudaEventRecord(static_cast<cudaEvent_t>(event), StreamOf(stream)));
  };
  api->elapsed = [](float* milliseconds, void* first, void* second) {
    return Code(cudaEventElapsedTime(milliseconds, static_cast<cudaEvent_t>(first), static_cast<cudaEvent_t>(second)));
  };
}

DeviceApi MakeApi() {
  DeviceApi api = {};
  api.kind = "cuda";
  api.build = MIEN_CUDA_BUILD;
  api.toolkit = CUDART_VERSION;
  api.driver_version = [](int* version) { return Code(cudaDriverGetVersion(version)); };
  api.count = [](int* devices) { return Code(cudaGetDeviceCount(devices)); };
  api.describe = Describe;
  api.select = [](int device) { return Code(cudaSetDevice(device)); };
  api.memory = [](size_t* free, size_t* total) { return Code(cudaMemGetInfo(free, total)); };
  api.allocate = [](void** memory, size_t bytes) { return Code(cudaMalloc(memory, bytes)); };
  api.release = [](void* memory) { return Code(cudaFree(memory)); };
  api.allocate_pinned = [](void** memory, size_t bytes) { return Code(cudaMallocHost(memory, bytes)); };
  api.release_pinned = [](void* memory) { return Code(cudaFreeHost(memory)); };
  SetStreamCalls(&api);
  api.error_name = ErrorName;
  return api;
}

}  // namespace

const DeviceApi& TheDeviceApi() {
  static const DeviceApi api = MakeApi();
  return api;
}

}  // namespace mien::cuda
