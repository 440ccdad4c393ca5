// The vocabulary of the CUDA kernels. A .cu file is compiled twice: by nvcc for the device, and by the C++
// compiler for the host runner (kernels/device/simt), where CUDA's names come from kernels/device/simt/device.h. To
// that end
//   - Launch is the only launch,
//   - shared memory is declared by MIEN_SHARED and MIEN_DYNAMIC_SHARED only,
//   - instructions without a CUDA function are in ptx.cuh and nowhere else,
//   - every test whether an index lies in an extent is written Inside(index, extent),
//   - loops that must be unrolled, because their numbers live in registers, are marked MIEN_UNROLL,
//   - a kernel takes one struct of plain data, all its threads reach every barrier, and blocks do not wait
//   for each other.
// Kernels live in namespace mien::MIEN_EXECUTOR, so that both forms can be linked into one program.
#pragma once

#include <type_traits>

#include "base/status.h"
#include "kernels/device/device_api.h"

#ifdef __CUDACC__

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#define MIEN_EXECUTOR cuda
#define MIEN_UNROLL _Pragma("unroll")
#define MIEN_SHARED(type, name, dims) __shared__ alignas(16) type name dims
#define MIEN_DYNAMIC_SHARED(type, name)          \
  extern __shared__ uint4 mien_dynamic_shared[]; \
  type* const name = reinterpret_cast<type*>(mien_dynamic_shared)

#else

#include "kernels/device/simt/device.h"

#define MIEN_EXECUTOR simt
#define MIEN_UNROLL
// The address of the key belongs to this place in this instance of the kernel.
#define MIEN_SHARED(type, name, dims)                                       \
  using name##_type = type dims;                                            \
  static const char name##_key = 0;                                         \
  name##_type& name = *static_cast<name##_type*>(::mien::simt::SharedArray( \
      &name##_key, sizeof(name##_type), alignof(name##_type), ::mien::simt::Here()))
#define MIEN_DYNAMIC_SHARED(type, name) \
  type* const name = static_cast<type*>(::mien::simt::DynamicShared(::mien::simt::Here()))

#endif

namespace mien::MIEN_EXECUTOR {

constexpr int kWarpSize = 32;  // CUDA's own warpSize is no constant, and unknown to host code
constexpr unsigned kFullWarp = 0xffffffffu;

template <class Index>
__device__ inline bool Inside(Index index, std::type_identity_t<Index> extent) {
  using Unsigned = std::make_unsigned_t<Index>;
  return static_cast<Unsigned>(index) < static_cast<Unsigned>(extent);
}

// Blocks are one-dimensional.
__device__ inline int ThreadIndex() { return static_cast<int>(threadIdx.x); }
__device__ inline int LaneIndex() { return ThreadIndex() % kWarpSize; }
__device__ inline int WarpIndex() { return ThreadIndex() / kWarpSize; }

#ifdef __CUDACC__

template <class T, class E>
__device__ inline T LoadVector(const E* address) {
  return *reinterpret_cast<const T*>(address);
}
template <class T, class E>
__device__ inline void StoreVector(E* address, T value) {
  *reinterpret_cast<T*>(address) = value;
}

#else

// Vector accesses of up to 16 bytes. The address must be a multiple of the vector's size.
template <class T, class E>
T LoadVector(const E* address, Where where = Here()) {
  T value;
  ReadVector(&value, address, sizeof(T), where);
  return value;
}
template <class T, class E>
void StoreVector(E* address, T value, Where where = Here()) {
  WriteVector(address, &value, sizeof(T), where);
}

#endif

// Puts the kernel into the stream. The only launch. One struct of plain data is all that a kernel gets.
template <auto kernel, class Params>
Status Launch(dim3 grid, unsigned threads, size_t shared_bytes, Stream stream, const Params& params) {
  static_assert(std::is_trivially_copyable_v<Params> && sizeof(Params) <= 4096);
#ifdef __CUDACC__
  const char* const name = __PRETTY_FUNCTION__;
  const void* const entry = reinterpret_cast<const void*>(kernel);
#else
  const char* const name = simt::MangledName<kernel>();
  void (*const thread)(const void*) = [](const void* p) { kernel(*static_cast<const Params*>(p)); };
  const void* const entry = reinterpret_cast<const void*>(thread);
  if (stream.api == nullptr) return simt::RunGrid({name, grid, threads, shared_bytes}, thread, &params);
#endif
  const KernelLaunch launch = {entry,   name,          {grid.x, grid.y, grid.z}, threads, shared_bytes,
                               &params, sizeof(Params)};
  return DeviceStatus(*stream.api, stream.api->launch(launch, stream.handle), __PRETTY_FUNCTION__);
}

}  // namespace mien::MIEN_EXECUTOR
