#include "kernels/fast/tile.h"

#include <bit>
#include <cmath>

namespace mien {
namespace {

// To nearest, ties away from zero, as the device does.
float RoundedToTf32(float value) {
  if (!std::isfinite(value)) return value;
  return std::bit_cast<float>((std::bit_cast<uint32_t>(value) + 0x1000u) & 0xffffe000u);
}

}  // namespace

void StoreElement(Precision precision, float value, std::byte* to) {
  if (precision == Precision::kHalf) {
    const uint16_t half = FloatToHalf(value);
    std::memcpy(to, &half, sizeof(half));
  } else {
    const float rounded = RoundedToTf32(value);
    std::memcpy(to, &rounded, sizeof(rounded));
  }
}

}  // namespace mien
