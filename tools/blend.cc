#include "tools/blend.h"

namespace mien {

void MixRows(const std::vector<bool>& rows, std::span<const float> first, std::span<const float> second,
             std::span<float> out) {
  const size_t numbers = out.size() / rows.size();
  for (size_t i = 0; i < out.size(); ++i) out[i] = rows[i / numbers] ? first[i] : second[i];
}

void Between(float t, std::span<const float> first, std::span<const float> second, std::span<float> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = (1.0f - t) * first[i] + t * second[i];
}

}  // namespace mien
