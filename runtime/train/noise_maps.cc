#include "runtime/train/noise_maps.h"

#include <cmath>
#include <vector>

namespace mien {
namespace {

using Doubles = std::vector<double>;

// One size: its value, and the derivative of `weight` times it.
double AtSize(const Doubles& map, int64_t side, double weight, Doubles* gradient) {
  const auto count = static_cast<int64_t>(map.size()), plane = side * side;
  const auto left = [&](int64_t i) { return i % side == 0 ? i + side - 1 : i - 1; };
  const auto above = [&](int64_t i) { return i % plane < side ? i + plane - side : i - side; };
  double across = 0, down = 0;
  for (int64_t i = 0; i < count; ++i) {
    across += map[i] * map[left(i)];
    down += map[i] * map[above(i)];
  }
  const auto numbers = static_cast<double>(count);
  across /= numbers;
  down /= numbers;
  const double by_across = 2 * weight * across / numbers, by_down = 2 * weight * down / numbers;
  for (int64_t i = 0; i < count; ++i) {
    (*gradient)[i] += by_across * map[left(i)] + by_down * map[above(i)];
    (*gradient)[left(i)] += by_across * map[i];
    (*gradient)[above(i)] += by_down * map[i];
  }
  return across * across + down * down;
}

// Of this size and all smaller ones.
double FromSize(const Doubles& map, int64_t side, double weight, Doubles* gradient) {
  double value = AtSize(map, side, weight, gradient);
  if (side <= 8) return value;
  const int64_t half = side / 2;
  Doubles smaller(map.size() / 4), by_smaller(map.size() / 4, 0.0);
  const auto first = [&](int64_t i) {  // of the four that become number i
    return i / (half * half) * side * side + i / half % half * 2 * side + i % half * 2;
  };
  for (size_t i = 0; i < smaller.size(); ++i) {
    const double* const four = map.data() + first(static_cast<int64_t>(i));
    smaller[i] = (four[0] + four[1] + four[side] + four[side + 1]) / 4;
  }
  value += FromSize(smaller, half, weight, &by_smaller);
  for (size_t i = 0; i < smaller.size(); ++i) {
    double* const four = gradient->data() + first(static_cast<int64_t>(i));
    for (const int64_t at : {int64_t{0}, int64_t{1}, side, side + 1}) four[at] += by_smaller[i] / 4;
  }
  return value;
}

}  // namespace

double NoiseAutocorrelation(std::span<const float> map, int64_t side, double weight, std::span<float> gradient) {
  const Doubles numbers(map.begin(), map.end());
  Doubles derivative(map.size(), 0.0);
  const double value = FromSize(numbers, side, weight, &derivative);
  for (size_t i = 0; i < map.size(); ++i) gradient[i] += static_cast<float>(derivative[i]);
  return value;
}

void NormaliseNoise(std::span<float> map) {
  double sum = 0, squares = 0;
  for (const float x : map) sum += x;
  const double mean = sum / static_cast<double>(map.size());
  for (const float x : map) squares += (x - mean) * (x - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(map.size() - 1));
  for (float& x : map) x = static_cast<float>((x - mean) / deviation);
}

}  // namespace mien
