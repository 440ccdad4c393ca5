#include "hair.h"

#include <algorithm>

#include "noise.h"

namespace portraits {
namespace {

constexpr int kSegments = 18, kWhiskerSegments = 5;
constexpr int kScatter =
    2000;  // places on the whole sphere of directions; a bit less than half of them carry hair

struct Root {
  int row, column;
  float which;  // 0..1, the lock's own number
};

// The vertex of the head's grid nearest to each of `count` evenly scattered directions.
std::vector<Root> scattered(const Mesh& mesh, const HeadGrid& grid, int count, Point center, Point radius,
                            float from_y) {
  std::vector<Root> out;
  const auto direction = [&](Point p) {
    const Point d = p - center;
    return normalize(Point{d.x / radius.x, d.y / radius.y, d.z / radius.z});
  };
  for (int i = 0; i < count; ++i) {
    const float y = 1 - 2 * (float(i) + .5f) / float(count), turn = float(i) * .61803399f;
    if (y < from_y) break;
    const float r = sqrt(1 - y * y);
    const Point d{r * wave(turn), y, r * wave(turn + .25f)};
    float best = -2;
    Root root{0, 0, chance_of(i)};
    for (int row = 1; row + 1 < HeadGrid::rows(); row += 2)
      for (int column = 0; column < HeadGrid::columns(); column += 2) {
        const float near = dot(direction(mesh.vertices[grid.index(row, column)].root), d);
        if (near > best) best = near, root.row = row, root.column = column;
      }
    out.push_back(root);
  }
  return out;
}

const std::vector<Root>& scalp_roots(const Mesh& mesh, const HeadGrid& grid) {
  static const std::vector<Root> roots =
      scattered(mesh, grid, kScatter, {0, .30f, -.08f}, {.77f, .83f, .95f}, -.95f);
  return roots;
}

// Eight locks that grow together.
struct Bundle {
  Points path[kSegments + 1], side[kSegments + 1], normal[kSegments + 1], along[kSegments + 1];
  Lanes half_width, which;
  int segments = kSegments;

  // Directions from the path
  void finish() {
    for (int k = 0; k <= segments; ++k) {
      along[k] = normalize(path[k < segments ? k + 1 : k] - path[k > 0 ? k - 1 : k]);
      side[k] = normalize(cross(along[k], normal[k]));
    }
  }
};

void add_ribbons(const Bundle& b, int count, const Pose& pose, Material material, Mesh& mesh) {
  for (int i = 0; i < count; ++i) {
    if (b.half_width[i] < .004f) continue;
    const int first = int(mesh.vertices.size());
    for (int k = 0; k <= b.segments; ++k) {
      const float s = float(k) / float(b.segments);
      const float taper = (.62f + .38f * smooth_step(0, .25f, s)) * (1 - .62f * s * s * s * s);
      const Point p = lane(b.path[k], i), side = lane(b.side[k], i) * (b.half_width[i] * taper);
      const Point n = lane(b.normal[k], i), along = pose.turn(lane(b.along[k], i));
      for (float edge : {-1.0f, 1.0f}) {
        Vertex v;
        v.position = pose.place(p + side * edge, 1);
        v.normal = pose.turn(normalize(n + lane(b.side[k], i) * (.75f * edge)));  // as if it were round
        v.at = {edge, s, b.which[i]};
        v.root = along;
        mesh.vertices.push_back(v);
      }
    }
    mesh.grid(first, b.segments + 1, 2, false, material);
  }
}

// An ellipsoid above its middle and nearly a cylinder below, since hair hangs there.
struct Skull {
  Point center, radius;
  float front;  // radius of the front half in z
  Points scaled(Points p) const {
    const Points q = p - splat(center);
    return {q.x * (1 / radius.x), select(q.y < 0.0f, q.y * .30f, q.y) * (1 / radius.y),
            q.z * select(q.z > 0.0f, splat(1 / front), splat(1 / radius.z))};
  }
  Lanes depth(Points p) const { return length(scaled(p)); }  // 1 on the surface
  Points outward(Points p) const {
    const Points s = scaled(p);
    return normalize(Points{s.x * (1 / radius.x), s.y * (1 / radius.y),
                            s.z * select(s.z > 0.0f, splat(1 / front), splat(1 / radius.z))});
  }
};

// The ellipsoid of this head: through the temples and the middle of the forehead.
Skull skull_of(const Features& f, const Mesh& mesh, const HeadGrid& grid) {
  const float wide = mesh.vertices[grid.index(40, HeadGrid::columns() * 3 / 4)].at.x;
  const Point brow = mesh.vertices[grid.index(32, HeadGrid::columns() / 2)].at;
  Skull s{{0, .30f * f.upper, -.08f}, {max(wide, .6f), .83f * f.upper, .95f}, 0};
  const float up = (brow.y - s.center.y) / s.radius.y;
  s.front = (brow.z - s.center.z) / sqrt(1 - min(up * up, .5f)) + .035f;
  return s;
}

// A knot of wound hair where tied hair is gathered.
void add_bun(const Scalp& scalp, const Pose& pose, Mesh& mesh) {
  constexpr int kRows = 14, kAround = 28;
  if (scalp.tied() < .05f) return;
  const Point center = scalp.gather(), axis = normalize(center - Point{0, .25f, -.1f});
  const Point right = normalize(cross(Point{0, 1, 0}, axis)), up = cross(axis, right);
  const float radius = (.16f + .055f * min(scalp.length(), 3.0f)) * sqrt(scalp.tied());
  const int first = int(mesh.vertices.size());
  for (int r = 0; r < kRows; ++r)
    for (int k = 0; k < kAround; ++k) {
      const float fall = .5f * float(r) / (kRows - 1), turn = float(k) / kAround;
      const float ring = wave(fall), height = wave(fall + .25f);
      const float ridge = 1 + .07f * wave(3 * turn + 2.2f * fall);  // wound like a rope
      const float c = wave(turn + .25f), s = wave(turn);
      Vertex v;
      const Point p =
          center + (right * (c * ring) + up * (s * ring) + axis * (.80f * height)) * (radius * ridge);
      v.position = pose.place(p, 1);
      v.at = {2 * (3 * turn + 2.2f * fall) - 2 * floor(3 * turn + 2.2f * fall) - 1, .6f, .5f};
      v.root = pose.turn(normalize(up * c - right * s + axis * .6f));
      mesh.vertices.push_back(v);
    }
  mesh.grid(first, kRows, kAround, true, kHair);
  mesh.grid_normals(first, kRows, kAround, true);
}

// Eight roots: where they are on this head, on the average head, and which way the skin faces.
struct Planted {
  Points at, root, normal;
};

Planted plant(const std::vector<Root>& roots, size_t begin, const Mesh& mesh, const HeadGrid& grid,
              const Pose& pose, Bundle& b) {
  Planted planted;
  for (int i = 0; i < kLanes; ++i) {
    const Root& r = roots[std::min(begin + i, roots.size() - 1)];
    const Vertex& v = mesh.vertices[grid.index(r.row, r.column)];
    set_lane(planted.at, i, v.at), set_lane(planted.root, i, v.root);
    set_lane(planted.normal, i, pose.turn.transposed()(v.normal));
    b.which[i] = r.which;
  }
  return planted;
}

// How eight locks of the head are cut.
struct Cut {
  Lanes length, layer;  // layer: how high over the skin they lie
  Lanes away,
      parted;  // the side of the parting, -1 or 1, and how far from the middle of the face they are kept
};

Cut cut(const Scalp& scalp, const Planted& at, Lanes dense, float wide, Bundle& b) {
  const Points root = at.root;
  const float curl = scalp.curl(), to_fringe = smooth_step(.50f, .80f, scalp.fringe());
  const Lanes front = smooth_step(-.1f, .5f, root.z) * smooth_step(.2f, .55f, root.y);
  const Lanes banged = smooth_step(.02f, .30f, front) * to_fringe, low = smooth_step(.35f, -.30f, root.y);
  Cut c;
  c.length = scalp.length() * (.86f + .24f * b.which) * (.55f + .45f * dense);
  c.length = mix(c.length, min(c.length, .50f + .12f * b.which - .08f * curl), banged);
  c.length = mix(c.length, min(c.length, .10f + .45f * c.length),
                 low * (1 - smooth_step(.35f, .9f, scalp.length())));
  c.length = mix(c.length, min(c.length, splat(.95f)), scalp.tied() * (1.0f - banged));
  c.layer = scalp.volume() * (.55f + .75f * b.which) + .01f;
  const Lanes from_part = root.x - .34f * scalp.part() * smooth_step(.74f, 1.05f, root.y);
  c.away = select(from_part < 0.0f, splat(-1), splat(1));
  c.parted = smooth_step(.45f, .80f, c.length) * wide * .96f;
  b.half_width = (.056f + .010f * curl) * (.85f + .3f * b.which) * smooth_step(.25f, .70f, dense) *
                 (1 - .6f * scalp.thinness());
  // no lock lies alone across the parting
  b.half_width *= mix(splat(1), smooth_step(.09f, .20f, abs(from_part)), front * (1.0f - banged));
  return c;
}

// Follows eight locks from their roots: along the head, then down.
void grow(const Features& f, const Scalp& scalp, const Skull& skull, const Planted& planted, const Cut& c,
          Bundle& b) {
  const float curl = scalp.curl(), hang = 1.25f - .70f * curl;
  const Lanes phase = noise(planted.root * 1.6f) * 1.1f + b.which * (.12f + .35f * curl);
  const Lanes waves = min(splat(.70f + .70f * curl), 3.4f / c.length);  // a lock, 5 segments each at least
  Points p = planted.at - planted.normal * splat(.01f);
  Points d = normalize(scalp.comb(planted.root) +
                       planted.normal * splat(.25f + 1.0f * scalp.volume() + 1.0f * curl * curl));
  Lanes grown = splat(0);
  for (int k = 0; k <= kSegments; ++k) {
    // long hair leaves the face free
    const Lanes wanted = c.parted * smooth_step(.76f * f.upper, .20f, p.y) * smooth_step(.0f, .35f, p.z);
    p.x += c.away * .6f * max(wanted - p.x * c.away, splat(0));
    p.z -= .30f * max(p.z - .28f, splat(0)) * smooth_step(.35f, .0f, p.y) * smooth_step(.45f, .80f, c.length);
    // lie on the head, stay out of it
    const Points out = skull.outward(p);
    const Lanes depth = skull.depth(p), near = smooth_step(1.45f, 1.10f, depth);
    const Lanes corner = smooth_step(.2f, .6f, p.z) * smooth_step(.3f, .55f, p.y);  // foreheads are squarer
    const Lanes rest = 1.0f + c.layer * 1.1f + .045f * corner, s = splat(float(k) / kSegments);
    d = normalize(d - out * (max(dot(d, out), splat(0)) * near * (.75f - .50f * curl)));
    p = p - out * (max(depth - rest - .10f, splat(0)) * .35f * (1 - .8f * curl));
    p = p + out * (max(rest - depth, splat(0)) * .80f * smooth_step(-.10f, .14f, s));
    const Lanes swing = curl * .075f * smooth_step(0, .3f, s) * min(c.length * 1.5f, splat(1));
    const Lanes turn = phase + grown * waves;
    const Points side = normalize(cross(d, out));
    b.path[k] = p + side * (swing * wave(turn)) + out * (swing * .7f * wave(turn + .25f));
    // hanging locks turn their broad side a little to the front
    b.normal[k] = normalize(
        out + Points{splat(0), splat(0), .55f * smooth_step(.3f, -.1f, p.y) * smooth_step(-.5f, .1f, p.z)});
    const Lanes step = c.length * ((.40f + 1.2f * s) / (kSegments + 1));  // short steps near the head
    p = p + d * step;
    grown += step;
    d.y -= hang * step * smooth_step(.10f, .5f, c.length);
    d = normalize(d);
  }
  b.finish();
}

}  // namespace

void add_hair(const Features& f, const Scalp& scalp, const HeadGrid& grid, const Pose& pose, Mesh& mesh) {
  if (scalp.thinness() >= 1) return;
  add_bun(scalp, pose, mesh);
  const auto& roots = scalp_roots(mesh, grid);
  const Skull skull = skull_of(f, mesh, grid);
  for (size_t begin = 0; begin < roots.size(); begin += kLanes) {
    Bundle b;
    const Planted planted = plant(roots, begin, mesh, grid, pose, b);
    const Lanes dense = scalp.density(planted.root) * scalp.grown(planted.root);
    if (!any(dense > .25f)) continue;
    const Cut c = cut(scalp, planted, dense, skull.radius.x, b);
    grow(f, scalp, skull, planted, c, b);
    add_ribbons(b, int(std::min<size_t>(kLanes, roots.size() - begin)), pose, kHair, mesh);
  }
}

void add_whiskers(const Portrait& portrait, const Features& f, const Scalp& scalp, const HeadGrid& grid,
                  const Pose& pose, Mesh& mesh) {
  const float beard = portrait.attributes.beard;
  if (beard < .25f) return;
  static const std::vector<Root> roots = [&] {
    std::vector<Root> all = scattered(mesh, grid, 1400, {0, -.75f, .35f}, {.5f, .5f, .6f}, -1), out;
    for (const Root& r : all) {
      const Point& q = mesh.vertices[grid.index(r.row, r.column)].root;
      if (q.z > .0f && q.y < -.1f) out.push_back(r);
    }
    return out;
  }();
  for (size_t begin = 0; begin < roots.size(); begin += kLanes) {
    Bundle b;
    b.segments = kWhiskerSegments;
    const auto [at, root, normal] = plant(roots, begin, mesh, grid, pose, b);
    Points p = at;
    // lips stay free, with room for the hairs above them
    const Lanes cover =
        scalp.whiskers(root) * (1.0f - max(f.on_lips(abs(p.x), p.y), f.on_lips(abs(p.x), p.y - .035f)));
    if (!any(cover > .3f)) continue;
    const float grown = smooth_step(.25f, 1, beard);
    const Lanes lip = smooth_step(-.66f, -.58f, root.y) * smooth_step(.4f, .6f, root.z);
    const Lanes length =
        (.055f + .05f * grown + .12f * grown * grown * smooth_step(-.7f, -1.15f, root.y) + .02f * b.which) *
        (1.0f - .60f * lip);
    b.half_width =
        .019f * smooth_step(.3f, .7f, cover) * (.8f + .4f * b.which) * smooth_step(0, .3f, splat(grown));
    const Lanes away = select(root.x < 0.0f, splat(-1), splat(1)) * lip * .55f;
    Points d = normalize(Points{away + root.x * .15f, splat(-.85f), splat(.25f)} -
                         normal * (dot(normal, Points{away, splat(-.85f), splat(.25f)}) * .75f));
    const Lanes step = length * (1.0f / kWhiskerSegments);
    for (int k = 0; k <= kWhiskerSegments; ++k) {
      const Points side = normalize(cross(d, normal));
      b.path[k] = p + side * (.012f * wave(b.which * 3.0f + 1.2f * float(k) / kWhiskerSegments));
      b.normal[k] = normal;
      p = p + d * step;
      d = normalize(d + Points{splat(0), -step * 1.2f, splat(0)});
    }
    b.finish();
    add_ribbons(b, int(std::min<size_t>(kLanes, roots.size() - begin)), pose, kWhiskers, mesh);
  }
}

}  // namespace portraits
