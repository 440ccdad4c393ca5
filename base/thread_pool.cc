#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

namespace mien {

namespace {

// A short wait is spent awake: about what it costs to put a thread to sleep and wake it again, so that a
// chain of short calls pays neither. A worker then sleeps. The caller, who waits for work that is being done,
// stays awake for longer: asleep it would be woken on the processor of the worker that wakes it (see
// KeepOff).
constexpr std::chrono::microseconds kShortWait(50), kCallerWait(2000), kNoWait(0);
constexpr int kPauses = 64;  // between two looks around, a microsecond or two

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until `value` is another than `old`: awake for the time `awake`, then asleep. After a short wait
// others may have the processor, for who it waits for may need this one. Not before: where somebody else
// always has work a yield costs a time slice of his.
void WaitForChange(const std::atomic<int>& value, int old, std::chrono::microseconds awake) {
  if (awake.count() > 0) {
    const auto start = std::chrono::steady_clock::now();
    for (std::chrono::nanoseconds waited(0); waited < awake;
         waited = std::chrono::steady_clock::now() - start) {
      if (waited >= kShortWait) sched_yield();
      for (int i = 0; i < kPauses; ++i) {
        if (value.load(std::memory_order_acquire) != old) return;
        Pause();
      }
    }
  }
  value.wait(old, std::memory_order_acquire);
}

// Moves the calling thread off `processor`, for good, where the process may use others. The kernel of a
// virtual machine may take every idle processor for one that the host has lent to somebody else, and then
// wakes a worker on the processor of its caller: the two would go on in turns while the other processors
// idle.
void KeepOff(int processor) {
  cpu_set_t others;
  if (sched_getaffinity(getpid(), sizeof others, &others) != 0) return;
  CPU_CLR(processor, &others);
  sched_setaffinity(0, sizeof others, &others);  // fails where there are none
}

}  // namespace

struct ThreadPool::Worker {
  State* state = nullptr;
  int thread = 0, threads = 0;
  pthread_t handle = {};
};

struct ThreadPool::State {
  // Each on a cache line of its own: workers look at the first while others count down the second.
  alignas(64) std::atomic<int> generation = 0;  // of the call; wraps
  alignas(64) std::atomic<int> running = 0;     // workers that have not finished it
  // Written before `generation`, read after it.
  alignas(64) bool stop = false;
  int tasks = 0;
  Thunk thunk = nullptr;
  const void* body = nullptr;
  const Observer* observer = nullptr;
  int caller = -1;    // the processor that it calls from
  bool spin = false;  // false: there are more threads than processors, waiting takes one from the others
  std::vector<Worker> workers;  // those that were started

  // Thread t of T takes one contiguous range: neighbouring tasks share cache lines and packed panels.
  static void RunRange(Thunk thunk, const void* body, int tasks, int thread, int threads) {
    const int begin = static_cast<int>(int64_t{tasks} * thread / threads);
    const int end = static_cast<int>(int64_t{tasks} * (thread + 1) / threads);
    for (int task = begin; task < end; ++task) thunk(body, task, thread);
  }
  // As Run was called last.
  void RunShare(int thread, int threads) const {
    if (observer == nullptr) return RunRange(thunk, body, tasks, thread, threads);
    const auto start = std::chrono::steady_clock::now();
    RunRange(thunk, body, tasks, thread, threads);
    observer->ran(observer->state, thread, start, std::chrono::steady_clock::now());
  }

  void Announce() {
    generation.fetch_add(1, std::memory_order_release);
    generation.notify_all();
  }

  static void* Start(void* worker) {
    const auto* const self = static_cast<const Worker*>(worker);
    self->state->Work(self->thread, self->threads);
    return nullptr;
  }

  void Work(int thread, int threads) {
    for (int seen = 0;;) {
      WaitForChange(generation, seen, spin ? kShortWait : kNoWait);
      seen = generation.load(std::memory_order_acquire);
      if (stop) return;
      if (spin && sched_getcpu() == caller) KeepOff(caller);
      RunShare(thread, threads);
      if (running.fetch_sub(1, std::memory_order_release) == 1) running.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : threads_(std::max(1, threads)), state_(std::make_unique<State>()) {}

Result<std::unique_ptr<ThreadPool>> ThreadPool::Create(int threads) {
  auto pool = std::unique_ptr<ThreadPool>(new ThreadPool(threads));
  State* const state = pool->state_.get();
  state->spin = pool->threads_ <= DefaultThreads();
  // A started thread has the address of its worker.
  state->workers.reserve(static_cast<size_t>(pool->threads_ - 1));
  for (int thread = 1; thread < pool->threads_; ++thread) {
    Worker& worker = state->workers.emplace_back(Worker{state, thread, pool->threads_});
    const int error = pthread_create(&worker.handle, nullptr, State::Start, &worker);
    if (error == 0) continue;
    state->workers.pop_back();
    return Status::Error(Code::kMemory,
                         "%d threads wanted, thread %d could not be started: %s; ask for fewer (--threads)",
                         pool->threads_, thread + 1, std::strerror(error));
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  state_->stop = true;
  state_->Announce();
  for (const Worker& worker : state_->workers) pthread_join(worker.handle, nullptr);
}

void ThreadPool::Run(int tasks, Thunk thunk, const void* body) {
  State& state = *state_;
  const bool alone = threads_ == 1 || tasks <= 1;
  if (alone && state.observer == nullptr) return State::RunRange(thunk, body, tasks, 0, 1);
  state.thunk = thunk;
  state.body = body;
  state.tasks = tasks;
  if (alone) return state.RunShare(0, 1);
  state.caller = sched_getcpu();
  state.running.store(threads_ - 1, std::memory_order_relaxed);
  state.Announce();
  state.RunShare(0, threads_);
  for (int left; (left = state.running.load(std::memory_order_acquire)) != 0;)
    WaitForChange(state.running, left, state.spin ? kCallerWait : kNoWait);
}

void ThreadPool::Observe(const Observer* observer) { state_->observer = observer; }

int DefaultThreads() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace mien
