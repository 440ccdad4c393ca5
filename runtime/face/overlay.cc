#include "runtime/face/overlay.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace mien {
namespace {

using Colour = std::array<uint8_t, 3>;
constexpr Colour kQuadColour = {255, 200, 0}, kPointColour = {0, 230, 80};

void DrawDot(Image* photo, Point centre, int radius, Colour colour) {
  if (!(std::fabs(centre.x) < kMaxImageSide && std::fabs(centre.y) < kMaxImageSide)) return;
  const int x = static_cast<int>(std::lround(centre.x)), y = static_cast<int>(std::lround(centre.y));
  for (int row = std::max(y - radius, 0); row <= std::min(y + radius, photo->height - 1); ++row) {
    for (int column = std::max(x - radius, 0); column <= std::min(x + radius, photo->width - 1); ++column) {
      const int dx = column - x, dy = row - y;
      if (dx * dx + dy * dy <= radius * radius) std::copy(colour.begin(), colour.end(), photo->row(row) + 3 * column);
    }
  }
}

// A dot at every pixel of the way. Of a line that is longer than pictures are only parts may be seen; it is drawn in
// as many steps as would cross the largest picture.
void DrawLine(Image* photo, Point from, Point to, int radius, Colour colour) {
  const double length = std::hypot(to.x - from.x, to.y - from.y);
  const int steps = static_cast<int>(std::min(std::ceil(length), 4.0 * kMaxImageSide)) + 1;
  for (int i = 0; i <= steps; ++i) {
    const double part = static_cast<double>(i) / steps;
    DrawDot(photo, {from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part}, radius, colour);
  }
}

}  // namespace

void DrawFace(Image* photo, const Quad& quad, const Landmarks& landmarks) {
  photo->full = {};  // it is drawn on the 8 bits alone
  const int line = std::max(photo->width, photo->height) / 1000;
  const std::array<Point, 4> corners = {quad.nw, quad.ne, quad.se, quad.sw};
  for (size_t i = 0; i < corners.size(); ++i) DrawLine(photo, corners[i], corners[(i + 1) % 4], line, kQuadColour);
  for (const Point& point : landmarks) DrawDot(photo, point, line + 1, kPointColour);
}

}  // namespace mien
