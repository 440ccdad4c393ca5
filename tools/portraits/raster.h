// Which triangle is seen at each sample of the picture, and what of the light reaches a point.
#pragma once

#include <vector>

#include "head.h"
#include "mesh.h"

namespace portraits {

// World -> samples: perspective onto the plane z = 0, then a similarity with y down.
struct View {
  float scale_x = 1, scale_y = 0, shift_x = 0, shift_y = 0;  // x' = sx X - sy Y + tx, y' = sy X + sx Y + ty
  Point project(Point world) const;                          // z: depth, larger is nearer
  View scaled(float by) const { return {scale_x * by, scale_y * by, shift_x * by, shift_y * by}; }
  float samples_per_unit() const { return sqrt(scale_x * scale_x + scale_y * scale_y); }
};

struct Layer {
  Layer(int width, int height);
  int width, height;
  std::vector<float> depth;    // row by row, and eight more so that eight can be read from the last
  std::vector<int> triangle;   // -1: nothing
  std::vector<Point> corners;  // projected vertices
  static constexpr float kFar = -1e6f;
};

// Draws all triangles; those of closed surfaces that face away are left out.
void rasterise(const Mesh& mesh, const View& view, Layer& layer);

// Depth as the light sees it.
class ShadowMap {
 public:
  ShadowMap(const Mesh& mesh, Point light);
  // 0 in shadow .. 1 lit, softened as by a lamp of some size
  Lanes lit(Points world, Points normal) const;

 private:
  Point to_light(Point world) const { return axes_(world); }
  Rotation axes_;
  std::vector<float> depth_;
};

}  // namespace portraits
