#include "runtime/face/face_input.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace mien {
namespace {

// Two neighbours of a position along one axis; -1: there is no pixel but black.
struct Neighbours {
  int first = 0, second = 0;
  float share = 0.0f;  // of the second
};

// The positions of `size` pixels in a square of `side`, of which `length` from `begin` on are the part.
std::vector<Neighbours> NeighboursOf(int size, int side, int begin, int length) {
  const auto pixel = [&](int at) { return at >= begin && at < begin + length ? at - begin : -1; };
  std::vector<Neighbours> all(static_cast<size_t>(size));
  for (int i = 0; i < size; ++i) {
    const double at = i * (static_cast<double>(side) / size);
    const int low = static_cast<int>(at), high = std::min(low + 1, side - 1);
    all[static_cast<size_t>(i)] = {pixel(low), pixel(high), static_cast<float>(at - low)};
  }
  return all;
}

}  // namespace

void ToSquare(const Image& photo, const Part& part, InSquare place, int size, const FaceScale& scale,
              std::span<float> out) {
  const int side = std::max(part.width, part.height);
  // What is odd of the border goes to the right and below.
  const auto begin = [&](int length) { return place == InSquare::kMiddle ? (side - length) / 2 : 0; };
  const std::vector<Neighbours> columns = NeighboursOf(size, side, begin(part.width), part.width);
  const std::vector<Neighbours> rows = NeighboursOf(size, side, begin(part.height), part.height);
  const size_t plane = static_cast<size_t>(size) * static_cast<size_t>(size);
  float* to = out.data();
  for (const Neighbours& row : rows) {
    const auto line = [&](int y) {
      return y < 0 ? nullptr : photo.row(part.y + y) + size_t{3} * static_cast<size_t>(part.x);
    };
    const uint8_t* const lines[] = {line(row.first), line(row.second)};
    for (const Neighbours& column : columns) {
      for (size_t channel = 0; channel < 3; ++channel) {
        const auto value = [&](const uint8_t* pixels, int x) {
          return pixels == nullptr || x < 0 ? 0.0f
                                            : static_cast<float>(pixels[size_t{3} * static_cast<size_t>(x) + channel]);
        };
        const auto across = [&](const uint8_t* pixels) {
          const float first = value(pixels, column.first);
          return first + (value(pixels, column.second) - first) * column.share;
        };
        const float upper = across(lines[0]);
        const float mixed = upper + (across(lines[1]) - upper) * row.share;
        to[channel * plane] = (mixed - scale.mean[channel]) / scale.divisor;
      }
      ++to;
    }
  }
}

}  // namespace mien
