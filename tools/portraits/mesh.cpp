#include "mesh.h"

namespace portraits {

void Mesh::grid(int first, int rows, int columns, bool closed, Material m) {
  const int cells = closed ? columns : columns - 1;
  for (int r = 0; r + 1 < rows; ++r)
    for (int c = 0; c < cells; ++c) {
      const int a = first + r * columns + c, b = first + r * columns + (c + 1) % columns;
      triangle(a, a + columns, b, m);
      triangle(b, a + columns, b + columns, m);
    }
}

void Mesh::grid_normals(int first, int rows, int columns, bool closed) {
  for (int r = 0; r < rows; ++r) {
    const int up = first + (r > 0 ? r - 1 : r) * columns, down = first + (r + 1 < rows ? r + 1 : r) * columns;
    const int here = first + r * columns;
    for (int c = 0; c < columns; ++c) {
      const int left = c > 0 ? c - 1 : closed ? columns - 1 : c;
      const int right = c + 1 < columns ? c + 1 : closed ? 0 : c;
      const Point along = vertices[here + right].position - vertices[here + left].position;
      const Point across = vertices[down + c].position - vertices[up + c].position;
      vertices[here + c].normal = normalize(cross(across, along));
    }
  }
}

}  // namespace portraits
