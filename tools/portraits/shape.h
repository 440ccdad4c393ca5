// The head, its hair, eyes, glasses and shirt as signed-distance fields, eight points at a time.
// Head space: x to the picture's right, y up, z towards the camera; the skull is about 2 units high.
#pragma once

#include "lanes.h"
#include "portrait.h"

namespace portraits {

enum Material { kNothing = 0, kSkin, kHair, kEye, kFrame, kShirt };

struct Surface {
  Lanes distance;
  LaneMask material;
};

class Shape {
 public:
  explicit Shape(const Portrait& portrait);

  // Nearest surface of points in world space (before the turn of the head).
  Surface nearest(Points world) const;
  // The distance alone, for normals and shadows.
  Lanes distance(Points world) const;

  Points to_head(Points world) const;
  Point to_head(Point world) const;
  Point eye_center(float side) const { return {side * eye_.x, eye_.y, eye_.z}; }
  float eye_radius() const { return eye_radius_; }
  // The curve of the mouth: height of the corners above its middle at horizontal position x.
  float mouth_curve(float x) const;
  float mouth_half_width() const { return mouth_half_width_; }

 private:
  Lanes skin(Points p) const;
  Lanes face_details(Points p, Points mirrored, Lanes d) const;
  Lanes nose_and_mouth(Points p, Points mirrored, Lanes d) const;
  Lanes hair(Points p) const;
  Lanes hair_bumps(Points p) const;
  Lanes eyes(Points mirrored) const;
  Lanes glasses(Points p, Points mirrored) const;

  Attributes attributes_;
  Identity id_;
  Point turn_x_, turn_y_, turn_z_;  // rows of the rotation world -> head
  Point eye_;                       // centre of the right eye
  float eye_radius_, mouth_half_width_, male_;
};

}  // namespace portraits
