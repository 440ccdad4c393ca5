#include "kernels/tensor/tile.h"

#include "kernels/device/instructions.h"

namespace mien {

void StoreElement(Precision precision, float value, std::byte* to) {
  if (precision == Precision::kHalf) {
    const uint16_t half = FloatToHalf(value);
    std::memcpy(to, &half, sizeof(half));
  } else {
    const uint32_t rounded = RoundToTf32(value);
    std::memcpy(to, &rounded, sizeof(rounded));
  }
}

}  // namespace mien
