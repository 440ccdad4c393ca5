// Checked size arithmetic: the only place where sizes that come from a file, a user or a shape are
// multiplied, added or rounded up. An overflow is an error value, never a wrapped number.
#pragma once

#include <cstdint>
#include <optional>

namespace mien {

inline std::optional<uint64_t> CheckedMul(uint64_t a, uint64_t b) {
  uint64_t product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

inline std::optional<uint64_t> CheckedAdd(uint64_t a, uint64_t b) {
  uint64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

// Rounds up to a multiple of `alignment` (a power of two).
inline std::optional<uint64_t> CheckedAlignUp(uint64_t value, uint64_t alignment) {
  auto padded = CheckedAdd(value, alignment - 1);
  if (!padded) return std::nullopt;
  return *padded & ~(alignment - 1);
}

}  // namespace mien
