// The matrix product's share of the machine's peak:   gemm_bench [ROUNDS]
// A loop of independent multiply-adds in registers gives the peak, in turn with the product at the sizes of
// real layers; thread CPU time, medians of the rounds' ratios, so that a busy machine disturbs both alike.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/peak.h"
#include "kernels/cpu/rows.h"

namespace mien {
namespace {

double ThreadSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// GFLOP/s of something that returns its multiply-adds.
template <class Work>
double Rate(const Work& work) {
  const double start = ThreadSeconds();
  const int64_t multiply_adds = work();
  return 2e-9 * static_cast<double>(multiply_adds) / (ThreadSeconds() - start);
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

struct Size {
  const char* name;
  int64_t rows, depth, tiles;
};

// Of `product`, which returns its multiply-adds.
template <class Product>
void Measure(const char* name, int rounds, const Product& product) {
  std::vector<double> peaks, rates, shares;
  for (int round = 0; round < rounds; ++round) {
    peaks.push_back(Rate([&] { return ChainsOfMultiplyAdds(int64_t{1} << 22); }));
    rates.push_back(Rate(product));
    shares.push_back(rates.back() / peaks.back());
  }
  std::printf("%-28s %7.1f GFLOP/s of %7.1f, %5.1f %%\n", name, Median(rates), Median(peaks),
              100 * Median(shares));
}

void MeasurePanels(const Size& size, int rounds) {
  const gemm::Panels panels(size.rows);
  std::vector<float> a(static_cast<size_t>(size.rows * size.depth), 0.5f);
  std::vector<float> b(static_cast<size_t>(size.tiles * (size.depth + 1) * gemm::kTile), 0.25f);
  std::vector<float> c(static_cast<size_t>(size.rows * size.tiles * gemm::kTile));
  Measure(size.name, rounds, [&] {
    const int64_t one = size.rows * size.depth * size.tiles * gemm::kTile,
                  times = std::max<int64_t>(1, (int64_t{1} << 28) / one);
    for (int64_t k = 0; k < times; ++k) {
      gemm::Multiply(panels, {.depth = size.depth,
                              .a = a.data(),
                              .panel_begin = 0,
                              .panel_end = panels.count,
                              .b = b.data(),
                              .b_tile_stride = (size.depth + 1) * gemm::kTile,
                              .tiles = size.tiles,
                              .c = c.data(),
                              .c_stride = size.tiles * gemm::kTile,
                              .accumulate = false});
    }
    return one * times;
  });
}

// The product of `linear`, tile after tile.
void MeasureRows(const Size& size, int rounds) {
  std::vector<float> x(static_cast<size_t>(size.rows * size.depth), 0.5f);
  std::vector<float> w(static_cast<size_t>(size.tiles * size.depth * gemm::kTile), 0.25f);
  std::vector<float> y(static_cast<size_t>(size.rows * gemm::kTile));
  Measure(size.name, rounds, [&] {
    const int64_t one = size.rows * size.depth * size.tiles * gemm::kTile,
                  times = std::max<int64_t>(1, (int64_t{1} << 28) / one);
    for (int64_t k = 0; k < times * size.tiles; ++k) {
      const float* tile = w.data() + k % size.tiles * size.depth * gemm::kTile;
      gemm::MultiplyRows(
          {.rows = size.rows,
           .depth = size.depth,
           .x = x.data(),
           .x_stride = size.depth,
           .tile = tile,
           .next = k % size.tiles + 1 < size.tiles ? tile + size.depth * gemm::kTile : w.data(),
           .y = y.data(),
           .y_stride = gemm::kTile});
    }
    return one * times;
  });
}

}  // namespace
}  // namespace mien

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 15;
  for (const mien::Size& size : {mien::Size{"96 rows, depth 256", 96, 256, 2},
                                 {"512 rows, depth 256", 512, 256, 8},
                                 {"96 rows, depth 128", 96, 128, 2},
                                 {"64 rows, depth 64", 64, 64, 4},
                                 {"32 rows, depth 32", 32, 32, 4},
                                 {"32 rows, depth 252", 32, 252, 8}}) {
    mien::MeasurePanels(size, rounds);
  }
  for (const mien::Size& size : {mien::Size{"18 rows x 512, 1 MB", 18, 512, 32},
                                 {"9 rows x 512, 1 MB", 9, 512, 32},
                                 {"90 rows x 512, 1 MB", 90, 512, 32},
                                 {"18 rows x 512, 64 MB", 18, 512, 2048},
                                 {"9 rows x 512, 64 MB", 9, 512, 2048},
                                 {"1 row x 512, 1 MB", 1, 512, 32}}) {
    mien::MeasureRows(size, rounds);
  }
}
