#include "runtime/base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace mien {

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable wake, done;
  uint64_t generation = 0;
  int running = 0;
  bool stop = false;
  int tasks = 0;
  Thunk thunk = nullptr;
  const void* body = nullptr;
  std::vector<std::thread> workers;

  // Thread t of T takes one contiguous range: neighbouring tasks share cache lines and packed panels.
  static void RunRange(Thunk thunk, const void* body, int tasks, int thread, int threads) {
    const int begin = static_cast<int>(int64_t{tasks} * thread / threads);
    const int end = static_cast<int>(int64_t{tasks} * (thread + 1) / threads);
    for (int task = begin; task < end; ++task) thunk(body, task, thread);
  }

  void Work(int thread, int threads) {
    uint64_t seen = 0;
    for (;;) {
      std::unique_lock lock(mutex);
      wake.wait(lock, [&] { return stop || generation != seen; });
      if (stop) return;
      seen = generation;
      const Thunk call = thunk;
      const void* argument = body;
      const int count = tasks;
      lock.unlock();
      RunRange(call, argument, count, thread, threads);
      lock.lock();
      if (--running == 0) done.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : threads_(std::max(1, threads)), state_(std::make_unique<State>()) {
  for (int t = 1; t < threads_; ++t) {
    state_->workers.emplace_back([state = state_.get(), t, n = threads_] { state->Work(t, n); });
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
  for (auto& worker : state_->workers) worker.join();
}

void ThreadPool::Run(int tasks, Thunk thunk, const void* body) {
  if (threads_ == 1 || tasks <= 1) {
    State::RunRange(thunk, body, tasks, 0, 1);
    return;
  }
  {
    std::lock_guard lock(state_->mutex);
    state_->thunk = thunk;
    state_->body = body;
    state_->tasks = tasks;
    state_->running = threads_ - 1;
    ++state_->generation;
  }
  state_->wake.notify_all();
  State::RunRange(thunk, body, tasks, 0, threads_);
  std::unique_lock lock(state_->mutex);
  state_->done.wait(lock, [&] { return state_->running == 0; });
}

int DefaultThreads() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace mien
