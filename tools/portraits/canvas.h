// The samples of a picture on their way to pixels.
#pragma once

#include <cstdint>
#include <vector>

#include "lanes.h"

namespace portraits {

struct Picture {
  int width, height;
  std::vector<uint8_t> pixels;  // [height, width, 3]
  std::vector<uint8_t> face;    // [height, width], 255 where the pixel is all face
};
Picture empty_picture(int width, int height);

// What the samples show, kSamples a pixel in each direction.
struct Canvas {
  static constexpr int kSamples = 2;
  Canvas(int pixels_wide, int pixels_high);
  size_t sample(int pixel_x, int pixel_y, int k) const;  // index of the k-th sample of a pixel

  int width, height;          // samples
  std::vector<Color> color;   // linear light
  std::vector<float> face;    // share of face
  std::vector<float> behind;  // decimetres behind the eyes
};

// Averages the samples of each pixel into the picture, whose part at (left, top) this is. With a `blur` above
// 0, what lies behind the eyes gets out of focus by so many pixels a decimetre.
void develop(const Canvas& canvas, int left, int top, float blur, Picture& picture);

}  // namespace portraits
