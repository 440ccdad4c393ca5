// What the host bodies of the CUDA language call: the running thread's side of the runner. Everything here is
// compiled without instrumentation and reports its own memory accesses to the race checker. A call that
// breaks a rule of CUDA ends the launch: the thread is left where it is, and Launch returns a Status that
// names kernel, block and thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <typeinfo>

#include "kernels/device/instructions.h"
#include "kernels/device/simt/types.h"

namespace mien::simt {

// A place in a kernel. Here() as a default argument is the place of the call.
struct Where {
  const char* file;
  int line;
};
constexpr Where Here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return {file, line};
}

// A name that holds the kernel's own as compilers mangle it: with all template arguments, the same from every compiler.
template <auto kernel>
struct KernelType;
template <auto kernel>
const char* MangledName() {
  return typeid(KernelType<kernel>*).name();
}

struct LaunchShape {
  const char* mangled_name;
  dim3 grid, block;
  size_t shared_bytes;  // dynamic shared memory
};
// Runs every thread of every block. Blocks run one after another, in an order drawn from the seed (runner.h).
Status RunGrid(const LaunchShape& shape, void (*thread)(const void* params), const void* params);

// Shared memory of the running block: one array per key (an address in the kernel's own code), filled with
// 0xff bytes (NaN in every float format) when the block starts.
void* SharedArray(const void* key, size_t bytes, size_t alignment, Where where);
void* DynamicShared(Where where);

void SyncThreads(Where where);
void SyncWarp(uint32_t mask, Where where);
uint64_t Shuffle(uint32_t mask, uint64_t bits, int source_lane, Where where);
uint32_t Ballot(uint32_t mask, bool vote, Where where);
uint32_t ReduceLanes(uint32_t mask, uint32_t value, Reduction reduction, bool is_signed, Where where);

enum class AtomicOp : uint8_t { kAdd, kMin, kMax, kAnd, kOr, kExchange, kCompareExchange };
uint32_t Atomic(uint32_t* address, AtomicOp op, uint32_t operand, uint32_t compare, bool is_signed,
                Where where);

// Copies that have been issued land in the wait that makes them visible and not before; their target reads as
// NaN until then. The first `valid` bytes are copied, the others become zero.
void AsyncCopy(void* shared, const void* global, int bytes, int valid, Where where);
void AsyncCommit();
void AsyncWait(int groups_left);

// Tensor-core instructions, executed when all 32 lanes have arrived. Fragments: kernels/device/fragment.h.
void LoadMatrices(uint32_t* registers, const void* row, int count, bool transposed, Where where);
void MultiplyHalf(float d[4], const uint32_t a[4], const uint32_t b[2], const float c[4], Where where);
void MultiplyTf32(float d[4], const uint32_t a[4], const uint32_t b[2], const float c[4], Where where);

// One access each, which a compiler would make several of.
void ReadVector(void* to, const void* memory, size_t bytes, Where where);
void WriteVector(void* memory, const void* from, size_t bytes, Where where);
void CheckAligned(const void* address, size_t alignment, Where where);
[[noreturn, gnu::format(printf, 2, 3)]] void Trap(Where where, const char* format, ...);

}  // namespace mien::simt
