#include "runtime/face/full_pixels.h"

#include <algorithm>
#include <limits>

namespace mien {
namespace {

// libpng's png_set_scale_16: the nearest of 256 levels.
uint8_t Level(uint16_t sample) { return static_cast<uint8_t>((unsigned{sample} * 255 + 32895) >> 16); }
uint8_t Level(uint8_t sample) { return sample; }

template <class Sample>
void RgbOf(const Sample* from, int channels, std::span<uint8_t> rgb) {
  for (size_t i = 0; i < rgb.size(); i += 3, from += channels) {
    for (size_t c = 0; c < 3; ++c) rgb[i + c] = Level(from[c]);
    if (channels == 3) continue;
    const unsigned alpha = Level(from[3]);
    for (size_t c = 0; c < 3; ++c)
      rgb[i + c] = static_cast<uint8_t>((rgb[i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
  }
}

template <class Sample>
void AddChange(Sample* pixel, int channels, const float (&change)[3]) {
  constexpr float kMost = std::numeric_limits<Sample>::max(), kLevel = kMost / 255.0f;
  if (channels == 4 && pixel[3] == 0) return;
  for (size_t c = 0; c < 3; ++c) {
    const float now = static_cast<float>(pixel[c]) + kLevel * change[c];
    pixel[c] = static_cast<Sample>(std::clamp(now + 0.5f, 0.0f, kMost));
  }
}

}  // namespace

void RgbOf(const FullPixels& full, size_t first, std::span<uint8_t> rgb) {
  const std::byte* const from = full.samples.data() + first * full.pixel_bytes();
  if (full.wide) {
    RgbOf(reinterpret_cast<const uint16_t*>(from), full.channels, rgb);
  } else {
    RgbOf(reinterpret_cast<const uint8_t*>(from), full.channels, rgb);
  }
}

void AddChange(const FullPixels& full, size_t pixel, const float (&change)[3], uint8_t* rgb) {
  std::byte* const at = full.samples.data() + pixel * full.pixel_bytes();
  if (full.wide) {
    AddChange(reinterpret_cast<uint16_t*>(at), full.channels, change);
  } else {
    AddChange(reinterpret_cast<uint8_t*>(at), full.channels, change);
  }
  RgbOf(full, pixel, {rgb, 3});
}

}  // namespace mien
