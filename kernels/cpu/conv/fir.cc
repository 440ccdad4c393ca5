#include "kernels/cpu/conv/fir.h"

#include <cmath>
#include <cstring>

namespace mien::gemm {
namespace {

// Splits `whole` by way of its smallest element that is not zero: exact where all are small multiples of it.
// True where the product is the filter but for the rounding of its elements.
bool Separate(Fir* fir) {
  constexpr double kRounding = 1.0 / (1 << 21);
  int row = 0, column = 0;
  double least = HUGE_VAL;
  for (int k = 0; k < 16; ++k) {
    const double size = std::abs(fir->whole[k / 4][k % 4]);
    if (size > 0 && size < least) least = size, row = k / 4, column = k % 4;
  }
  if (least == HUGE_VAL) return true;  // all zeros, as `down` and `across` are
  for (int k = 0; k < 4; ++k) {
    fir->down[k] = fir->whole[k][column] / fir->whole[row][column];
    fir->across[k] = fir->whole[row][k];
  }
  for (int k = 0; k < 16; ++k) {
    const double element = fir->whole[k / 4][k % 4], product = double{fir->down[k / 4]} * fir->across[k % 4];
    if (!(std::abs(product - element) <= kRounding * std::abs(element))) return false;
  }
  return true;
}

}  // namespace

void PackFir(const float* filter, float gain, float* packed) {
  Fir fir = {};
  for (int k = 0; k < 16; ++k) fir.whole[k / 4][k % 4] = filter[15 - k] * gain;
  fir.separable = Separate(&fir) ? 1.0f : 0.0f;
  std::memcpy(packed, &fir, sizeof fir);
}

Fir UnpackFir(const float* packed) {
  Fir fir;
  std::memcpy(&fir, packed, sizeof fir);
  return fir;
}

}  // namespace mien::gemm
