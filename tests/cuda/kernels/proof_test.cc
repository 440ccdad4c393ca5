// The proof kernels against double: reduction, fp16 matrix product on tensor cores, one tf32 instruction.
#include "tests/cuda/kernels/proof.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "tests/cuda/kernels/support.h"

namespace mien::simt {
namespace {

TEST_CASE("block sum") {
  const int blocks = 3;
  for (const int threads : {32, 96, 1024}) {
    for (const int length : {1, 31, 1000}) {
      GlobalArray<float> in(static_cast<size_t>(blocks * length));
      for (size_t i = 0; i < in.size(); ++i) in[i] = Value(i);
      std::vector<float> first;
      ForEachOrder([&] {
        GlobalArray<float> out(2 * blocks);
        const Status status = RunBlockSum(in.data(), out.data(), blocks, length, threads);
        REQUIRE_MESSAGE(status.ok(), std::string(status.message()));
        for (int b = 0; b < blocks; ++b) {
          double sum = 0.0, size = 0.0, squares = 0.0;
          for (int i = 0; i < length; ++i) {
            const double x = double{in[static_cast<size_t>(b * length + i)]};
            sum += x;
            size += std::fabs(x);
            squares += x * x;
          }
          const float* found = out.data() + 2 * b;
          CHECK(std::fabs(double{found[0]} - sum) <= length * 0x1p-24 * size);  // any order; false for NaN
          CHECK(std::fabs(double{found[1]} - squares) <= (length + 1) * 0x1p-24 * squares);
        }
        if (first.empty()) first.assign(out.begin(), out.end());
        CHECK(std::equal(first.begin(), first.end(), out.begin()));
      });
    }
  }
}

// |sum - exact| <= K 2^-24 sum |a b| for a float sum of K exact products in any order.
void TestGemm(int m, int n, int k) {
  CAPTURE(m);
  CAPTURE(n);
  CAPTURE(k);
  const auto size = [](int a, int b) { return static_cast<size_t>(a) * static_cast<size_t>(b); };
  GlobalArray<uint16_t> a(size(m, k)), b(size(n, k));
  for (size_t i = 0; i < a.size(); ++i) a[i] = FloatToHalf(Value(i));
  for (size_t i = 0; i < b.size(); ++i) b[i] = FloatToHalf(Value(i + 1000000));
  std::vector<float> first;
  ForEachOrder([&] {
    GlobalArray<float> c(size(m, n));
    const Status status = RunGemmHalf(a.data(), b.data(), c.data(), m, n, k);
    REQUIRE_MESSAGE(status.ok(), std::string(status.message()));
    int wrong = 0;
    for (int row = 0; row < m; ++row) {
      for (int column = 0; column < n; ++column) {
        double sum = 0.0, sizes = 0.0;
        for (int i = 0; i < k; ++i) {
          const double product = double{HalfToFloat(a[size(row, k) + static_cast<size_t>(i)])} *
                                 double{HalfToFloat(b[size(column, k) + static_cast<size_t>(i)])};
          sum += product;
          sizes += std::fabs(product);
        }
        const double error = std::fabs(double{c[size(row, n) + static_cast<size_t>(column)]} - sum);
        wrong += !(error <= k * 0x1p-24 * sizes);
      }
    }
    CHECK(wrong == 0);
    if (first.empty()) first.assign(c.begin(), c.end());
    CHECK(std::equal(first.begin(), first.end(), c.begin()));
  });
}

TEST_CASE("fp16 matrix product through cp.async, ldmatrix and mma.sync") {
  TestGemm(64, 64, 32);
  TestGemm(1, 1, 8);
  TestGemm(65, 70, 136);  // five steps through two buffers, tails in every direction
}

TEST_CASE("one tf32 instruction") {
  GlobalArray<float> a(128), b(64), c(128);
  for (size_t i = 0; i < 128; ++i) a[i] = Value(i);
  for (size_t i = 0; i < 64; ++i) b[i] = Value(i + 500);
  REQUIRE(RunMultiplyTf32(a.data(), b.data(), c.data()).ok());
  for (size_t row = 0; row < 16; ++row) {
    for (size_t column = 0; column < 8; ++column) {
      double sum = 0.0, sizes = 0.0;
      for (size_t k = 0; k < 8; ++k) {
        sum += double{a[row * 8 + k]} * double{b[k * 8 + column]};
        sizes += std::fabs(double{a[row * 8 + k]} * double{b[k * 8 + column]});
      }
      const double error = std::fabs(double{c[row * 8 + column]} - sum);
      CHECK(error <= (2 * 0x1p-11 + 8 * 0x1p-24) * sizes);  // two roundings to 11 bits
      if (row == 3 && column == 3) CHECK(error > 0.0);      // and they did happen
    }
  }
}

}  // namespace
}  // namespace mien::simt
