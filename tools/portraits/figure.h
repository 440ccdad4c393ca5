// A person ready to be drawn: all triangles in world space (the lenses of spectacles apart) and where the
// landmarks are.
#pragma once

#include "camera.h"

namespace portraits {

struct Figure {
  explicit Figure(const Portrait& portrait);
  Figure(const Figure&) = delete;

  const Portrait portrait;
  const Features features;
  const Scalp scalp;
  const Pose pose;
  Mesh mesh, lenses;
  Landmarks landmarks;
};

}  // namespace portraits
