// Numbers in host memory as cuBLAS and cuDNN store them; and how a test tells a library to misbehave.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/device/instructions.h"
#include "runtime/check/rivals_abi.h"

extern "C" {
// 0: as documented; 1: wrong numbers; 2: what computes fails with 8; 3: no handle can be made, with 1.
extern int fake_mode;
extern void* fake_stream;
}

namespace mien {

constexpr bool IsElementType(int type) { return type == kRivalFloat || type == kRivalHalf; }

// `tf32`: what a tensor core takes of a float.
inline double Element(const void* data, int type, int64_t i, bool tf32) {
  if (type == kRivalHalf) return HalfToFloat(static_cast<const uint16_t*>(data)[i]);
  const float value = static_cast<const float*>(data)[i];
  return tf32 ? std::bit_cast<float>(RoundToTf32(value)) : value;
}

inline void SetElement(void* data, int type, int64_t i, double value) {
  const auto number = static_cast<float>(fake_mode == 1 ? value + 0.5 : value);
  if (type == kRivalHalf)
    static_cast<uint16_t*>(data)[i] = FloatToHalf(number);
  else
    static_cast<float*>(data)[i] = number;
}

}  // namespace mien
