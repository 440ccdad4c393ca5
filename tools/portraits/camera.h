// The 68 landmarks of a face and the square that FFHQ's alignment cuts around them.
#pragma once

#include <array>

#include "head.h"
#include "raster.h"

namespace portraits {

constexpr int kLandmarks = 68;  // iBUG order: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, mouth 48-67
using Landmarks = std::array<Point, kLandmarks>;

// In world space, on the surface of the head that was built into this mesh.
Landmarks landmarks_of(const Features& features, const Mesh& mesh, const HeadGrid& grid, const Pose& pose);

struct Flat {
  float x, y;
};
// Projected on the plane z = 0, y down.
std::array<Flat, kLandmarks> flatten(const Landmarks& landmarks, const View& view);

// The square of FFHQ's alignment: centre and the vector from it to the middle of its right side.
struct Frame {
  Flat center, half;
};
Frame ffhq_frame(const std::array<Flat, kLandmarks>& flat);

// The view that makes this frame of the unit view the whole of a square picture of this side.
View view_of(const Frame& frame, float side);

}  // namespace portraits
