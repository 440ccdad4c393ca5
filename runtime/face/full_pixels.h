// Pixels as a PNG file has them where 8-bit RGB would lose something: 16 bits per sample, or transparency. They stay
// with the 8-bit RGB that networks see, and are what is written again.
#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"

namespace mien {

struct FullPixels {
  int channels = 0;   // red, green, blue, and in four alpha, by which colours are not multiplied; 0: there are none
  bool wide = false;  // 16 bits per sample in the order of this machine, otherwise 8
  Buffer samples;     // rows of pixels, nothing between them

  bool empty() const { return channels == 0; }
  size_t pixel_bytes() const { return static_cast<size_t>(channels) * (wide ? 2 : 1); }
};

// Pixels from the first on as 8-bit RGB: 16 bits rounded to the nearest 8, laid over white.
void RgbOf(const FullPixels& full, size_t first, std::span<uint8_t> rgb);
// Adds to the colour of one pixel, in levels of 8 bits; one that is wholly transparent keeps its bits. Over any ground
// the change counts as much as the pixel is opaque. `rgb` becomes the pixel in 8 bits.
void AddChange(const FullPixels& full, size_t pixel, const float (&change)[3], uint8_t* rgb);

}  // namespace mien
