// Two faces in one: rows of w_plus from either, or steps on the straight line between them.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace mien {

// out [L,D]: the chosen rows from `first`, the others from `second`.
void MixRows(const std::vector<bool>& rows, std::span<const float> first, std::span<const float> second,
             std::span<float> out);
// out = (1 - t) first + t second; the bits of `first` for t = 0 and of `second` for t = 1.
void Between(float t, std::span<const float> first, std::span<const float> second, std::span<float> out);

}  // namespace mien
