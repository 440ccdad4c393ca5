// Happens-before for one launch: accesses of one granule by two threads, at least one of them a write, must
// be ordered by a barrier of their block, or by __syncwarps of their warp (vector clocks of 32 lanes); blocks
// are never ordered. Shuffles, votes and tensor-core instructions order nothing, as on the hardware. Since it
// is the order that is checked and not the outcome, one run in any thread order finds a race. Atomics do not
// race with each other. Accesses that miss every array are found on the way, and so are reads of what nobody
// has written: in shared memory the block, in global memory that kernels alone write any block.
#include "kernels/device/simt/race.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "kernels/device/simt/state.h"

namespace mien::simt {
namespace {

constexpr size_t kSharedGranule = 2;
constexpr size_t kReported = 4;  // pairs of sites named in the report

struct Checker {
  bool hooks = false;
  uint64_t accesses = 0;
  uint32_t block = 0;         // the running block, counted from the program's start
  uint32_t launch_first = 0;  // the launch's first
  uint64_t races = 0, unwritten = 0;
  std::set<std::pair<uint32_t, uint32_t>> pairs;
  std::string report;
  std::vector<ShadowCell> shared = std::vector<ShadowCell>(kArenaBytes / kSharedGranule);
  // clock[warp][lane][other]: the last time of `other` that `lane` knows to lie behind it.
  uint32_t clock[kMaxWarps][kWarpLanes][kWarpLanes];
};
Checker& TheChecker() {
  static auto checker = std::make_unique<Checker>();
  return *checker;
}

// `oldest`: the first block that has to do with the memory at all; for shared memory the running one.
bool Ordered(const Checker& c, const ShadowAccess& before, const ShadowAccess& now, uint32_t oldest) {
  if (before.block < oldest) return true;
  if (before.block != now.block) return false;
  if (before.thread == now.thread || before.epoch < now.epoch) return true;
  const int warp = now.thread / kWarpLanes;
  return before.thread / kWarpLanes == warp &&
         c.clock[warp][now.thread % kWarpLanes][before.thread % kWarpLanes] >= before.time;
}

void Report(Checker& c, const ShadowAccess& before, const char* earlier, const ShadowAccess& now,
            const char* later, const char* memory, size_t offset) {
  ++c.races;
  if (!c.pairs.insert({before.site, now.site}).second || c.pairs.size() > kReported) return;
  char text[256];
  std::snprintf(text, sizeof(text), "; %s at %s by thread %d, then %s at %s by thread %d%s, %s byte %zu",
                earlier, SiteName(before.site).c_str(), before.thread, later, SiteName(now.site).c_str(),
                now.thread, before.block == now.block ? "" : " of another block", memory, offset);
  c.report += text;
}

void ReportUnwritten(Checker& c, const ShadowAccess& now, const char* later, const char* memory, size_t offset) {
  ++c.unwritten;
  if (!c.pairs.insert({0, now.site}).second || c.pairs.size() > kReported) return;
  char text[256];
  std::snprintf(text, sizeof(text), "; %s at %s by thread %d of what nobody wrote, %s byte %zu", later,
                SiteName(now.site).c_str(), now.thread, memory, offset);
  c.report += text;
}

const char* Verb(AccessKind kind) {
  switch (kind) {
    case AccessKind::kRead:
    case AccessKind::kMatrixRead:
      return "read";
    case AccessKind::kAtomic:
      return "atomic";
    default:
      return "write";
  }
}

// `first_writer`: the first block that can have written what is read; 0: the host can.
void CheckCell(Checker& c, ShadowCell& cell, const ShadowAccess& now, AccessKind kind, bool is_shared,
               uint32_t first_writer, size_t offset) {
  const uint32_t oldest = is_shared ? c.block : c.launch_first;
  const char* memory = is_shared ? "shared" : "global";
  const auto ordered = [&](const ShadowAccess& before) { return Ordered(c, before, now, oldest); };
  if (cell.write.under_way && cell.write.block >= oldest && kind != AccessKind::kLanding) {
    Report(c, cell.write, "asynchronous copy, still under way,", now, Verb(kind), memory, offset);
  } else if (!ordered(cell.write) && !(cell.write.atomic && now.atomic)) {
    Report(c, cell.write, cell.write.atomic ? "atomic" : "write", now, Verb(kind), memory, offset);
  }
  if ((kind == AccessKind::kRead || kind == AccessKind::kAtomic) && cell.write.block < first_writer)
    ReportUnwritten(c, now, Verb(kind), memory, offset);
  if (kind != AccessKind::kRead && kind != AccessKind::kMatrixRead) {
    for (const ShadowAccess& read : cell.read) {
      if (!ordered(read)) Report(c, read, "read", now, Verb(kind), memory, offset);
    }
    cell = {now, {}};
    return;
  }
  const bool first_done = ordered(cell.read[0]), second_done = ordered(cell.read[1]);
  const auto same_warp = [](const ShadowAccess& a, const ShadowAccess& b) {
    return a.block == b.block && a.thread / kWarpLanes == b.thread / kWarpLanes;
  };
  if (first_done) {
    cell.read[0] = now;
    if (second_done) cell.read[1] = {};
  } else if (second_done || same_warp(cell.read[0], cell.read[1])) {
    cell.read[1] = now;  // two reads of different warps or blocks tell more than two of one
  }
}

[[noreturn]] void Outside(const char* memory, AccessKind kind, size_t bytes, int64_t offset, uint32_t site) {
  StopLaunch(Status::Error(Code::kDevice, "%s %s: %s of %zu bytes outside every %s array at %s (offset %lld)",
                           BlockName().c_str(), ThreadName(TheState().current).c_str(), Verb(kind), bytes,
                           memory, SiteName(site).c_str(), static_cast<long long>(offset)));
}

}  // namespace

bool HooksPresent() { return TheChecker().hooks; }
uint64_t HookedAccesses() { return TheChecker().accesses; }

void BeginRaceLaunch() {
  Checker& c = TheChecker();
  c.launch_first = c.block + 1;
  c.races = c.unwritten = 0;
  c.pairs.clear();
  c.report.clear();
}

void BeginRaceBlock() {
  Checker& c = TheChecker();
  ++c.block;
  if (!c.hooks) return;
  const int warps = (TheState().threads + kWarpLanes - 1) / kWarpLanes;
  for (int w = 0; w < warps; ++w) {
    std::memset(c.clock[w], 0, sizeof(c.clock[w]));
    for (int lane = 0; lane < kWarpLanes; ++lane) c.clock[w][lane][lane] = 1;
  }
  BeginTrafficBlock();
}

// All lanes of the mask learn what each of them knew, and go on to their next time.
void RaceSyncWarp(int warp, uint32_t mask) {
  auto& clock = TheChecker().clock[warp];
  uint32_t joined[kWarpLanes] = {};
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    if (!(mask >> lane & 1)) continue;
    for (int other = 0; other < kWarpLanes; ++other)
      joined[other] = std::max(joined[other], clock[lane][other]);
  }
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    if (!(mask >> lane & 1)) continue;
    std::memcpy(clock[lane], joined, sizeof(joined));
    ++clock[lane][lane];
  }
}

void RecordAccessBy(int thread, const void* pointer, size_t bytes, AccessKind kind, uint32_t site) {
  Checker& c = TheChecker();
  State& s = TheState();
  if (!c.hooks || !s.running) return;
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  const size_t in_arena = address - reinterpret_cast<uintptr_t>(s.arena);
  const bool is_shared = in_arena < kArenaBytes;
  ShadowCell* cells = c.shared.data();
  uint32_t first_writer = c.block;
  size_t offset = in_arena, granule = kSharedGranule;
  if (is_shared) {
    if (FindShared(in_arena, bytes) == nullptr)
      Outside("shared", kind, bytes, static_cast<int64_t>(in_arena), site);
  } else {
    GlobalRange* range = FindGlobal(address);
    if (range == nullptr) return;  // a constant, or a variable of the thread
    if (address < range->begin || address + bytes > range->end) {
      Outside("global", kind, bytes, static_cast<int64_t>(address - range->begin), site);
    }
    offset = address - range->begin;
    granule = range->granule;
    first_writer = range->kernels_alone ? 1 : 0;
    if (range->shadow->empty()) range->shadow->resize((range->end - range->begin) / granule + 1);
    cells = range->shadow->data();
  }
  const int lane = thread % kWarpLanes;
  const ShadowAccess now = {c.block,
                            static_cast<uint16_t>(thread),
                            kind == AccessKind::kAtomic,
                            kind == AccessKind::kIssue,
                            s.barrier_epoch,
                            c.clock[thread / kWarpLanes][lane][lane],
                            site};
  for (size_t i = offset / granule; i <= (offset + bytes - 1) / granule; ++i) {
    CheckCell(c, cells[i], now, kind, is_shared, first_writer, i * granule);
  }
  ++c.accesses;
  if (s.options.traffic && kind != AccessKind::kLanding)
    CountTraffic(thread, address, bytes, is_shared, kind == AccessKind::kMatrixRead ? AccessKind::kRead : kind, site);
}

Status TakeRaces() {
  const Checker& c = TheChecker();
  if (c.races == 0 && c.unwritten == 0) return {};
  return Status::Error(Code::kDevice, "%llu races and %llu reads of what nobody wrote at %zu pairs of places%s",
                       static_cast<unsigned long long>(c.races), static_cast<unsigned long long>(c.unwritten),
                       c.pairs.size(), c.report.c_str());
}

}  // namespace mien::simt

// What the compiler calls for -fsanitize=thread. The kernels are compiled so, but linked with these functions
// instead of ThreadSanitizer's own.
namespace {

inline void Hook(void* address, size_t bytes, mien::simt::AccessKind kind, const void* return_address) {
  using namespace mien::simt;
  State& s = TheState();
  if (!s.in_thread || s.stacks.Contains(reinterpret_cast<uintptr_t>(address))) return;
  s.in_thread = false;  // library code that the linker took from an instrumented file must not come back here
  RecordAccess(address, bytes, kind, SiteOfCode(return_address));
  s.in_thread = true;
}

}  // namespace

#define MIEN_HOOK(name, bytes, kind)                                                 \
  void __tsan_##name(void* address) {                                                \
    Hook(address, bytes, mien::simt::AccessKind::kind, __builtin_return_address(0)); \
  }
#define MIEN_HOOKS(size)                         \
  MIEN_HOOK(read##size, size, kRead)             \
  MIEN_HOOK(write##size, size, kWrite)           \
  MIEN_HOOK(unaligned_read##size, size, kRead)   \
  MIEN_HOOK(unaligned_write##size, size, kWrite) \
  MIEN_HOOK(volatile_read##size, size, kRead)    \
  MIEN_HOOK(volatile_write##size, size, kWrite)
extern "C" {
MIEN_HOOKS(1)
MIEN_HOOKS(2)
MIEN_HOOKS(4)
MIEN_HOOKS(8)
MIEN_HOOKS(16)
void __tsan_read_range(void* address, size_t bytes) {
  Hook(address, bytes, mien::simt::AccessKind::kRead, __builtin_return_address(0));
}
void __tsan_write_range(void* address, size_t bytes) {
  Hook(address, bytes, mien::simt::AccessKind::kWrite, __builtin_return_address(0));
}
void __tsan_vptr_update(void**, void*) {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
// The guard of a static variable, in host code beside the kernels.
unsigned char __tsan_atomic8_load(const volatile unsigned char* guard, int) {
  return __atomic_load_n(guard, __ATOMIC_ACQUIRE);
}
// Called by a constructor of every instrumented file.
void __tsan_init() { mien::simt::TheChecker().hooks = true; }
}
#undef MIEN_HOOKS
#undef MIEN_HOOK
