#include "tests/support/allocations.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace mien::testing {
namespace {

std::atomic<uint64_t> calls{0}, largest{0};

[[maybe_unused]] void Count(uint64_t size) {
  calls.fetch_add(1, std::memory_order_relaxed);
  uint64_t seen = largest.load(std::memory_order_relaxed);
  while (size > seen && !largest.compare_exchange_weak(seen, size)) {
  }
}

}  // namespace

AllocationCount::AllocationCount() : first_call_(mien::testing::calls) { mien::testing::largest = 0; }
uint64_t AllocationCount::calls() const { return mien::testing::calls - first_call_; }
uint64_t AllocationCount::largest() const { return mien::testing::largest; }

}  // namespace mien::testing

#if MIEN_COUNTS_ALLOCATIONS
// glibc's own functions under their other names.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) noexcept {
  mien::testing::Count(size);
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) noexcept {
  mien::testing::Count(count * size);
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) noexcept {
  mien::testing::Count(size);
  return __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) noexcept {
  mien::testing::Count(size);
  return __libc_memalign(alignment, size);
}
void* memalign(size_t alignment, size_t size) noexcept {
  mien::testing::Count(size);
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) noexcept {
  mien::testing::Count(size);
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? ENOMEM : 0;
}
void* mmap(void* address, size_t length, int protection, int flags, int file, off_t offset) noexcept {
  mien::testing::Count(length);
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, length, protection, flags, file, offset));
}
}
#endif
