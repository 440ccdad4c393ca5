// The memories of the device: shared memory of the running block, global arrays with guard zones, and
// asynchronous copies between the two.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <list>

#include "base/asan.h"
#include "kernels/device/instructions.h"
#include "kernels/device/simt/race.h"
#include "kernels/device/simt/state.h"

namespace mien::simt {
namespace {

constexpr size_t kAlignment = 256;    // of cudaMalloc
constexpr size_t kSharedGuard = 128;  // a multiple of a row of banks, so that arrays keep their banks
constexpr int kPoison = 0xff;         // NaN in every float format

struct Block {
  GlobalRange range;
  std::vector<ShadowCell> shadow;
};
std::list<Block>& Blocks() {
  static std::list<Block> blocks;
  return blocks;
}

size_t RoundUp(size_t n, size_t to) { return (n + to - 1) / to * to; }

// Appends an array to the arena of shared memory.
std::byte* Append(const void* key, size_t bytes) {
  State& s = TheState();
  const size_t offset = s.arena_bytes;
  s.arena_bytes += RoundUp(bytes, kSharedGuard) + kSharedGuard;
  ASAN_UNPOISON_MEMORY_REGION(s.arena + offset, bytes);
  s.shared.push_back({key, offset, bytes});
  return s.arena + offset;
}

void Land(const AsyncCopyRecord& copy) {
  CopyOrZero(copy.target, copy.source, copy.bytes, copy.valid);
  RecordAccess(copy.target, static_cast<size_t>(copy.bytes), AccessKind::kLanding, SiteOfPlace(copy.where));
}

}  // namespace

bool AddressSanitizerPresent() {
#ifdef MIEN_ASAN
  return true;
#else
  return false;
#endif
}

void ResetShared(size_t dynamic_bytes) {
  State& s = TheState();
  if (s.arena_memory == nullptr) {
    s.arena_memory = std::make_unique<std::byte[]>(kArenaBytes + 1024);
    s.arena = s.arena_memory.get() + (1024 - reinterpret_cast<uintptr_t>(s.arena_memory.get()) % 1024);
    s.arena_bytes = kArenaBytes;
  }
  ASAN_UNPOISON_MEMORY_REGION(s.arena, s.arena_bytes);
  std::memset(s.arena, kPoison, s.arena_bytes);
  ASAN_POISON_MEMORY_REGION(s.arena, kArenaBytes);
  s.shared.clear();
  s.arena_bytes = kSharedGuard;
  s.static_bytes = 0;
  s.dynamic_bytes = dynamic_bytes;
  Append(nullptr, dynamic_bytes);
}

void* SharedArray(const void* key, size_t bytes, size_t alignment, Where where) {
  State& s = TheState();
  for (const SharedRange& range : s.shared) {
    if (range.key == key) return s.arena + range.offset;
  }
  s.static_bytes = RoundUp(s.static_bytes, alignment) + bytes;
  constexpr size_t kStaticLimit = size_t{48} << 10;
  if (s.static_bytes > kStaticLimit || s.static_bytes + s.dynamic_bytes > s.options.shared_limit) {
    Trap(where, "shared memory: at most %zu bytes static and %zu in all expected, %zu and %zu found",
         kStaticLimit, s.options.shared_limit, s.static_bytes, s.static_bytes + s.dynamic_bytes);
  }
  return Append(key, bytes);
}

void* DynamicShared(Where where) {
  State& s = TheState();
  if (s.dynamic_bytes == 0) Trap(where, "dynamic shared memory in a launch without it");
  return s.arena + s.shared[0].offset;
}

const SharedRange* FindShared(size_t offset, size_t bytes) {
  for (const SharedRange& range : TheState().shared) {
    if (offset >= range.offset && offset + bytes <= range.offset + range.bytes) return &range;
  }
  return nullptr;
}

void* AllocateGlobal(size_t bytes, size_t element_bytes) {
  const size_t rounded = RoundUp(bytes, kAlignment);
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded + 2 * kGuardZone));
  if (memory == nullptr) return nullptr;
  std::memset(memory, kPoison, rounded + 2 * kGuardZone);
  std::byte* data = memory + kGuardZone;
  ASAN_POISON_MEMORY_REGION(memory, kGuardZone);
  ASAN_POISON_MEMORY_REGION(data + bytes, rounded - bytes + kGuardZone);
  Block& block = Blocks().emplace_back();
  block.range.begin = reinterpret_cast<uintptr_t>(data);
  block.range.end = block.range.begin + bytes;
  block.range.granule = std::min<size_t>(element_bytes, 4);
  block.range.shadow = &block.shadow;
  return data;
}

void PoisonGlobal(void* memory) {
  for (Block& block : Blocks()) {
    if (block.range.begin != reinterpret_cast<uintptr_t>(memory)) continue;
    std::memset(memory, kPoison, block.range.end - block.range.begin);
    block.shadow.clear();
    block.range.kernels_alone = true;
  }
}

void FreeGlobal(void* memory) {
  const auto address = reinterpret_cast<uintptr_t>(memory);
  Blocks().remove_if([&](const Block& block) { return block.range.begin == address; });
  ASAN_UNPOISON_MEMORY_REGION(static_cast<std::byte*>(memory) - kGuardZone, kGuardZone);
  std::free(static_cast<std::byte*>(memory) - kGuardZone);
}

GlobalRange* FindGlobal(uintptr_t address) {
  for (Block& block : Blocks()) {
    if (address + kGuardZone >= block.range.begin && address < block.range.end + kGuardZone)
      return &block.range;
  }
  return nullptr;
}

Status CheckGuards() {
#ifndef MIEN_ASAN
  const auto touched = [](uintptr_t begin, uintptr_t end) {
    const auto* p = reinterpret_cast<const uint8_t*>(begin);
    return std::any_of(p, p + (end - begin), [](uint8_t byte) { return byte != kPoison; });
  };
  for (const Block& block : Blocks()) {
    const GlobalRange& range = block.range;
    const size_t bytes = range.end - range.begin;
    if (touched(range.begin - kGuardZone, range.begin) ||
        touched(range.end, range.begin + RoundUp(bytes, kAlignment) + kGuardZone)) {
      return Status::Error(Code::kDevice, "a write outside a global array of %zu bytes", bytes);
    }
  }
#endif
  return {};
}

void AsyncCopy(void* shared, const void* global, int bytes, int valid, Where where) {
  State& s = TheState();
  CheckAligned(shared, static_cast<size_t>(bytes), where);
  CheckAligned(global, static_cast<size_t>(bytes), where);
  auto* target = static_cast<std::byte*>(shared);
  const auto offset = static_cast<size_t>(target - s.arena);
  if (offset >= s.arena_bytes || FindShared(offset, static_cast<size_t>(bytes)) == nullptr) {
    Trap(where, "an asynchronous copy whose target is not in a shared array");
  }
  // The source is read and the target written at any time from here to the wait.
  const uint32_t site = SiteOfPlace(where);
  if (valid > 0) RecordAccess(global, static_cast<size_t>(valid), AccessKind::kRead, site);
  RecordAccess(shared, static_cast<size_t>(bytes), AccessKind::kIssue, site);
  std::memset(target, kPoison, static_cast<size_t>(bytes));
  Thread& thread = s.running_thread();
  thread.copies.push_back(
      {target, static_cast<const std::byte*>(global), bytes, valid, thread.groups, where});
}

void ReadVector(void* to, const void* memory, size_t bytes, Where where) {
  CheckAligned(memory, bytes, where);
  if (HooksPresent()) RecordAccess(memory, bytes, AccessKind::kRead, SiteOfPlace(where));
  std::memcpy(to, memory, bytes);
}

void WriteVector(void* memory, const void* from, size_t bytes, Where where) {
  CheckAligned(memory, bytes, where);
  if (HooksPresent()) RecordAccess(memory, bytes, AccessKind::kWrite, SiteOfPlace(where));
  std::memcpy(memory, from, bytes);
}

void AsyncCommit() { ++TheState().running_thread().groups; }

void AsyncWait(int groups_left) {
  Thread& thread = TheState().running_thread();
  const auto left = static_cast<uint64_t>(groups_left);
  // Copies of groups 0 .. groups - left - 1 land; those not yet committed belong to group `groups`.
  const auto lands = [&](const AsyncCopyRecord& copy) { return copy.group + left < thread.groups; };
  size_t count = 0;
  while (count < thread.copies.size() && lands(thread.copies[count])) Land(thread.copies[count++]);
  thread.copies.erase(thread.copies.begin(), thread.copies.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace mien::simt
