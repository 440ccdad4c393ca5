// What is true of a picture, as JSON.
#pragma once

#include <string>

#include "render.h"

namespace portraits {

// Position and size of the face in pixels: the landmarks' bounds, taller by a third of their height for the
// forehead.
struct Box {
  float x, y, width, height;
};
Box box_of(const std::array<Flat, kLandmarks>& landmarks);

// {"person", "attributes": {...}, "landmarks": [[x, y] x 68], "box": [x, y, width, height], "quad": [NW, SW,
// SE, NE]} `quad` is the square of FFHQ's alignment by these landmarks.
std::string describe(int person, const Portrait& portrait, const std::array<Flat, kLandmarks>& landmarks);

void write_text(const std::string& path, const std::string& text);

}  // namespace portraits
