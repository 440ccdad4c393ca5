// The state of the launch that is running, shared by the runner's own files and by nobody else.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/device/simt/fiber.h"
#include "kernels/device/simt/runner.h"
#include "kernels/device/simt/runtime.h"

namespace mien::simt {

constexpr int kWarpLanes = 32, kMaxThreads = 1024, kMaxWarps = kMaxThreads / kWarpLanes;
constexpr uint32_t kAllLanes = 0xffffffffu;

struct AsyncCopyRecord {
  std::byte* target;
  const std::byte* source;
  int bytes, valid;
  uint64_t group;  // the thread's commits before it
  Where where;
};

enum class ThreadState : uint8_t { kNew, kReady, kAtBarrier, kInCollective, kEnded };

struct Thread {
  Context context;
  int stack = -1;
  ThreadState state = ThreadState::kNew;
  uint3 index = {0, 0, 0};
  Where where = {"", 0};  // of the call that it waits in
  uint32_t mask = 0;      // of the collective that it waits in
  uint64_t groups = 0;    // cp.async groups committed
  std::vector<AsyncCopyRecord> copies;
};

// Lanes that have arrived at a collective and wait for the rest of their mask.
struct Meeting {
  uint32_t mask = 0, arrived = 0;  // mask 0: free
  const char* name = nullptr;
  Where where = {"", 0};
  void* payload[kWarpLanes] = {};
};

struct Warp {
  uint32_t lanes = 0, ready = 0, ended = 0;
  int rotation = 0;  // the first lane to be asked when several are ready
  int rank = 0;      // 0 goes first
  Meeting meetings[kWarpLanes];
};

struct SharedRange {
  const void* key;
  size_t offset, bytes;
};

struct State {
  Options options;
  StackPool stacks;
  std::vector<int> free_stacks;
  Context scheduler;
  Status status;         // of the launch; the first error wins
  bool running = false;  // inside RunGrid
  bool in_thread = false;
  int current = -1;  // thread
  void (*body)(const void*) = nullptr;
  const void* params = nullptr;
  std::string kernel;

  int threads = 0, ended = 0, at_barrier = 0, first_ended = -1;
  int barrier_first = -1;  // the thread that arrived first
  uint32_t barrier_epoch = 0;
  Thread thread[kMaxThreads];
  Warp warp[kMaxWarps];
  int warp_of_rank[kMaxWarps];
  uint32_t ready_ranks = 0;

  std::unique_ptr<std::byte[]> arena_memory;
  std::byte* arena = nullptr;  // of the current block
  size_t arena_bytes = 0;      // its end, red zones included
  size_t static_bytes = 0, dynamic_bytes = 0;
  std::vector<SharedRange> shared;

  Thread& running_thread() { return thread[current]; }
};
State& TheState();

// Text for reports: "add.cu:41", "thread (3,0,0)", "block (0,1,0)".
std::string PlaceName(Where where);
std::string ThreadName(int thread);
std::string BlockName();

// Ends the launch from inside a thread.
[[noreturn]] void StopLaunch(Status status);
// Waiting is Suspend, then Yield; whoever ends the waiting calls Wake. The last to arrive wakes everybody,
// itself included, before it yields, so that the priorities decide who goes on.
void Suspend(ThreadState state, Where where);
void Yield();
void Wake(int thread);

// What a collective does when its last lane arrives. payload[lane] is what that lane brought; null: not in
// the mask.
using Combine = void (*)(void* const payload[kWarpLanes], uint32_t mask);
void Meet(const char* name, uint32_t mask, void* payload, Combine combine, Where where);
// A thread that ends while others wait for it is an error; returns what is wrong.
Status CheckThreadEnd(int thread);

// Arena of shared memory.
constexpr size_t kArenaBytes = size_t{512} << 10;
void ResetShared(size_t dynamic_bytes);
const SharedRange* FindShared(size_t offset, size_t bytes);  // the array that holds these bytes, or null

// Guard zones of global arrays after a launch.
Status CheckGuards();

// Accesses (race.cc, traffic.cc). A site is a place in the code that touches memory.
enum class AccessKind : uint8_t {
  kRead,
  kWrite,
  kAtomic,
  kIssue,  // a write that begins here: until its kLanding, nobody may touch the bytes
  kLanding,
  kMatrixRead,  // by ldmatrix, which may take rows that no sum needs: never written, they are NaN
};
uint32_t SiteOfCode(const void* return_address);
uint32_t SiteOfPlace(Where where);
std::string SiteName(uint32_t site);
// Thread `thread` of the running block touches memory; the functions find out which. Nothing happens in a
// program without hooks.
void RecordAccessBy(int thread, const void* address, size_t bytes, AccessKind kind, uint32_t site);
inline void RecordAccess(const void* address, size_t bytes, AccessKind kind, uint32_t site) {
  RecordAccessBy(TheState().current, address, bytes, kind, site);
}
void BeginRaceLaunch();
void BeginRaceBlock();
void RaceSyncWarp(int warp, uint32_t mask);
Status TakeRaces();  // of the launch

struct GlobalRange {
  uintptr_t begin = 0, end = 0;
  size_t granule = 4;
  bool kernels_alone = false;  // write it
  std::vector<struct ShadowCell>* shadow = nullptr;
};
constexpr size_t kGuardZone = 1024;
GlobalRange* FindGlobal(uintptr_t address);  // the array whose bytes or guard zones hold the address

void CountTraffic(int thread, uintptr_t address, size_t bytes, bool is_shared, AccessKind kind,
                  uint32_t site);
void BeginTrafficBlock();
void FlushTraffic();  // at the end of a block

}  // namespace mien::simt
