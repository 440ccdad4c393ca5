#include "kernels/case.h"

#include <cmath>
#include <numeric>
#include <utility>

#include "base/split_mix.h"

namespace mien {
namespace {

uint64_t Mix(uint64_t counter) { return SplitMix(counter * kSplitMixStep); }
double Unit(uint64_t counter) { return (static_cast<double>(Mix(counter) >> 11) + 0.5) * 0x1p-53; }  // (0, 1)

}  // namespace

void FillValues(const Fill& fill, uint64_t seed, int input, std::span<float> out) {
  const uint64_t base = Mix(seed * 64 + static_cast<uint64_t>(input) + 1);
  if (fill.kind == Fill::Kind::kIndices) {
    std::vector<float> numbers(static_cast<size_t>(fill.high));
    std::iota(numbers.begin(), numbers.end(), 0.0f);
    for (size_t i = 0; i < out.size(); ++i) {
      std::swap(numbers[i], numbers[i + Mix(base + i) % (numbers.size() - i)]);
      out[i] = numbers[i];
    }
    return;
  }
  const auto normal = [&](size_t i) {  // Box-Muller
    const double u = Unit(base + 2 * i), angle = 6.283185307179586 * Unit(base + 2 * i + 1);
    return fill.low + fill.high * std::sqrt(-2.0 * std::log(u)) * std::cos(angle);
  };
  const auto side = static_cast<size_t>(std::sqrt(static_cast<double>(out.size())));
  for (size_t i = 0; i < out.size(); ++i) {
    if (fill.kind == Fill::Kind::kUniform) {
      out[i] = static_cast<float>(fill.low + (fill.high - fill.low) * Unit(base + 2 * i));
    } else if (fill.kind == Fill::Kind::kOuter) {
      out[i] = static_cast<float>(normal(i / side) * normal(side + i % side));
    } else {
      out[i] = static_cast<float>(normal(i));
    }
  }
}

}  // namespace mien
