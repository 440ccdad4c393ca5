// Blocks per multiprocessor by NVIDIA's own rules (<cuda_occupancy.h>, part of the toolkit), for devices that are not
// here. Reads lines "architecture registers barriers static_shared dynamic_shared threads", answers one number each.
#include <cuda_occupancy.h>

#include <climits>
#include <cstdio>

namespace {

// CUDA C++ Programming Guide, "Technical Specifications per Compute Capability".
struct Limits {
  int arch, threads, shared_kilobytes;  // per multiprocessor
};
constexpr Limits kLimits[] = {{80, 2048, 164}, {86, 1536, 100},  {87, 1536, 164},  {89, 1536, 100},  {90, 2048, 228},
                              {100, 2048, 228}, {103, 2048, 228}, {110, 1536, 228}, {120, 1536, 100}, {121, 1536, 100}};

int BlocksPerMultiprocessor(const Limits& limits, int registers, int barriers, size_t static_shared,
                            size_t dynamic_shared, int threads) {
  constexpr size_t kReserved = 1024;  // per block, from sm_80 on
  const size_t shared = static_cast<size_t>(limits.shared_kilobytes) * 1024;
  cudaOccDeviceProp device;
  device.computeMajor = limits.arch / 10;
  device.computeMinor = limits.arch % 10;
  device.maxThreadsPerBlock = 1024;
  device.maxThreadsPerMultiprocessor = limits.threads;
  device.regsPerBlock = device.regsPerMultiprocessor = 65536;
  device.warpSize = 32;
  device.sharedMemPerBlock = 48 * 1024;
  device.sharedMemPerMultiprocessor = shared;
  device.numSms = 1;
  device.sharedMemPerBlockOptin = shared - kReserved;
  device.reservedSharedMemPerBlock = kReserved;
  cudaOccFuncAttributes kernel;
  kernel.maxThreadsPerBlock = 1024;
  kernel.numRegs = registers;
  kernel.sharedSizeBytes = static_shared;
  kernel.partitionedGCConfig = PARTITIONED_GC_OFF;
  kernel.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
  kernel.maxDynamicSharedSizeBytes = device.sharedMemPerBlockOptin - static_shared;
  kernel.numBlockBarriers = barriers;
  cudaOccDeviceState state;
  state.carveoutConfig = SHAREDMEM_CARVEOUT_MAX_SHARED;
  cudaOccResult result;
  const cudaOccError error =
      cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &kernel, &state, threads, dynamic_shared);
  return error == CUDA_OCC_SUCCESS ? result.activeBlocksPerMultiprocessor : -1;
}

}  // namespace

int main() {
  int arch, registers, barriers, threads;
  size_t static_shared, dynamic_shared;
  while (std::scanf("%d %d %d %zu %zu %d", &arch, &registers, &barriers, &static_shared, &dynamic_shared, &threads) ==
         6) {
    int blocks = -1;
    for (const Limits& limits : kLimits) {
      if (limits.arch == arch)
        blocks = BlocksPerMultiprocessor(limits, registers, barriers, static_shared, dynamic_shared, threads);
    }
    std::printf("%d\n", blocks);
  }
  return 0;
}
