// The launch: contract checks, the loop over blocks, and the scheduler of one block's threads.
#include "kernels/device/simt/runner.h"

#include <cxxabi.h>

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "base/split_mix.h"
#include "kernels/device/simt/state.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace mien::simt {
namespace {

std::map<std::string, LaunchSize>& Launched() {
  static std::map<std::string, LaunchSize> launched;
  return launched;
}

// From "...KernelType<&(void mien::simt::(anonymous namespace)::Gemm<64, 2>(...Params))>*", or without void, template
// arguments and parameters.
std::string Demangled(const char* mangled_name) {
  int status = 0;
  char* const text = abi::__cxa_demangle(mangled_name, nullptr, nullptr, &status);
  std::string name = text == nullptr ? mangled_name : text;
  std::free(text);
  for (const std::string space : {"mien::", "simt::", "(anonymous namespace)::"}) {
    for (size_t at = name.find(space); at != std::string::npos; at = name.find(space, at)) name.erase(at, space.size());
  }
  const size_t first = name.find("KernelType<&") + 12;
  name = name.substr(first, name.rfind(">*") - first);
  if (name.starts_with("(void ")) name = name.substr(6, name.rfind('(') - 6);
  return name;
}

Status CheckLaunch(const LaunchShape& shape, const std::string& name, size_t shared_limit) {
  const auto bad = [&](const char* what, unsigned long long found, unsigned long long limit) {
    return Status::Error(Code::kDevice, "%s: %s: 1 to %llu expected, %llu found", name.c_str(), what, limit,
                         found);
  };
  const auto outside = [](unsigned long long n, unsigned long long limit) { return n < 1 || n > limit; };
  const dim3 &g = shape.grid, &b = shape.block;
  if (outside(g.x, 0x7fffffffu)) return bad("grid x", g.x, 0x7fffffffu);
  if (outside(g.y, 65535)) return bad("grid y", g.y, 65535);
  if (outside(g.z, 65535)) return bad("grid z", g.z, 65535);
  if (outside(b.x, 1024)) return bad("block x", b.x, 1024);
  if (outside(b.y, 1024)) return bad("block y", b.y, 1024);
  if (outside(b.z, 64)) return bad("block z", b.z, 64);
  const uint64_t threads = uint64_t{b.x} * b.y * b.z;
  if (threads > kMaxThreads) return bad("threads per block", threads, kMaxThreads);
  if (shape.shared_bytes > shared_limit) {
    return Status::Error(Code::kDevice, "%s: shared memory per block: at most %zu bytes expected, %zu found",
                         name.c_str(), shared_limit, shape.shared_bytes);
  }
  return {};
}

struct Random {
  uint64_t state;
  uint64_t Next() { return SplitMix(state += kSplitMixStep); }
  template <class T>
  void Shuffle(T* first, size_t count) {
    for (size_t i = count; i > 1; --i) std::swap(first[i - 1], first[Next() % i]);
  }
};

[[noreturn]] void ThreadEntry() {
  State& s = TheState();
  EnterFiber(s.scheduler);
  s.body(s.params);
  Thread& thread = s.running_thread();
  if (!thread.copies.empty()) {
    Trap(thread.copies.front().where, "the thread ends before this asynchronous copy has landed");
  }
  thread.state = ThreadState::kEnded;
  s.in_thread = false;
  SwitchContext(thread.context, s.scheduler, true);
  __builtin_unreachable();
}

void Resume(int index) {
  State& s = TheState();
  Thread& thread = s.thread[index];
  if (thread.state == ThreadState::kNew) {
    thread.stack = s.free_stacks.back();
    s.free_stacks.pop_back();
    thread.context = s.stacks.Start(thread.stack, ThreadEntry);
    thread.state = ThreadState::kReady;
  }
  s.current = index;
  threadIdx = thread.index;
  s.in_thread = true;
  SwitchContext(s.scheduler, thread.context, false);
}

void SetReady(int index, bool ready) {
  State& s = TheState();
  Warp& warp = s.warp[index / kWarpLanes];
  const uint32_t bit = 1u << index % kWarpLanes;
  warp.ready = ready ? warp.ready | bit : warp.ready & ~bit;
  const uint32_t rank = 1u << warp.rank;
  s.ready_ranks = warp.ready != 0 ? s.ready_ranks | rank : s.ready_ranks & ~rank;
}

// The next thread to run: the runnable warp of highest priority, its first ready lane from its rotation on.
int Pick() {
  State& s = TheState();
  if (s.ready_ranks == 0) return -1;
  const int w = s.warp_of_rank[std::countr_zero(s.ready_ranks)];
  const Warp& warp = s.warp[w];
  const int lane = (std::countr_zero(std::rotr(warp.ready, warp.rotation)) + warp.rotation) % kWarpLanes;
  return w * kWarpLanes + lane;
}

void BeginBlock(Random& random) {
  State& s = TheState();
  const int warps = (s.threads + kWarpLanes - 1) / kWarpLanes;
  s.ended = s.at_barrier = 0;
  s.first_ended = s.barrier_first = -1;
  s.barrier_epoch = 0;
  s.ready_ranks = 0;
  std::iota(s.warp_of_rank, s.warp_of_rank + warps, 0);
  if (s.options.seed != 0) random.Shuffle(s.warp_of_rank, static_cast<size_t>(warps));
  for (int rank = 0; rank < warps; ++rank) {
    Warp& warp = s.warp[s.warp_of_rank[rank]];
    warp.lanes = warp.ready = warp.ended = 0;
    warp.rank = rank;
    warp.rotation = s.options.seed != 0 ? static_cast<int>(random.Next() % kWarpLanes) : 0;
    for (Meeting& meeting : warp.meetings) meeting.mask = 0;
  }
  for (int t = 0; t < s.threads; ++t) {
    Thread& thread = s.thread[t];
    const auto n = static_cast<unsigned>(t);
    thread.index = {n % blockDim.x, n / blockDim.x % blockDim.y, n / blockDim.x / blockDim.y};
    thread.state = ThreadState::kNew;
    thread.stack = -1;
    thread.groups = 0;
    thread.copies.clear();
    s.warp[t / kWarpLanes].lanes |= 1u << t % kWarpLanes;
    SetReady(t, true);
  }
  s.free_stacks.resize(static_cast<size_t>(s.threads));
  std::iota(s.free_stacks.rbegin(), s.free_stacks.rend(), 0);
}

Status Deadlock() {
  State& s = TheState();
  int barrier = 0, collective = 0, first = -1;
  for (int t = 0; t < s.threads; ++t) {
    const ThreadState state = s.thread[t].state;
    barrier += state == ThreadState::kAtBarrier;
    collective += state == ThreadState::kInCollective;
    if (first < 0 && state != ThreadState::kEnded) first = t;
  }
  const Thread& thread = s.thread[first];
  return Status::Error(
      Code::kDevice,
      "deadlock in %s: %d threads wait at a barrier, %d in a warp collective, %d have ended; the first "
      "is %s at %s, mask %08x",
      BlockName().c_str(), barrier, collective, s.ended, ThreadName(first).c_str(),
      PlaceName(thread.where).c_str(), thread.mask);
}

Status RunBlock() {
  State& s = TheState();
  while (s.ended < s.threads) {
    const int next = Pick();
    if (next < 0) return Deadlock();
    SetReady(next, false);
    Resume(next);
    if (!s.status.ok()) return s.status;
    if (s.thread[next].state != ThreadState::kEnded) continue;
    s.free_stacks.push_back(s.thread[next].stack);
    if (s.first_ended < 0) s.first_ended = next;
    ++s.ended;
    s.warp[next / kWarpLanes].ended |= 1u << next % kWarpLanes;
    MIEN_TRY(CheckThreadEnd(next));
  }
  return {};
}

Status RunBlocks(const LaunchShape& shape) {
  State& s = TheState();
  Random random{s.options.seed};
  const uint64_t blocks = uint64_t{gridDim.x} * gridDim.y * gridDim.z;
  std::vector<uint64_t> order(blocks);
  std::iota(order.begin(), order.end(), 0);
  if (s.options.seed != 0) random.Shuffle(order.data(), order.size());
  for (const uint64_t block : order) {
    blockIdx = {static_cast<unsigned>(block % gridDim.x),
                static_cast<unsigned>(block / gridDim.x % gridDim.y),
                static_cast<unsigned>(block / gridDim.x / gridDim.y)};
    BeginBlock(random);
    ResetShared(shape.shared_bytes);
    BeginRaceBlock();
    MIEN_TRY(RunBlock());
    FlushTraffic();
  }
  return CheckGuards();
}

}  // namespace

State& TheState() {
  static auto state = std::make_unique<State>();
  return *state;
}

void Configure(const Options& options) { TheState().options = options; }
const Options& CurrentOptions() { return TheState().options; }
const std::map<std::string, LaunchSize>& LaunchedKernels() { return Launched(); }

std::string KernelName(const char* mangled_name) {
  static std::map<const char*, std::string> names;
  std::string& name = names[mangled_name];
  if (name.empty()) name = Demangled(mangled_name);
  return name;
}

std::string PlaceName(Where where) {
  const char* slash = std::strrchr(where.file, '/');
  return std::string(slash == nullptr ? where.file : slash + 1) + ":" + std::to_string(where.line);
}

std::string ThreadName(int thread) {
  const uint3 i = TheState().thread[thread].index;
  return "thread (" + std::to_string(i.x) + "," + std::to_string(i.y) + "," + std::to_string(i.z) + ")";
}

std::string BlockName() {
  return "block (" + std::to_string(blockIdx.x) + "," + std::to_string(blockIdx.y) + "," +
         std::to_string(blockIdx.z) + ")";
}

void StopLaunch(Status status) {
  State& s = TheState();
  if (s.status.ok()) s.status = std::move(status);
  s.in_thread = false;
  SwitchContext(s.running_thread().context, s.scheduler, true);
  __builtin_unreachable();
}

void Trap(Where where, const char* format, ...) {
  char text[Status::kTextBytes / 2];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  StopLaunch(Status::Error(Code::kDevice, "%s %s at %s: %s", BlockName().c_str(),
                           ThreadName(TheState().current).c_str(), PlaceName(where).c_str(), text));
}

void Suspend(ThreadState state, Where where) {
  State& s = TheState();
  Thread& thread = s.running_thread();
  thread.state = state;
  thread.where = where;
}

void Yield() {
  State& s = TheState();
  s.in_thread = false;
  SwitchContext(s.running_thread().context, s.scheduler, false);
}

void Wake(int index) {
  TheState().thread[index].state = ThreadState::kReady;
  SetReady(index, true);
}

Status RunGrid(const LaunchShape& shape, void (*thread)(const void*), const void* params) {
  State& s = TheState();
  const std::string name = KernelName(shape.mangled_name);
  if (s.running) return Status::Error(Code::kUsage, "%s: launched while another kernel runs", name.c_str());
  MIEN_TRY(CheckLaunch(shape, name, s.options.shared_limit));
  gridDim = shape.grid;
  blockDim = shape.block;
  s.threads = static_cast<int>(blockDim.x * blockDim.y * blockDim.z);
  LaunchSize& launched = Launched()[name];
  launched = {std::max(launched.threads, s.threads), std::max(launched.shared_bytes, shape.shared_bytes),
              launched.launches + 1};
  MIEN_TRY(s.stacks.Reserve(s.threads));
  s.body = thread;
  s.params = params;
  s.kernel = name;
  s.status = {};
  s.running = true;
  BeginRaceLaunch();
  Status status = RunBlocks(shape);
  const Status races = TakeRaces();
  if (status.ok()) status = races;
  s.running = false;
  if (status.ok()) return status;
  return status.Within("%s (order %llu)", name.c_str(), static_cast<unsigned long long>(s.options.seed));
}

}  // namespace mien::simt
