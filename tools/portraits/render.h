// Pictures of portraits: a face alone in the frame of FFHQ's alignment, and people in a room.
#pragma once

#include <vector>

#include "camera.h"
#include "canvas.h"

namespace portraits {

struct Rendered {
  Picture picture;
  std::array<Flat, kLandmarks> landmarks;  // pixels; (0, 0) is the corner of the first pixel
};

// A square picture whose frame is that of FFHQ's alignment by the true landmarks.
Rendered render(const Portrait& portrait, int size);

// Where somebody stands in a larger picture. The head keeps its place whatever the attributes are.
struct Place {
  float x, y;  // pixels: the point between the ears at the height of the pupils
  float side;  // pixels that the frame of an average adult has
  float roll;  // radians, clockwise
};
struct Standing {
  Portrait portrait;
  Place place;
};

// A room with people, the nearest (of the largest `side`) in front. `face` is that of all of them; landmarks
// come in the order of the people.
struct Group {
  Picture picture;
  std::vector<std::array<Flat, kLandmarks>> landmarks;
};
Group render_group(const std::vector<Standing>& people, const Scene& room, int width, int height);

}  // namespace portraits
