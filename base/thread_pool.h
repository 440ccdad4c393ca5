// A fixed set of threads and one way to use them: ParallelFor over task indices with a static partition.
// No work stealing and no allocation per call, so the cost is steady; an op may rely only on *which* tasks
// exist (never on who runs them), so results do not depend on the number of threads. A thread that waits stays awake
// for some tens of microseconds, then it sleeps; a worker that finds itself on the caller's processor leaves it.
#pragma once

#include <chrono>
#include <memory>

#include "base/status.h"

namespace mien {

class ThreadPool {
 public:
  // `threads` >= 1; the calling thread is one of them. kMemory: the system starts no more threads (limits of a
  // container, of address space); those that were started have ended.
  static Result<std::unique_ptr<ThreadPool>> Create(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Told by each thread what it did of every ParallelFor, and when. Between two calls; null: nobody is told.
  struct Observer {
    using Time = std::chrono::steady_clock::time_point;
    void* state = nullptr;
    void (*ran)(void* state, int thread, Time begin, Time end) = nullptr;
  };
  void Observe(const Observer* observer);

  // Calls body(task, thread) once for every task in [0, tasks), thread in [0, threads()); returns when all are done.
  // One caller at a time. Exceptions must not leave the body.
  template <class Body>
  void ParallelFor(int tasks, const Body& body) {
    Run(tasks, [](const void* b, int task, int thread) { (*static_cast<const Body*>(b))(task, thread); }, &body);
  }

 private:
  using Thunk = void (*)(const void* body, int task, int thread);
  void Run(int tasks, Thunk thunk, const void* body);
  struct State;
  struct Worker;
  explicit ThreadPool(int threads);
  int threads_;
  std::unique_ptr<State> state_;
};

int DefaultThreads();  // the processors this process may use

}  // namespace mien
