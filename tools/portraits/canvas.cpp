#include "canvas.h"

#include <algorithm>

#include "light.h"

namespace portraits {
namespace {

constexpr float kSharp = .75f;  // decimetres behind the eyes that are in focus
constexpr float kFarthest = 3;  // what lies farther is as blurred as this

struct Pixel {
  Color color;
  float radius;  // of the circle of confusion, pixels
};

// Every pixel takes in the neighbours that blur as far as it, and those that do not cover it: light of sharp
// things stays where it is, and nothing blurred is spread over something sharp before it.
Color out_of_focus(const std::vector<Pixel>& pixels, int width, int height, int x, int y) {
  const Pixel& own = pixels[size_t(y) * width + x];
  const int reach = int(own.radius + .999f);
  if (own.radius < .1f) return own.color;
  Color sum{};
  float weight = 0;
  for (int v = std::max(0, y - reach); v <= std::min(height - 1, y + reach); ++v)
    for (int u = std::max(0, x - reach); u <= std::min(width - 1, x + reach); ++u) {
      const Pixel& other = pixels[size_t(v) * width + u];
      const float away = sqrt(float((u - x) * (u - x) + (v - y) * (v - y)));
      const float w = unit(min(own.radius, other.radius) - away + 1);
      sum = sum + other.color * w;
      weight += w;
    }
  return sum * (1 / weight);
}

}  // namespace

Picture empty_picture(int width, int height) {
  const size_t count = size_t(width) * height;
  return {width, height, std::vector<uint8_t>(count * 3), std::vector<uint8_t>(count)};
}

Canvas::Canvas(int pixels_wide, int pixels_high)
    : width(pixels_wide * kSamples),
      height(pixels_high * kSamples),
      color(size_t(width) * height),
      face(color.size()),
      behind(color.size(), kFarthest) {}

size_t Canvas::sample(int x, int y, int k) const {
  return size_t(kSamples * y + k / kSamples) * width + kSamples * x + k % kSamples;
}

void develop(const Canvas& canvas, int left, int top, float blur, Picture& picture) {
  const int width = canvas.width / Canvas::kSamples, height = canvas.height / Canvas::kSamples;
  constexpr int kCount = Canvas::kSamples * Canvas::kSamples;
  std::vector<Pixel> pixels(size_t(width) * height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      Color sum{};
      float share = 0, behind = 0;
      for (int k = 0; k < kCount; ++k) {
        const size_t at = canvas.sample(x, y, k);
        sum = sum + canvas.color[at];
        share += canvas.face[at];
        behind += min(canvas.behind[at], kFarthest);
      }
      pixels[size_t(y) * width + x] = {sum * (1.0f / kCount), blur * max(behind / kCount - kSharp, 0.0f)};
      picture.face[size_t(top + y) * picture.width + left + x] = uint8_t(share / kCount * 255 + .5f);
    }
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const Color c = develop(out_of_focus(pixels, width, height, x, y));
      uint8_t* out = &picture.pixels[3 * (size_t(top + y) * picture.width + left + x)];
      out[0] = uint8_t(255 * c.x + .5f);
      out[1] = uint8_t(255 * c.y + .5f);
      out[2] = uint8_t(255 * c.z + .5f);
    }
}

}  // namespace portraits
