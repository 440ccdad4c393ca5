// The colour of a surface point: skin with lips, brows, wrinkles and beard, eyes, hair strands.
#pragma once

#include "shape.h"

namespace portraits {

struct Paint {
  Color albedo;
  float gloss;  // strength of the highlight
};

class Painter {
 public:
  Painter(const Portrait& portrait, const Shape& shape);
  // `world` is a point on the surface of this material.
  Paint at(Point world, Material material) const;

 private:
  Color skin(Point p) const;
  Color eye(Point p) const;
  void paint_mouth(Point p, Color& c) const;
  void paint_brows(Point p, Color& c) const;
  void paint_wrinkles(Point p, Color& c) const;
  void paint_beard(Point p, Color& c) const;

  const Portrait& portrait_;
  const Shape& shape_;
  Point gaze_;  // towards the camera, in head space, damped
  float old_;   // 0 young .. 1 old
};

}  // namespace portraits
