// How elementwise kernels share their work among threads: rows (planes of a feature map, rows of a latent code) are cut
// into spans of a fixed size, so that what is computed never depends on who computes it, and small calls stay on the
// calling thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/thread_pool.h"

namespace mien {

// Calls body(row, begin, end) so that every element of rows x length is covered once.
template <class Body>
void ForSpans(ThreadPool* threads, int64_t rows, int64_t length, const Body& body) {
  constexpr int64_t kLongest = 1 << 14, kShortest = 512;              // floats of a task
  const int64_t parts = (length + kLongest - 1) / kLongest;           // tasks per long row
  const int64_t group = std::max<int64_t>(1, kShortest / length);     // short rows per task
  if (parts > 1) {
    threads->ParallelFor(static_cast<int>(rows * parts), [&](int task, int) {
      const int64_t begin = task % parts * kLongest;
      body(task / parts, begin, std::min(length, begin + kLongest));
    });
  } else {
    threads->ParallelFor(static_cast<int>((rows + group - 1) / group), [&](int task, int) {
      const int64_t first = task * group;
      for (int64_t row = first; row < std::min(rows, first + group); ++row) body(row, int64_t{0}, length);
    });
  }
}

}  // namespace mien
