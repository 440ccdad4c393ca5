#include "runtime/base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

namespace mien {

namespace {

// About what it costs to put a thread to sleep and wake it again: a chain of short calls pays neither.
constexpr std::chrono::microseconds kSpinTime(50);
constexpr int kPauses = 64;  // between two looks around, a microsecond or two

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until `value` is another than `old`: awake for a short time where `spin`, then asleep. While awake it lets others
// have the processor: who it waits for may need that one.
void WaitForChange(const std::atomic<int>& value, int old, bool spin) {
  if (spin) {
    const auto end = std::chrono::steady_clock::now() + kSpinTime;
    do {
      for (int i = 0; i < kPauses; ++i) {
        if (value.load(std::memory_order_acquire) != old) return;
        Pause();
      }
      sched_yield();
    } while (std::chrono::steady_clock::now() < end);
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

struct ThreadPool::State {
  // Each on a cache line of its own: workers look at the first while others count down the second.
  alignas(64) std::atomic<int> generation = 0;  // of the call; wraps
  alignas(64) std::atomic<int> running = 0;     // workers that have not finished it
  // Written before `generation`, read after it.
  alignas(64) bool stop = false;
  int tasks = 0;
  Thunk thunk = nullptr;
  const void* body = nullptr;
  bool spin = false;  // false: there are more threads than processors, waiting takes one from the others
  std::vector<std::thread> workers;

  // Thread t of T takes one contiguous range: neighbouring tasks share cache lines and packed panels.
  static void RunRange(Thunk thunk, const void* body, int tasks, int thread, int threads) {
    const int begin = static_cast<int>(int64_t{tasks} * thread / threads);
    const int end = static_cast<int>(int64_t{tasks} * (thread + 1) / threads);
    for (int task = begin; task < end; ++task) thunk(body, task, thread);
  }

  void Announce() {
    generation.fetch_add(1, std::memory_order_release);
    generation.notify_all();
  }

  void Work(int thread, int threads) {
    for (int seen = 0;;) {
      WaitForChange(generation, seen, spin);
      seen = generation.load(std::memory_order_acquire);
      if (stop) return;
      RunRange(thunk, body, tasks, thread, threads);
      if (running.fetch_sub(1, std::memory_order_acq_rel) == 1) running.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : threads_(std::max(1, threads)), state_(std::make_unique<State>()) {
  state_->spin = threads_ <= DefaultThreads();
  for (int t = 1; t < threads_; ++t) {
    state_->workers.emplace_back([state = state_.get(), t, n = threads_] { state->Work(t, n); });
  }
}

ThreadPool::~ThreadPool() {
  state_->stop = true;
  state_->Announce();
  for (auto& worker : state_->workers) worker.join();
}

void ThreadPool::Run(int tasks, Thunk thunk, const void* body) {
  if (threads_ == 1 || tasks <= 1) {
    State::RunRange(thunk, body, tasks, 0, 1);
    return;
  }
  State& state = *state_;
  state.thunk = thunk;
  state.body = body;
  state.tasks = tasks;
  state.running.store(threads_ - 1, std::memory_order_relaxed);
  state.Announce();
  State::RunRange(thunk, body, tasks, 0, threads_);
  for (int left; (left = state.running.load(std::memory_order_acquire)) != 0;)
    WaitForChange(state.running, left, state.spin);
}

int DefaultThreads() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace mien
