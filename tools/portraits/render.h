// Pictures of portraits.
#pragma once

#include <cstdint>
#include <vector>

#include "camera.h"
#include "portrait.h"

namespace portraits {

struct Picture {
  int width, height;
  std::vector<uint8_t> pixels;                 // [height, width, 3]
  std::vector<uint8_t> face;                   // [height, width], 255 where the pixel is all face
  std::array<Flat, kLandmarks> landmarks;      // pixels, (0, 0) is the corner of the first one
};

// A square picture whose frame is that of FFHQ's alignment by the true landmarks.
Picture render(const Portrait& portrait, int size);

}  // namespace portraits
