#include "kernels/device/simt/fiber.h"

#include <sys/mman.h>

#include "base/asan.h"

#ifdef MIEN_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

// void mien_simt_switch(void** save, void* load): pushes the callee-saved registers, exchanges the stack
// pointers, pops.
extern "C" void mien_simt_switch(void** save, void* load);
#if defined(__x86_64__)
asm(R"(
.text
.p2align 4
.globl mien_simt_switch
.hidden mien_simt_switch
.type mien_simt_switch, @function
mien_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size mien_simt_switch, .-mien_simt_switch
)");
#elif defined(__aarch64__)
asm(R"(
.text
.p2align 4
.globl mien_simt_switch
.hidden mien_simt_switch
.type mien_simt_switch, %function
mien_simt_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size mien_simt_switch, .-mien_simt_switch
)");
#else
#error "the fiber switch is written for x86-64 and aarch64"
#endif

namespace mien::simt {
namespace {

constexpr size_t kGuardBytes = size_t{64} << 10;  // a multiple of every page size in use
#ifdef MIEN_ASAN
constexpr size_t kStackBytes = size_t{256} << 10;
#else
constexpr size_t kStackBytes = size_t{64} << 10;
#endif
constexpr size_t kSlotBytes = kGuardBytes + kStackBytes;
// Stack tops with equal low bits would all fall into one cache set, so each begins a little lower than the
// last.
constexpr size_t kColours = 16, kColourBytes = 192;

}  // namespace

void SwitchContext(Context& from, Context& to, [[maybe_unused]] bool from_ends) {
#ifdef MIEN_ASAN
  __sanitizer_start_switch_fiber(from_ends ? nullptr : &from.fake_stack, to.stack_bottom, to.stack_bytes);
#endif
  mien_simt_switch(&from.stack_pointer, to.stack_pointer);
#ifdef MIEN_ASAN
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

void EnterFiber([[maybe_unused]] Context& from) {
#ifdef MIEN_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &from.stack_bottom, &from.stack_bytes);
#endif
}

StackPool::~StackPool() {
  if (base_ != 0) munmap(reinterpret_cast<void*>(base_), bytes_);
}

Status StackPool::Reserve(int count) {
  if (count <= count_) return {};
  const size_t bytes = kSlotBytes * static_cast<size_t>(count);
  void* memory = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return Status::Error(Code::kMemory, "stacks of %d threads: %zu bytes", count, bytes);
  for (int i = 0; i < count; ++i) {
    char* stack = static_cast<char*>(memory) + kSlotBytes * static_cast<size_t>(i) + kGuardBytes;
    if (mprotect(stack, kStackBytes, PROT_READ | PROT_WRITE) != 0) {
      munmap(memory, bytes);
      return Status::Error(Code::kMemory, "stacks of %d threads: %zu bytes", count, bytes);
    }
  }
  if (base_ != 0) munmap(reinterpret_cast<void*>(base_), bytes_);
  base_ = reinterpret_cast<uintptr_t>(memory);
  bytes_ = bytes;
  count_ = count;
  return {};
}

Context StackPool::Start(int index, void (*entry)()) {
  Context context;
  char* bottom = reinterpret_cast<char*>(base_) + kSlotBytes * static_cast<size_t>(index) + kGuardBytes;
#ifdef MIEN_ASAN
  __asan_unpoison_memory_region(bottom, kStackBytes);  // of the frames that the last fiber never left
#endif
  context.stack_bottom = bottom;
  context.stack_bytes = kStackBytes;
  uintptr_t top = reinterpret_cast<uintptr_t>(bottom) + kStackBytes;
  top -= static_cast<size_t>(index) % kColours * kColourBytes;
  auto* frame = reinterpret_cast<void**>(top & ~uintptr_t{63});
#if defined(__x86_64__)
  *--frame = nullptr;  // the return address of `entry`, which keeps the stack aligned as after a call
  *--frame = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--frame = nullptr;
#else
  frame -= 20;
  for (int i = 0; i < 20; ++i) frame[i] = nullptr;
  frame[11] = reinterpret_cast<void*>(entry);  // x30
#endif
  context.stack_pointer = frame;
  return context;
}

}  // namespace mien::simt
