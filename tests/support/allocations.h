// Counts what the process takes from the system: malloc and its kin (operator new goes through them) and mmap
// are interposed in this test program. Off under the sanitizers, which interpose the same functions.
#pragma once

#include <cstdint>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MIEN_COUNTS_ALLOCATIONS 0
#else
#define MIEN_COUNTS_ALLOCATIONS 1
#endif

namespace mien::testing {

constexpr bool kCountsAllocations = MIEN_COUNTS_ALLOCATIONS;

// Counts on all threads from its construction on; one at a time.
class AllocationCount {
 public:
  AllocationCount();
  uint64_t calls() const;
  uint64_t largest() const;  // bytes of one call

 private:
  uint64_t first_call_;
};

}  // namespace mien::testing
