#include "parts.h"

#include <array>

namespace portraits {
namespace {

// The vertex of the head whose place on the average head is nearest to this one.
Point on_head(const Mesh& mesh, const HeadGrid& grid, Point root) {
  float best = 1e9f;
  Point found{};
  for (int r = 0; r < HeadGrid::rows(); ++r)
    for (int c = HeadGrid::columns() / 2; c < HeadGrid::columns(); ++c) {
      const Vertex& v = mesh.vertices[grid.index(r, c)];
      const Point d = v.root - root;
      if (dot(d, d) < best) best = dot(d, d), found = v.at;
    }
  return found;
}

Vertex vertex(const Pose& pose, Point p, float head_share) {
  Vertex v{};
  v.at = p;
  v.position = pose.place(p, head_share);
  return v;
}

// Height over the plane of the ear from the middle (0) to the rim (1), then behind it (2).
float ear_relief(float r, float angle_cos) {
  const float rooted = .075f * smooth_step(.15f, .95f, angle_cos) * smooth_step(.60f, .95f, r);
  if (r > 1) return .030f - .13f * (r - 1) - rooted;
  const float bowl = -.075f * smooth_step(.50f, .12f, r);
  const float antihelix = .022f * bell((r - .60f) / .11f), groove = -.022f * bell((r - .80f) / .07f);
  const float helix = .034f * bell((r - .97f) / .085f),
              tragus = .030f * bell((r - .55f) / .22f) * smooth_step(.2f, .9f, angle_cos);
  return .02f + bowl + antihelix + groove + helix + tragus - rooted;
}

// Seven bones of a sleeve and a hand; the hand is what is farther down than the wrist.
void add_arm(const std::array<Point, 8>& path, float build, const Pose& pose, Mesh& mesh) {
  constexpr float kRadius[] = {.10f, .47f, .44f, .38f, .34f, .28f, .24f, .13f};
  constexpr int kAround = 16;
  const int first = int(mesh.vertices.size());
  for (size_t i = 0; i < path.size(); ++i)
    for (int k = 0; k < kAround; ++k) {
      const float c = wave(float(k) / kAround + .25f), s = -wave(float(k) / kAround);
      Vertex v =
          vertex(pose,
                 path[i] + Point{c, .35f * c * (path[i].x > 0 ? 1.0f : -1.0f) * (i < 2 ? 1.0f : .0f), s} *
                               (kRadius[i] * build),
                 0);
      v.root = {1, i >= 6 ? 1.0f : 0.0f, 0};
      mesh.vertices.push_back(v);
    }
  mesh.grid(first, int(path.size()), kAround, true, kCloth);
  mesh.grid_normals(first, int(path.size()), kAround, true);
}

}  // namespace

void add_ears(const Portrait& portrait, const HeadGrid& grid, const Pose& pose, Mesh& mesh) {
  constexpr int kRings = 15, kAround = 28;
  const Growth& g = portrait.growth;
  const float size = (1 + .07f * portrait.spread(kEars)) * (1 - .10f * g.child) * (1 + .12f * g.old);
  const float high = .275f * size, deep = .155f * size;
  const float angle = .36f + .10f * portrait.spread(kEarAngle);
  const Point place = on_head(mesh, grid, {.74f, -.16f, -.10f});
  for (int side = -1; side <= 1; side += 2) {
    const int first = int(mesh.vertices.size());
    const float s = float(side);
    const Point up{.10f * s, .985f, -.14f}, back = normalize(Point{s * sine(angle), -.12f, -cosine(angle)});
    const Point out = normalize(cross(up, back) * -s);
    for (int i = 0; i < kRings; ++i) {
      const float r = i <= 11 ? float(i) / 11 : 1 + float(i - 11) / 3;
      for (int k = 0; k < kAround; ++k) {
        const float turn = float(k) / kAround, c = wave(turn + .25f), d = wave(turn);  // c: front, d: up
        // fuller at the top, narrow at the lobe
        const float front = (c < 0 ? -1 : 1) * pow(abs(c), .72f), rise = (d < 0 ? -1 : 1) * pow(abs(d), .80f);
        const float shape = 1 + .14f * rise;
        const float in = r > 1 ? 1 - .28f * (r - 1) : r;
        const float b = .150f * size - front * deep * shape * in, u = rise * high * in;
        const Point p = Point{s * (place.x - .015f), place.y + .02f, place.z} + back * b + up * u +
                        out * ear_relief(r, c);
        Vertex v = vertex(pose, p, 1);
        const float bowl = smooth_step(.50f, .15f, r), groove = bell((r - .80f) / .08f);
        v.root = {1 - .55f * bowl - .30f * groove, u, b};
        mesh.vertices.push_back(v);
      }
    }
    mesh.grid(first, kRings, kAround, true, kEar);
    mesh.grid_normals(first, kRings, kAround, true);
  }
}

void add_shoulders(const Portrait& portrait, const Features& f, float neck_half, const Pose& pose,
                   Mesh& mesh) {
  struct Ring {
    float side_x, side_y, front_y, front_z, back_y, back_z;
  };
  constexpr Ring kRings[] = {
      {.50f, -1.45f, -1.56f, .36f, -1.40f, -.56f},  {.60f, -1.62f, -1.78f, .44f, -1.55f, -.66f},
      {.88f, -1.80f, -1.96f, .56f, -1.70f, -.72f},  {1.35f, -1.94f, -2.15f, .68f, -1.86f, -.76f},
      {1.74f, -2.12f, -2.40f, .78f, -2.12f, -.78f}, {1.80f, -2.50f, -2.80f, .88f, -2.50f, -.80f},
      {1.66f, -3.40f, -3.50f, .94f, -3.40f, -.80f}, {1.38f, -5.00f, -5.00f, .86f, -5.00f, -.70f},
      {1.58f, -6.40f, -6.40f, .90f, -6.40f, -.95f}, {1.25f, -9.50f, -9.50f, .75f, -9.50f, -.75f},
      {.95f, -16.0f, -16.0f, .60f, -16.0f, -.60f}};
  constexpr int kCount = int(std::size(kRings)), kFine = 6, kAround = 64;
  const Growth& g = portrait.growth;
  const float build = (1 - .30f * g.child) * (1 + .07f * (portrait.attributes.gender - .5f) * 2 * g.adult);
  const float drop = f.chin_y + 1.19f;
  const int first = int(mesh.vertices.size());
  const int rows = (kCount - 1) * kFine + 1;
  for (int r = 0; r < rows; ++r) {
    const int i = r / kFine < kCount - 1 ? r / kFine : kCount - 2;
    const float t = ease(float(r - i * kFine) / kFine) * .35f + .65f * float(r - i * kFine) / kFine;
    const Ring &a = kRings[i], &b = kRings[i + 1];
    const auto at = [&](float Ring::*m) { return mix(a.*m, b.*m, t); };
    for (int k = 0; k < kAround; ++k) {
      const float turn = float(k) / kAround - .5f, s = wave(turn), c = wave(turn + .25f);
      const float x = at(&Ring::side_x), neck = neck_half / .475f;
      const float width = x < .6f ? x * neck : .6f * neck + (x - .6f) * build;
      const float y = mix(at(&Ring::side_y), c > 0 ? at(&Ring::front_y) : at(&Ring::back_y), c * c);
      const float z = c > 0 ? at(&Ring::front_z) * c : -at(&Ring::back_z) * c;
      const float square = 1 + .10f * c * c * s * s;
      mesh.vertices.push_back(vertex(pose,
                                     {width * s * square, y + drop * (1 - .35f * g.child),
                                      -.06f + z * mix(neck, build, smooth_step(.5f, 1, x)) * square},
                                     0));
    }
  }
  mesh.grid(first, rows, kAround, true, kCloth);
  mesh.grid_normals(first, rows, kAround, true);
  for (float side : {-1.0f, 1.0f}) {
    const auto at = [&](float x, float y, float z) {
      return Point{side * x * build, y + drop * (1 - .35f * g.child), z};
    };
    add_arm(
        {at(1.50f, -2.10f, -.05f), at(1.92f, -2.72f, -.06f), at(2.08f, -3.6f, -.10f), at(2.16f, -4.7f, -.08f),
         at(2.14f, -5.7f, .10f), at(2.08f, -6.6f, .35f), at(2.04f, -7.0f, .45f), at(2.00f, -7.45f, .55f)},
        build, pose, mesh);
  }
}

namespace {

// A tube of six sides along a row of points.
void add_tube(const std::vector<Point>& path, bool closed, float radius, float flat, const Pose& pose,
              Mesh& mesh) {
  constexpr int kSides = 6;
  const int first = int(mesh.vertices.size()), n = int(path.size());
  const int rows = closed ? n + 1 : n;
  for (int i = 0; i < rows; ++i) {
    const Point p = path[i % n];
    const Point before = path[closed  ? (i + n - 1) % n
                              : i > 0 ? i - 1
                                      : 0],
                after = path[closed      ? (i + 1) % n
                             : i + 1 < n ? i + 1
                                         : n - 1];
    const Point along = normalize(after - before);
    const Point out = normalize(cross(along, abs(along.z) > .8f ? Point{0, 1, 0} : Point{0, 0, 1})),
                up = cross(along, out);
    for (int k = 0; k < kSides; ++k) {
      const float c = wave(float(k) / kSides + .25f), s = wave(float(k) / kSides);
      Vertex v = vertex(pose, p + out * (radius * c) + up * (radius * flat * s), 1);
      v.normal = pose.turn(normalize(out * c + up * s));
      mesh.vertices.push_back(v);
    }
  }
  mesh.grid(first, rows, kSides, true, kFrame);
}

// A fan from the middle of a rim, slightly bulged as its normals tell.
void add_lens(const std::vector<Point>& rim, const Pose& pose, Mesh& mesh) {
  Point middle{};
  for (Point p : rim) middle = middle + p * (1 / float(rim.size()));
  const int first = int(mesh.vertices.size()), n = int(rim.size());
  const auto add = [&](Point p) {
    Vertex v = vertex(pose, p, 1);
    v.normal =
        pose.turn(normalize(Point{(p.x - middle.x) * .5f + middle.x * .18f, (p.y - middle.y) * .5f, 1}));
    mesh.vertices.push_back(v);
  };
  add(middle);
  for (Point p : rim) add(p);
  for (int k = 0; k < n; ++k) mesh.triangle(first, first + 1 + k, first + 1 + (k + 1) % n, kLens);
}

}  // namespace

void add_glasses(const Portrait& portrait, const Features& f, const HeadGrid& grid, const Pose& pose,
                 Mesh& mesh, Mesh& lenses) {
  if (portrait.attributes.glasses < .5f) return;
  const float thick = .0175f * (1 + .38f * portrait.spread(kFrameThickness));
  const float shape = portrait.spread(kFrameShape);  // round .. square, drooping .. winged in between
  const float square = smooth_step(-.6f, 1.0f, shape), wing = bell((shape - .35f) / .5f),
              drop = bell((shape + 1.1f) / .45f);
  const float size = (1 + .075f * portrait.spread(kFrameSize)) * (1 - .09f * portrait.growth.child);
  const float half_x = .232f * size, half_y = (.185f - .035f * square + .02f * drop) * size;
  const Point bridge = on_head(mesh, grid, {0, .035f, .905f});
  const Point ear = on_head(mesh, grid, {.74f, .05f, -.05f});
  const float z = max(bridge.z + .045f, f.eye.z + f.eye_radius + .105f);
  const float center_x = max(f.eye.x + .012f, half_x + .075f), center_y = f.eye.y - .035f;
  for (int side = -1; side <= 1; side += 2) {
    const float s = float(side);
    std::vector<Point> rim;
    for (int k = 0; k < 44; ++k) {
      const float c = wave(float(k) / 44 + .25f), d = wave(float(k) / 44);
      const float power = mix(1.0f, .55f, square);  // of the superellipse
      float x = (c < 0 ? -1 : 1) * pow(abs(c), power), y = (d < 0 ? -1 : 1) * pow(abs(d), power);
      y += .16f * wing * max(x, 0.0f) * max(y, 0.0f);
      y -= .30f * drop * max(-y, 0.0f) * max(x, 0.0f);
      x *= 1 - .10f * max(-y, 0.0f) * square;
      rim.push_back({s * (center_x + half_x * x), center_y + half_y * y,
                     z - .09f * (center_x + half_x * x) * (center_x + half_x * x) - .03f * max(-y, 0.0f)});
    }
    if (side < 0) rim = {rim.rbegin(), rim.rend()};
    add_tube(rim, true, thick, 1.25f, pose, mesh);
    add_lens(rim, pose, lenses);
    const float hinge = center_x + half_x * .98f, hinge_y = center_y + half_y * .45f,
                hinge_z = z - .09f * hinge * hinge;
    std::vector<Point> arm;
    for (int k = 0; k <= 10; ++k) {
      const float t = float(k) / 10;
      const float x = mix(hinge, ear.x + .025f, smooth_step(0, .45f, t));
      arm.push_back({s * x, mix(hinge_y, ear.y + .03f, t), mix(hinge_z, ear.z - .10f, t)});
    }
    add_tube(arm, false, thick * .85f, 1.3f, pose, mesh);
  }
  std::vector<Point> saddle;
  const float inner = center_x - half_x * .96f;
  for (int k = -5; k <= 5; ++k) {
    const float t = float(k) / 5;
    saddle.push_back({inner * t, center_y + half_y * (.36f - .12f * t * t), z + .012f * (1 - t * t)});
  }
  add_tube(saddle, false, thick * .9f, 1.1f, pose, mesh);
}

}  // namespace portraits
