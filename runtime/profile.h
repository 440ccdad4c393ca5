// What ran when: the steps of programs and the share of each thread, for a picture of where time goes. Engines whose
// options name a profile add to it; without one a step costs a comparison more.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "graph/lowering/executable.h"

namespace mien {

class Profile {
 public:
  using Clock = std::chrono::steady_clock;
  // What a step is, once for all its runs.
  struct Label {
    std::string program, layer, op;
    std::string shapes;                    // "[1,512,4,4] -> [1,512,8,8]"; empty where the step does not say
    int64_t multiply_adds = 0, bytes = 0;  // executed products; operands read once, results written once
  };
  static constexpr int kSteps = 0, kDevice = -1;  // else a thread's number from 1 on
  struct Span {
    int32_t label = 0, track = kSteps;
    RowRange rows;               // {0, 0}: all
    int64_t begin = 0, end = 0;  // nanoseconds since the profile was made
  };

  Profile();

  // Before anything runs: labels of all calls (returns the first one's number), tracks for so many threads.
  int AddLabels(const Executable& executable);
  void PrepareThreads(int threads);
  // To be told of the shares of a pool's threads.
  const ThreadPool::Observer& observer() const { return observer_; }

  // Of the thread that runs programs, one after the other: what it does from now on until End. On a device the step
  // is only sent to it meanwhile.
  void Begin(int label, RowRange rows);
  void End();
  // What a device says afterwards of a step that ended `end_ms` after `start` and took `took_ms`.
  void AddOnDevice(int label, Clock::time_point start, double end_ms, double took_ms);

  const std::vector<Label>& labels() const { return labels_; }
  std::vector<Span> Spans() const;  // in the order of their beginning
  int64_t left_out() const;         // spans beyond what is kept of a track

 private:
  struct Track {
    std::vector<Span> spans;
    int64_t left_out = 0;
    void Add(const Span& span);
  };
  int64_t Nanoseconds(Clock::time_point time) const;

  const Clock::time_point start_;
  ThreadPool::Observer observer_;
  std::vector<Label> labels_;
  Track steps_, device_;
  std::vector<std::unique_ptr<Track>> threads_;
  Span current_;  // read by the threads of a pool, whose work begins after it is set
  bool running_ = false;
};

}  // namespace mien
