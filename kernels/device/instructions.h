// What the instructions behind ptx.cuh answer, as plain functions of the registers of a whole warp: the
// bodies of the wrappers on the host runner (kernels/device/simt), and what selftest expects of a device
// (kernels/executor/instruction_probes.h).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/tensor.h"
#include "kernels/device/fragment.h"

namespace mien {

constexpr int kLanes = 32;

// cvt.rna.tf32: to nearest, ties away from zero. What is not finite stays as it is.
inline uint32_t RoundToTf32(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return std::isfinite(value) ? (bits + 0x1000u) & 0xffffe000u : bits;
}

// cp.async: the first `valid` of `bytes` bytes, and zeros.
inline void CopyOrZero(void* to, const void* from, int bytes, int valid) {
  std::memcpy(to, from, static_cast<size_t>(valid));
  std::memset(static_cast<std::byte*>(to) + valid, 0, static_cast<size_t>(bytes - valid));
}

// redux of two lanes.
enum class Reduction : uint8_t { kAdd, kMin, kMax, kAnd, kOr };  // of unsigned numbers, kMin/kMax also signed
inline uint32_t Reduce(uint32_t a, uint32_t b, Reduction reduction, bool is_signed) {
  const bool less = is_signed ? static_cast<int32_t>(a) < static_cast<int32_t>(b) : a < b;
  switch (reduction) {
    case Reduction::kAdd:
      return a + b;
    case Reduction::kMin:
      return less ? a : b;
    case Reduction::kMax:
      return less ? b : a;
    case Reduction::kAnd:
      return a & b;
    case Reduction::kOr:
      return a | b;
  }
  return 0;
}

// ldmatrix: lane 8 m + r brings row r of matrix m.
struct MatrixLane {
  const void* row;
  uint32_t* registers;  // one per matrix
};
inline void LoadMatrixTiles(const MatrixLane (&lanes)[kLanes], int count, bool transposed) {
  for (int m = 0; m < count; ++m) {
    uint16_t matrix[8][8];
    for (int row = 0; row < 8; ++row) std::memcpy(matrix[row], lanes[m * 8 + row].row, sizeof(matrix[row]));
    for (int lane = 0; lane < kLanes; ++lane) {
      const int a = lane / 4, b = lane % 4 * 2;
      const uint16_t low = transposed ? matrix[b][a] : matrix[a][b];
      const uint16_t high = transposed ? matrix[b + 1][a] : matrix[a][b + 1];
      lanes[lane].registers[m] = uint32_t{high} << 16 | low;
    }
  }
}

// mma: d = c + a b. Fragments: fragment.h.
struct MultiplyLane {
  float* d;
  const uint32_t *a, *b;
  const float* c;
};

// Both factors as matrices.
template <int kDepth>
struct Factors {
  float a[16][kDepth], b[kDepth][8];
};

inline float HalfOf(uint32_t pair, int i) {
  static const std::vector<float> table = [] {
    std::vector<float> values(65536);
    for (uint32_t bits = 0; bits < 65536; ++bits) values[bits] = HalfToFloat(static_cast<uint16_t>(bits));
    return values;
  }();
  return table[pair >> 16 * i & 0xffffu];
}

inline Factors<16> HalfFactors(const MultiplyLane (&lanes)[kLanes]) {
  Factors<16> factors;
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int i = 0; i < 8; ++i) {
      const Element at = FragmentAHalf(lane, i);
      factors.a[at.row][at.column] = HalfOf(lanes[lane].a[i / 2], i % 2);
    }
    for (int i = 0; i < 4; ++i) {
      const Element at = FragmentBHalf(lane, i);
      factors.b[at.row][at.column] = HalfOf(lanes[lane].b[i / 2], i % 2);
    }
  }
  return factors;
}

// The 13 low bits of an operand do not count.
inline Factors<8> Tf32Factors(const MultiplyLane (&lanes)[kLanes]) {
  const auto number = [](uint32_t bits) { return std::bit_cast<float>(bits & 0xffffe000u); };
  Factors<8> factors;
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const Element at = FragmentATf32(lane, i);
      factors.a[at.row][at.column] = number(lanes[lane].a[i]);
    }
    for (int i = 0; i < 2; ++i) {
      const Element at = FragmentBTf32(lane, i);
      factors.b[at.row][at.column] = number(lanes[lane].b[i]);
    }
  }
  return factors;
}

// Exact products, float sums in the order of k.
template <int kDepth>
void MultiplyTiles(const Factors<kDepth>& factors, const MultiplyLane (&lanes)[kLanes]) {
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const Element at = FragmentC(lane, i);
      float sum = lanes[lane].c[i];
      for (int k = 0; k < kDepth; ++k) sum += factors.a[at.row][k] * factors.b[k][at.column];
      lanes[lane].d[i] = sum;
    }
  }
}

}  // namespace mien
