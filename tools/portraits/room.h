// What is behind a person: a wall with a gradient, the corner of a room and a bright window, out of focus.
#pragma once

#include "portrait.h"

namespace portraits {

// Linear light at a place of the picture; x and y run from -1 to 1 over a square picture, y up.
Color room_at(const Scene& scene, float x, float y);

// A whole room for larger pictures, x and y from -1 to 1 over the picture: two walls, floor and skirting,
// window, a picture on the wall.
Color wide_room_at(const Scene& scene, float x, float y, float aspect);

}  // namespace portraits
