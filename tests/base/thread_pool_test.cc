// The thread pool: every task exactly once, whatever the number of threads, again and again.
#include "base/thread_pool.h"

#include <doctest/doctest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

namespace mien {
namespace {

std::unique_ptr<ThreadPool> Pool(int threads) {
  auto pool = ThreadPool::Create(threads);
  REQUIRE_MESSAGE(pool.ok(), pool.status().message());
  return std::move(*pool);
}

TEST_CASE("each task runs exactly once, on a thread of the pool, and the pool is reusable") {
  for (int threads : {1, 2, 3, 7, 16}) {
    CAPTURE(threads);
    const auto pool = Pool(threads);
    CHECK(pool->threads() == threads);
    for (int round = 0; round < 20; ++round) {
      for (int tasks : {0, 1, 2, 3, 5, 16, 17, 1000}) {
        CAPTURE(tasks);
        std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
        std::atomic<int> strangers = 0;
        pool->ParallelFor(tasks, [&](int task, int thread) {
          ++runs[static_cast<size_t>(task)];
          if (thread < 0 || thread >= threads) ++strangers;
        });
        int wrong = 0;
        for (const auto& count : runs) wrong += count != 1;
        CHECK(wrong == 0);
        CHECK(strangers == 0);
      }
    }
  }
}

TEST_CASE("what tasks wrote is seen by the caller, and a thread's scratch is its own") {
  const auto pool = Pool(4);
  std::vector<int> out(4096), scratch(4);
  for (int round = 1; round <= 200; ++round) {
    pool->ParallelFor(static_cast<int>(out.size()), [&](int task, int thread) {
      scratch[static_cast<size_t>(thread)] = task;  // a data race if two threads shared a number
      out[static_cast<size_t>(task)] = scratch[static_cast<size_t>(thread)] * round;
    });
    int wrong = 0;
    for (size_t i = 0; i < out.size(); ++i) wrong += out[i] != static_cast<int>(i) * round;
    REQUIRE(wrong == 0);
  }
}

TEST_CASE("a worker leaves the processor of its caller, also when the caller has moved there") {
  cpu_set_t all;
  REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
  if (CPU_COUNT(&all) < 2) {
    MESSAGE("one processor here");
    return;
  }
  // On a thread of its own, which may bind itself.
  std::thread([] {
    const auto pool = Pool(2);
    for (int move = 0; move < 6; ++move) {
      int processor = -1;  // of the worker
      const auto call = [&] {
        pool->ParallelFor(2, [&](int, int thread) {
          if (thread == 1) processor = sched_getcpu();
        });
      };
      call();
      std::this_thread::sleep_for(std::chrono::milliseconds(move % 2));  // asleep or awake
      const int chosen = processor;
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(chosen, &one);
      REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
      for (int again = 0; again < 20; ++again) {
        call();
        CHECK(processor != chosen);
      }
    }
  }).join();
}

TEST_CASE("a call waits for its slowest task, longer than anybody stays awake") {
  const auto pool = Pool(2);
  for (const int slow : {0, 1}) {
    int finished = 0;
    for (int round = 0; round < 5; ++round) {
      std::atomic<int> done = 0;
      pool->ParallelFor(2, [&](int, int thread) {
        if (thread == slow) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        ++done;
      });
      finished += done;
    }
    CHECK(finished == 10);
  }
}

TEST_CASE("a pool that waits sleeps: it takes no processor time") {
  const auto pool = Pool(DefaultThreads());
  pool->ParallelFor(1000, [](int, int) {});
  const std::clock_t before = std::clock();  // of all threads of the process
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC < 0.02);
}

TEST_CASE("many pools come and go; nonsense numbers of threads mean one") {
  for (int i = 0; i < 100; ++i) {
    const auto pool = Pool(1 + i % 5);
    std::atomic<int> sum = 0;
    if (i % 2 == 0) pool->ParallelFor(10, [&](int task, int) { sum += task; });
    CHECK(sum == (i % 2 == 0 ? 45 : 0));
  }
  CHECK(Pool(0)->threads() == 1);
  CHECK(Pool(-3)->threads() == 1);
  CHECK(DefaultThreads() >= 1);
}

}  // namespace
}  // namespace mien
