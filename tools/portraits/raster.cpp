#include "raster.h"

#include <algorithm>
#include <cstring>

namespace portraits {
namespace {

constexpr int kMapSize = 176;
constexpr float kMapHalf = 1.60f;  // decimetres around the centre of the head
constexpr float kMapCenterY = -.15f;

bool closed(Material m) { return m == kHead || m == kEar || m == kCloth || m == kFrame; }

float area_of(Point a, Point b, Point c) { return (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y); }

// Calls `visit(index, depth, inside)` for rows of eight samples that hold those of the triangle.
template <class Visit>
void scan(Point a, Point b, Point c, int width, int height, Visit visit) {
  const float area = area_of(a, b, c);
  if (!(abs(area) > 1e-9f)) return;
  const float low_x = min(a.x, min(b.x, c.x)), high_x = max(a.x, max(b.x, c.x)) - .5f;
  const float low_y = min(a.y, min(b.y, c.y)), high_y = max(a.y, max(b.y, c.y)) - .5f;
  if (high_x < 0 || high_y < 0 || low_x > float(width) || low_y > float(height)) return;
  const int left = int(max(low_x + .5f, 0.0f)), right = std::min(width - 1, int(high_x));
  const int top = int(max(low_y + .5f, 0.0f)), bottom = std::min(height - 1, int(high_y));
  if (left > right || top > bottom) return;
  const float inverse = 1 / area;
  const float u_x = (c.y - a.y) * inverse, u_y = -(c.x - a.x) * inverse;  // the weight of b
  const float v_x = -(b.y - a.y) * inverse, v_y = (b.x - a.x) * inverse;  // the weight of c
  constexpr Lanes kCenters{.5f, 1.5f, 2.5f, 3.5f, 4.5f, 5.5f, 6.5f, 7.5f};
  for (int x = left; x <= right; x += kLanes) {
    const Lanes dx = kCenters + (float(x) - a.x), u_row = u_x * dx, v_row = v_x * dx;
    const LaneMask in_row = kCenters < float(right + 1 - x);
    for (int y = top; y <= bottom; ++y) {
      const float dy = float(y) + .5f - a.y;
      const Lanes u = u_row + u_y * dy, v = v_row + v_y * dy;
      const LaneMask inside = in_row & (u >= 0.0f) & (v >= 0.0f) & (u + v <= 1.0f);
      visit(size_t(y) * width + x, a.z + u * (b.z - a.z) + v * (c.z - a.z), inside);
    }
  }
}

template <class Eight, class T>
Eight load(const T* from) {
  Eight eight;
  std::memcpy(&eight, from, sizeof eight);
  return eight;
}
template <class Eight, class T>
void store(T* to, Eight eight) {
  std::memcpy(to, &eight, sizeof eight);
}

}  // namespace

Point View::project(Point p) const {
  const float s = kCameraDistance / (kCameraDistance - p.z), x = p.x * s, y = -p.y * s;
  return {scale_x * x - scale_y * y + shift_x, scale_y * x + scale_x * y + shift_y, p.z};
}

Layer::Layer(int w, int h)
    : width(w), height(h), depth(size_t(w) * h + kLanes, kFar), triangle(size_t(w) * h + kLanes, -1) {}

void rasterise(const Mesh& mesh, const View& view, Layer& layer) {
  layer.corners.resize(mesh.vertices.size());
  for (size_t i = 0; i < mesh.vertices.size(); ++i)
    layer.corners[i] = view.project(mesh.vertices[i].position);
  for (size_t t = 0; t < mesh.triangles.size(); ++t) {
    const auto [i, j, k] = mesh.triangles[t];
    const Point a = layer.corners[i], b = layer.corners[j], c = layer.corners[k];
    if (closed(mesh.materials[t]) && area_of(a, b, c) >= 0) continue;
    scan(a, b, c, layer.width, layer.height, [&](size_t at, Lanes depth, LaneMask inside) {
      const Lanes before = load<Lanes>(&layer.depth[at]);
      const LaneMask nearer = inside & (depth > before);
      store(&layer.depth[at], select(nearer, depth, before));
      const LaneMask owner = load<LaneMask>(&layer.triangle[at]);
      store(&layer.triangle[at], nearer ? LaneMask{} + int(t) : owner);
    });
  }
}

ShadowMap::ShadowMap(const Mesh& mesh, Point light)
    : depth_(size_t(kMapSize) * kMapSize + kLanes, Layer::kFar) {
  const Point right = normalize(cross(Point{0, 1, 0}, light));
  axes_ = {right, cross(light, right), light};
  constexpr float scale = kMapSize / (2 * kMapHalf);
  std::vector<Point> corners(mesh.vertices.size());
  for (size_t i = 0; i < corners.size(); ++i) {
    const Point p = to_light(mesh.vertices[i].position - Point{0, kMapCenterY, 0});
    corners[i] = {(p.x + kMapHalf) * scale, (p.y + kMapHalf) * scale, p.z};
  }
  for (size_t t = 0; t < mesh.triangles.size(); ++t) {
    const auto [i, j, k] = mesh.triangles[t];
    const Point a = corners[i], b = corners[j], c = corners[k];
    if (closed(mesh.materials[t]) && area_of(a, b, c) <= 0) continue;
    scan(a, b, c, kMapSize, kMapSize, [&](size_t at, Lanes depth, LaneMask inside) {
      const Lanes before = load<Lanes>(&depth_[at]);
      store(&depth_[at], select(inside & (depth > before), depth, before));
    });
  }
}

Lanes ShadowMap::lit(Points world, Points normal) const {
  constexpr float scale = kMapSize / (2 * kMapHalf);
  const Points q = axes_(world + normal * .028f - splat(Point{0, kMapCenterY, 0}));
  const Lanes x = (q.x + kMapHalf) * scale - .5f, y = (q.y + kMapHalf) * scale - .5f;
  const Lanes depth = q.z + .012f;
  Lanes sum = splat(0);
  // a disc of taps, each a soft comparison
  constexpr float kTaps[][2] = {{0, 0},       {2.6f, .8f},   {-.8f, 2.6f},   {-2.6f, -.8f}, {.8f, -2.6f},
                                {3.0f, 4.4f}, {-4.4f, 3.0f}, {-3.0f, -4.4f}, {4.4f, -3.0f}};
  for (const auto& tap : kTaps) {
    const Lanes tx = x + tap[0] * .95f, ty = y + tap[1] * .95f;
    const Lanes fx = tx - floor(tx), fy = ty - floor(ty);
    const LaneMask ix = to_int(floor(tx)), iy = to_int(floor(ty));
    Lanes near[4];
    for (int c = 0; c < 4; ++c)
      for (int i = 0; i < kLanes; ++i) {
        const int cx = ix[i] + (c & 1), cy = iy[i] + (c >> 1);
        const bool inside = cx >= 0 && cy >= 0 && cx < kMapSize && cy < kMapSize;
        near[c][i] = inside ? depth_[size_t(cy) * kMapSize + cx] : Layer::kFar;
      }
    const auto free = [&](Lanes blocker) { return unit((depth - blocker) * 25.0f + 1.0f); };
    sum += mix(mix(free(near[0]), free(near[1]), fx), mix(free(near[2]), free(near[3]), fx), fy);
  }
  return sum * (1.0f / float(std::size(kTaps)));
}

}  // namespace portraits
