// Sums of many floats in double: eight lanes, then a fixed tree, so that the order depends on the length alone and the
// compiler can keep the lanes in vector registers.
#pragma once

#include <cstdint>

namespace mien {

template <class Term>
double SumOf(int64_t count, const Term& term) {
  double lane[8] = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (int64_t l = 0; l < 8; ++l) lane[l] += term(i + l);
  }
  for (; i < count; ++i) lane[i % 8] += term(i);
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

inline double Sum(const float* x, int64_t count) {
  return SumOf(count, [x](int64_t i) { return double{x[i]}; });
}

inline double SumOfSquares(const float* x, int64_t count) {
  return SumOf(count, [x](int64_t i) { return double{x[i]} * x[i]; });
}

}  // namespace mien
