// Noise maps that are learnt (networks.md, "Inversion"; arXiv:1912.04958, section 5.2): what keeps a picture from being
// written into them, and their normalisation after every step.
#pragma once

#include <cstdint>
#include <span>

namespace mien {

// Squared means of products with the neighbour to the left and above (around the edges), at the map's size, half of it
// and so on, as long as the side is above 8 and once more. `map`: [images, side, side]. `weight` times its derivative
// is added to `gradient`.
double NoiseAutocorrelation(std::span<const float> map, int64_t side, double weight, std::span<float> gradient);

// To a mean of 0 and a deviation of 1 (over N - 1).
void NormaliseNoise(std::span<float> map);

}  // namespace mien
