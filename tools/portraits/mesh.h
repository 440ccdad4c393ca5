// Triangles of everything in the picture, in world space, and grids of vertices that become triangles.
#pragma once

#include <array>
#include <vector>

#include "lanes.h"

namespace portraits {

enum Material : uint8_t { kNothing = 0, kHead, kEar, kHair, kWhiskers, kFrame, kCloth, kLens, kMaterials };

struct Vertex {
  Point position, normal;  // world space
  Point at;                // head space, or what the material says
  Point root;              // place on the average head that paint is anchored to, or what the material says
};

struct Mesh {
  std::vector<Vertex> vertices;
  std::vector<std::array<int, 3>> triangles;
  std::vector<Material> materials;  // one a triangle

  void triangle(int a, int b, int c, Material m) {
    triangles.push_back({a, b, c});
    materials.push_back(m);
  }
  // Two triangles for each cell of a grid that begins at this vertex; `closed` joins the last column to the
  // first.
  void grid(int first, int rows, int columns, bool closed, Material m);
  // Normals of a grid from its neighbours' positions.
  void grid_normals(int first, int rows, int columns, bool closed);
};

}  // namespace portraits
