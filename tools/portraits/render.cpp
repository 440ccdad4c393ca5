// One ray per pixel first; pixels on an edge (another material or a jump of brightness next to
// them) are then traced again with four rays. Eight rays march together.
#include "render.h"

#include <algorithm>

#include "paint.h"
#include "shape.h"

namespace portraits {
namespace {

constexpr float kCameraDistance = 6.2f;
constexpr float kHalfView = 0.166f;      // tangent of half the field of view
constexpr float kCameraHeight = -0.03f;  // puts the eyes at 47 % of the picture's height
constexpr float kNearest = 4.6f, kFarthest = 8.6f, kHit = 0.004f, kGrazing = 0.04f;
constexpr int kMaxSteps = 40;
constexpr float kEdgeContrast = 0.10f;

struct Sample {
  Color color{};
  Material material = kNothing;
};

class Tracer {
 public:
  explicit Tracer(const Portrait& portrait)
      : portrait_(portrait), shape_(portrait), painter_(portrait, shape_) {
    light_ = normalize(portrait.scene.light);
    fill_ = normalize(Point{-portrait.scene.light.x, .2f, .6f});
    roll_cos_ = std::cos(portrait.scene.roll);
    roll_sin_ = std::sin(portrait.scene.roll);
  }

  // Colours of eight picture points; u to the right, v up, both -1..1.
  void trace(const float* u, const float* v, Sample* samples) const;

 private:
  Points directions(Lanes u, Lanes v) const;
  Points normals(Points p) const;
  Lanes open_sky(Points p, Points n) const;
  Lanes sunlit(Points p, Points n) const;
  Color shade(Point normal, Point ray, Paint paint, float sky, float sun) const;
  Color background(float u, float v) const;

  const Portrait& portrait_;
  Shape shape_;
  Painter painter_;
  Point light_, fill_;
  float roll_cos_, roll_sin_;
};

Points along(Points ray, Lanes t) {
  return {ray.x * t, ray.y * t + kCameraHeight, ray.z * t + kCameraDistance};
}

Points Tracer::directions(Lanes u, Lanes v) const {
  const Points ray{(roll_cos_ * u - roll_sin_ * v) * kHalfView, (roll_sin_ * u + roll_cos_ * v) * kHalfView,
                   splat(-1)};
  return normalize(ray);
}

// Four distances at the corners of a tetrahedron give the gradient.
Points Tracer::normals(Points p) const {
  constexpr float kStep = 0.005f;
  const Point corners[4] = {{1, -1, -1}, {-1, -1, 1}, {-1, 1, -1}, {1, 1, 1}};
  Points n{splat(0), splat(0), splat(1e-6f)};
  for (Point c : corners) {
    const Lanes d = shape_.distance({p.x + kStep * c.x, p.y + kStep * c.y, p.z + kStep * c.z});
    n = n + Points{c.x * d, c.y * d, c.z * d};
  }
  return normalize(n);
}

// Ambient occlusion from one distance
Lanes Tracer::open_sky(Points p, Points n) const {
  constexpr float kReach = 0.12f;
  return .55f + .45f * unit(shape_.distance(p + n * splat(kReach)) * (1 / kReach));
}

// A short soft shadow: noses and brows throw one, distant things do not.
Lanes Tracer::sunlit(Points p, Points n) const {
  Lanes light = splat(1), t = splat(0.05f);
  const Points start = p + n * splat(0.01f);
  for (int i = 0; i < 4; ++i) {
    const Points q{start.x + light_.x * t, start.y + light_.y * t, start.z + light_.z * t};
    const Lanes d = shape_.distance(q);
    light = min(light, 7.0f * d / t);
    t += clamp(d, splat(.05f), splat(.18f));
  }
  return unit(light);
}

Color Tracer::shade(Point n, Point ray, Paint paint, float sky, float sun) const {
  const float facing = dot(n, light_);
  const float direct = unit(facing) * sun, wrap = unit(facing * .5f + .5f);
  const float fill = unit(dot(n, fill_) * .5f + .5f);
  const Color ambient = mix(Color{.30f, .31f, .35f}, Color{.36f, .33f, .30f}, unit(n.y * .5f + .5f));
  const Color lit = ambient * sky + Color{1, .96f, .9f} * (.62f * direct + .10f * wrap) +
                    Color{.5f, .55f, .65f} * (.18f * fill * sky);
  float highlight = unit(dot(n, normalize(light_ - ray)));
  for (int i = 0; i < 5; ++i) highlight *= highlight;  // to the power of 32
  float rim = 1 - unit(-dot(n, ray));
  rim = rim * rim * rim * sky;
  return paint.albedo * lit + Color{1, 1, 1} * (highlight * paint.gloss * sun) + Color{.06f, .06f, .07f} * rim;
}

Color Tracer::background(float u, float v) const {
  const float t = unit(v * .5f + .5f + .15f * u);
  return mix(portrait_.scene.background_low, portrait_.scene.background_high, t);
}

void Tracer::trace(const float* u, const float* v, Sample* samples) const {
  Lanes lane_u, lane_v;
  for (int i = 0; i < kLanes; ++i) lane_u[i] = u[i], lane_v[i] = v[i];
  const Points ray = directions(lane_u, lane_v);
  Lanes t = splat(kNearest);
  LaneMask material{};
  LaneMask active = ~LaneMask{};
  for (int i = 0; i < kMaxSteps; ++i) {
    const Surface s = shape_.nearest(along(ray, t));
    const LaneMask hit = active & (s.distance < kHit);
    material = hit ? s.material : material;
    active = active & ~hit & (t < kFarthest);
    if (!any(active)) break;
    // a grazing ray may run out of steps beside the surface: it counts as a hit
    if (i + 1 == kMaxSteps) material = active & (s.distance < kGrazing) ? s.material : material;
    t += active ? s.distance * .9f : splat(0);
  }
  const bool something = any(material != 0);
  const Points p = along(ray, t);
  Points n{};
  Lanes sky{}, sun{};
  if (something) n = normals(p), sky = open_sky(p, n), sun = sunlit(p, n);
  for (int i = 0; i < kLanes; ++i) {
    samples[i].material = Material(material[i]);
    if (!material[i]) {
      samples[i].color = background(u[i], v[i]);
      continue;
    }
    const Paint paint = painter_.at({p.x[i], p.y[i], p.z[i]}, samples[i].material);
    samples[i].color = shade({n.x[i], n.y[i], n.z[i]}, {ray.x[i], ray.y[i], ray.z[i]}, paint, sky[i], sun[i]);
  }
}

// Display value: a gamma somewhat softer than sRGB's
float display(float linear) { return std::pow(unit(linear), 1 / 1.9f); }
Color display(Color c) { return {display(c.x), display(c.y), display(c.z)}; }

struct Picture {
  int size;
  std::vector<Sample> samples;
  const Sample& at(int x, int y) const { return samples[size_t(y) * size + x]; }
};

float screen(float pixel, int size) { return pixel / size * 2 - 1; }

Picture first_pass(const Tracer& tracer, int size) {
  Picture picture{size, std::vector<Sample>(size_t(size) * size)};
  // packs of 4 x 2 pixels stay together on the surface, so they skip the same parts
  float u[kLanes], v[kLanes];
  Sample pack[kLanes];
  for (int y = 0; y < size; y += 2)
    for (int x = 0; x < size; x += 4) {
      for (int i = 0; i < kLanes; ++i) {
        u[i] = screen(x + i % 4 + .5f, size);
        v[i] = -screen(y + i / 4 + .5f, size);
      }
      tracer.trace(u, v, pack);
      for (int i = 0; i < kLanes; ++i) {
        pack[i].color = display(pack[i].color);
        picture.samples[size_t(y + i / 4) * size + x + i % 4] = pack[i];
      }
    }
  return picture;
}

bool on_edge(const Picture& picture, int x, int y) {
  const Sample& center = picture.at(x, y);
  const int last = picture.size - 1;
  const int neighbours[4][2] = {{x - 1, y}, {x + 1, y}, {x, y - 1}, {x, y + 1}};
  for (const auto& q : neighbours) {
    const Sample& other = picture.at(std::clamp(q[0], 0, last), std::clamp(q[1], 0, last));
    const Color d = other.color - center.color;
    if (other.material != center.material || dot(d, d) > kEdgeContrast * kEdgeContrast) return true;
  }
  return false;
}

// Two edge pixels fill one pack of eight rays.
void refine_edges(const Tracer& tracer, const Picture& first, std::vector<Color>& colors) {
  const int size = first.size;
  std::vector<int> edges;
  for (int i = 0; i < size * size; ++i)
    if (on_edge(first, i % size, i / size)) edges.push_back(i);
  if (edges.size() % 2) edges.push_back(edges.back());
  float u[kLanes], v[kLanes];
  Sample pack[kLanes];
  for (size_t e = 0; e < edges.size(); e += 2) {
    for (int i = 0; i < kLanes; ++i) {
      const int pixel = edges[e + i / 4];
      u[i] = screen(pixel % size + .25f + .5f * (i % 2), size);
      v[i] = -screen(pixel / size + .25f + .5f * (i / 2 % 2), size);
    }
    tracer.trace(u, v, pack);
    for (int k = 0; k < 2; ++k) {
      Color sum{};
      for (int i = 0; i < 4; ++i) sum = sum + pack[4 * k + i].color;
      colors[edges[e + k]] = display(sum * .25f);
    }
  }
}

}  // namespace

std::vector<uint8_t> render(const Portrait& portrait, int size) {
  const Tracer tracer(portrait);
  const Picture first = first_pass(tracer, size);
  std::vector<Color> colors(first.samples.size());
  for (size_t i = 0; i < colors.size(); ++i) colors[i] = first.samples[i].color;
  refine_edges(tracer, first, colors);
  std::vector<uint8_t> bytes(colors.size() * 3);
  for (size_t i = 0; i < colors.size(); ++i) {
    bytes[3 * i] = uint8_t(255 * colors[i].x + .5f);
    bytes[3 * i + 1] = uint8_t(255 * colors[i].y + .5f);
    bytes[3 * i + 2] = uint8_t(255 * colors[i].z + .5f);
  }
  return bytes;
}

}  // namespace portraits
