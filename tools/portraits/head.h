// The surface of head and neck as a grid: rings from the crown down to the collar, each an oval whose
// front, side and back points follow a profile, then modelled with soft brushes.
#pragma once

#include <vector>

#include "features.h"
#include "mesh.h"
#include "scalp.h"

namespace portraits {

constexpr float kCameraDistance = 14;  // decimetres from the head's centre

// The pose: the head turns about a point in the neck, the shoulders stay but for a tilt.
struct Pose {
  explicit Pose(const Portrait& portrait);
  Rotation turn, lean;  // head space -> world, body -> world
  Point place(Point p, float head_share) const;
};

struct HeadGrid {
  static constexpr int kFrontColumns = 68, kBackColumns = 28;  // on each side
  static constexpr int rows() { return 185; }
  static constexpr int columns() { return 2 * (kFrontColumns + kBackColumns); }
  int first = 0;  // vertex in the mesh
  int index(int row, int column) const { return first + row * columns() + column; }
};

class Head {
 public:
  Head(const Portrait& portrait, const Features& features, const Scalp& scalp);
  // Adds the grid to the mesh: `at` is the place in head space, `root` that on the average head.
  HeadGrid build(const Pose& pose, Mesh& mesh) const;

  float neck_half() const { return neck_half_; }

 private:
  struct Ring {
    float front_y, front_z, side_y, side_x, side_z, back_y, back_z;
  };
  using Rings = std::vector<Ring>;
  static const Rings& average_rings();
  Rings rings_of() const;
  static std::vector<float> ring_positions();
  static Ring ring_at(const Rings& rings, float t);
  static Points oval(const Ring& r, Lanes sine, Lanes cosine, float square);
  static const std::vector<Points>& average_places();
  static const std::vector<std::pair<float, float>>& angles();  // sine and cosine of each column

  Points model(Points p) const;
  Lanes eye_region(Points p, Lanes z) const;
  Lanes nose(Points p, Lanes m) const;
  Lanes mouth(Points p, Lanes m) const;
  Lanes folds(Points p, Lanes m) const;

  const Portrait& portrait_;
  const Features& f_;
  const Scalp& scalp_;
  float neck_half_;
};

}  // namespace portraits
