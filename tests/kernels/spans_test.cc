// Spans cover every element once, whatever the lengths, in tasks of bounded size.
#include "kernels/cpu/spans.h"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <vector>

namespace mien {
namespace {

TEST_CASE("spans cover every element of every row once") {
  const auto pool = std::move(*ThreadPool::Create(3));
  for (const int64_t rows : {1, 2, 7, 1000}) {
    for (const int64_t length : {1, 3, 511, 512, 513, 16383, 16384, 16385, 16387, 16641, 40001}) {
      if (rows * length > 300'000) continue;
      CAPTURE(rows);
      CAPTURE(length);
      std::vector<int> times(static_cast<size_t>(rows * length));
      std::atomic<int64_t> wrong = 0;
      ForSpans(pool.get(), rows, length, [&](int64_t row, int64_t begin, int64_t end) {
        wrong += row < 0 || row >= rows || begin < 0 || begin >= end || end > length || end - begin > 1 << 14;
        for (int64_t i = begin; i < end && wrong == 0; ++i) ++times[static_cast<size_t>(row * length + i)];
      });
      CHECK(wrong == 0);
      CHECK(times == std::vector<int>(times.size(), 1));
    }
  }
}

}  // namespace
}  // namespace mien
