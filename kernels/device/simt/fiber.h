// Fibers: one per CUDA thread of the block that is running. The switch is ours (12 instructions on x86-64,
// measured at 3 ns against 7 for Boost.Context and 370 for ucontext); it saves what the ABI calls
// callee-saved and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/status.h"

namespace mien::simt {

// A suspended flow of control: its stack pointer, and what AddressSanitizer wants to know about its stack.
struct Context {
  void* stack_pointer = nullptr;
  const void* stack_bottom = nullptr;
  size_t stack_bytes = 0;
  void* fake_stack = nullptr;
};

// Suspends the running flow into `from` and resumes `to`. `from_ends`: `from` will never be resumed.
void SwitchContext(Context& from, Context& to, bool from_ends);
// The first thing a fiber must call. `from`: the flow that resumed it; its stack bounds are filled in.
void EnterFiber(Context& from);

// Stacks of equal size in one mapping, each above a guard page.
class StackPool {
 public:
  StackPool() = default;
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;
  ~StackPool();

  Status Reserve(int count);  // grows to at least `count` stacks; only while none is in use
  // A context that will start in `entry` (which must not return) on stack `index`.
  Context Start(int index, void (*entry)());
  bool Contains(uintptr_t address) const { return address - base_ < bytes_; }
  int count() const { return count_; }

 private:
  uintptr_t base_ = 0;
  size_t bytes_ = 0;
  int count_ = 0;
};

}  // namespace mien::simt
