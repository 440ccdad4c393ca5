// Signed-distance fields: ellipsoids, spheres and capsules joined by smooth minima
// (polynomial smooth minimum; the ellipsoid distance is the usual first-order bound).
#include "shape.h"

namespace portraits {
namespace {

constexpr float kFar = 1e3f;

[[gnu::always_inline]] inline Lanes smooth_min(Lanes a, Lanes b, float k) {
  const Lanes h = unit(0.5f + (0.5f / k) * (b - a));
  return b + (a - b) * h - k * h * (1.0f - h);
}
[[gnu::always_inline]] inline Lanes smooth_max(Lanes a, Lanes b, float k) { return -smooth_min(-a, -b, k); }

[[gnu::always_inline]] inline Lanes ellipsoid(Points p, Point center, Point radius) {
  const Points q = p - center;
  const Point i{1 / radius.x, 1 / radius.y, 1 / radius.z};
  const Points a{q.x * i.x, q.y * i.y, q.z * i.z};
  const Points b{a.x * i.x, a.y * i.y, a.z * i.z};
  const Lanes k0 = sqrt(dot(a, a)), k1 = sqrt(dot(b, b));
  return k0 * (k0 - 1.0f) / (k1 + 1e-6f);
}

[[gnu::always_inline]] inline Lanes sphere(Points p, Point center, float radius) {
  const Points q = p - center;
  return sqrt(dot(q, q)) - radius;
}

[[gnu::always_inline]] inline Lanes capsule(Points p, Point from, Point to, float radius) {
  const Points q = p - from;
  const Point axis = to - from;
  const Lanes t = unit((q.x * axis.x + q.y * axis.y + q.z * axis.z) * (1 / dot(axis, axis)));
  const Points r{q.x - axis.x * t, q.y - axis.y * t, q.z - axis.z * t};
  return sqrt(dot(r, r)) - radius;
}

Points mirror(Points p) { return {abs(p.x), p.y, p.z}; }

}  // namespace

Shape::Shape(const Portrait& portrait) : attributes_(portrait.attributes), id_(portrait.identity) {
  const float radians = 3.14159265f / 180;
  const float yaw = attributes_.yaw * radians, pitch = attributes_.pitch * radians;
  const float cy = std::cos(yaw), sy = std::sin(yaw), cp = std::cos(pitch), sp = std::sin(pitch);
  turn_x_ = {cy, 0, -sy};
  turn_y_ = {sp * sy, cp, sp * cy};
  turn_z_ = {cp * sy, -sp, cp * cy};
  male_ = attributes_.gender;
  eye_ = {0.272f * id_.eye_distance, 0.06f + id_.eye_height, 0.605f};
  eye_radius_ = 0.138f * id_.eye_size;
  mouth_half_width_ = 0.20f * id_.mouth_width * (1 + 0.30f * attributes_.smile);
}

Points Shape::to_head(Points p) const {
  return {turn_x_.x * p.x + turn_x_.z * p.z, turn_y_.x * p.x + turn_y_.y * p.y + turn_y_.z * p.z,
          turn_z_.x * p.x + turn_z_.y * p.y + turn_z_.z * p.z};
}
Point Shape::to_head(Point p) const { return {dot(turn_x_, p), dot(turn_y_, p), dot(turn_z_, p)}; }

float Shape::mouth_curve(float x) const {
  const float t = x / mouth_half_width_;
  return id_.mouth_height + (0.090f * attributes_.smile - 0.018f * (1 - attributes_.smile)) * t * t;
}

Lanes Shape::skin(Points p) const {
  const Points m = mirror(p);
  const float beard = 1 + 0.04f * attributes_.beard;
  Lanes d = ellipsoid(p, {0, .18f, -.08f}, {.74f * id_.head_width, .86f * id_.head_height, .86f});
  const Lanes jaw = ellipsoid(p, {0, -.40f, .10f},
                              {.53f * id_.jaw * beard, .56f * id_.head_height * beard, .62f * beard});
  d = smooth_min(d, jaw, .24f);
  const Lanes neck = capsule(p, {0, -.7f, -.14f}, {0, -1.7f, -.25f}, .30f + .06f * male_);
  // nothing below sticks out further than this, so far points can stop here
  if (all((d > .5f) & (neck > .3f))) return min(d - .3f, neck - .1f);
  if (any(p.z > .2f)) d = face_details(p, m, d);
  d = smooth_min(d, ellipsoid(m, {.755f * id_.head_width, 0, -.05f}, {.07f, .19f * id_.ears, .12f}), .05f);
  return smooth_min(d, neck, .14f);
}

// Cheeks, chin, sockets and brows.
Lanes Shape::face_details(Points p, Points m, Lanes d) const {
  const float smile = attributes_.smile;
  d = smooth_min(d, sphere(m, {.40f * id_.head_width, -.14f, .50f}, .17f * id_.cheek), .18f);
  d = smooth_min(d, sphere(m, {.36f, -.26f + .06f * smile, .57f}, .10f * (1 + .4f * smile)), .16f);
  d = smooth_min(d, sphere(p, {0, -.85f * id_.head_height, .50f}, .15f * id_.chin), .20f);
  const Point socket{eye_.x, eye_.y, .87f};
  d = smooth_max(d, -ellipsoid(m, socket, {.18f, .11f, .16f}), .12f);
  const float brow = eye_.y + .175f;
  d = smooth_min(d, capsule(m, {.12f, brow, .70f}, {.42f, brow + .01f, .56f}, .045f + .025f * male_), .10f);
  return nose_and_mouth(p, m, d);
}

Lanes Shape::nose_and_mouth(Points p, Points m, Lanes d) const {
  const float z = .80f + .09f * id_.nose_length;
  const float tip = -.21f * id_.nose_length;
  d = smooth_min(d, capsule(p, {0, .14f, .73f}, {0, tip + .01f, z + .05f}, .06f * id_.nose_thickness), .09f);
  d = smooth_min(d, sphere(p, {0, tip, z + .05f}, .08f * id_.nose_thickness), .06f);
  const Point wing{.085f * id_.nose_width, tip - .025f, z - .05f};
  d = smooth_min(d, sphere(m, wing, .058f * id_.nose_width), .05f);

  const float width = mouth_half_width_;
  const Lanes t = min(m.x * (1 / width), splat(1));
  const float bend = .090f * attributes_.smile - .018f * (1 - attributes_.smile);
  Points q = p;
  q.y -= id_.mouth_height + bend * t * t;
  d = smooth_min(d, ellipsoid(q, {0, .03f, .725f}, {width, .045f * id_.lips, .075f}), .06f);
  return smooth_min(d, ellipsoid(q, {0, -.035f, .725f}, {width * .85f, .05f * id_.lips, .08f}), .06f);
}

// Curls and strands as a product of waves.
Lanes Shape::hair_bumps(Points p) const {
  const float depth = .055f * id_.curl;
  const Lanes curls = wave(p.x * 1.9f + 8.0f + 0.4f * p.y) * wave(p.y * 1.7f + 8.3f) * wave(p.z * 1.9f + 8.1f);
  const Lanes strands = wave(p.x * 6.1f + 20.0f + 0.8f * wave(p.y * 1.3f + 9.0f));
  return depth * curls + .008f * strands;
}

// A cap around the skull from which the face, the sides and the bald crown are cut, plus curtains
// of long hair.
Lanes Shape::hair(Points p) const {
  const float bald = attributes_.bald, length = id_.hair_length;
  if (bald > .97f) return splat(kFar);
  const Points m = mirror(p);
  // well inside the face window there is no hair near
  if (all((p.z > .45f) & (m.x < .40f) & (abs(p.y + .25f) < .45f))) return splat(.12f);
  const float volume = .10f + .06f * id_.curl + .04f * smooth_step(0.1f, 0.5f, length);
  const Point radius{.74f * id_.head_width + volume, .87f * id_.head_height + volume, .86f + volume};
  Lanes d = ellipsoid(p, {0, .20f, -.12f}, radius);
  if (all(d > .45f)) return d - .25f;
  const Lanes bumps = hair_bumps(p);
  d += bumps;

  // The face window: an upright oval in front, its top is the hairline.
  const float hairline = .64f + .34f * bald - .22f * id_.fringe * (1 - unit(2 * bald));
  const float bottom = -1.0f, middle = .5f * (hairline + bottom);
  const Lanes slant = .18f * id_.parting * p.x;
  const Lanes oval = sqrt(m.x * m.x * (1 / .4356f) +
                          (p.y + slant - middle) * (p.y + slant - middle) *
                              (1 / ((hairline - middle) * (hairline - middle))));
  const Lanes window = max((oval - 1.0f) * .6f, .05f + .10f * bald - p.z);
  d = smooth_max(d, -window, .05f);

  // Sides and back end at this height; beside the face only long hair comes forward.
  const float end = .04f - 1.2f * length;
  d = smooth_max(d, end - p.y, .08f);
  d = smooth_max(d, min(.15f - p.y, p.z - .08f), .06f);
  if (length > .2f) {
    const float x = .72f * id_.head_width;
    const Lanes curtain = capsule(m, {x + .02f, .30f, -.12f}, {x - .02f, .1f - length * 1.25f, -.06f}, .17f);
    const Lanes back = ellipsoid(p, {0, -.2f - .4f * length, -.5f}, {x + .04f, .9f * length + .25f, .38f});
    d = smooth_min(d, smooth_min(curtain, back, .1f) + bumps, .12f);
  }
  d += .10f * smooth_step(.6f, 1, bald);
  if (bald > .02f) {
    const float grow = .05f + .75f * bald;
    const Lanes crown = ellipsoid(p, {0, .95f * id_.head_height, .1f}, {grow, grow, .05f + .95f * bald});
    d = smooth_max(d, -crown, .05f);
  }
  return d;
}

Lanes Shape::eyes(Points m) const { return sphere(m, eye_, eye_radius_); }

// Two rims (round or rounded squares), the bridge and the temples.
Lanes Shape::glasses(Points p, Points m) const {
  if (all((abs(p.y - eye_.y) > .45f) | (p.z < -.2f))) return splat(.2f);
  const float tube = .021f * id_.frame_thickness;
  const Points c = m - Point{eye_.x + .015f, eye_.y - .01f, .88f};
  const float corner = mix(.19f, .06f, id_.frame_squareness);
  const float flat_x = .20f - corner + .01f, flat_y = mix(.0f, .09f, id_.frame_squareness);
  const Lanes ax = max(abs(c.x) - flat_x, splat(0)), ay = max(abs(c.y) - flat_y, splat(0));
  const Lanes rim = sqrt(ax * ax + ay * ay) - corner;
  Lanes d = sqrt(rim * rim + c.z * c.z) - tube;
  const float y = eye_.y + .03f;
  d = min(d, capsule(p, {-.09f, y, .89f}, {.09f, y, .89f}, tube));
  return min(d, capsule(m, {eye_.x + .21f, y, .86f}, {.79f * id_.head_width, y, 0}, tube));
}

Surface Shape::nearest(Points world) const {
  const Points p = to_head(world);
  const Points m = mirror(p);
  Surface s{skin(p), LaneMask{} + int32_t(kSkin)};
  const auto join = [&s](Lanes d, Material material) {
    const LaneMask closer = d < s.distance;
    s.distance = closer ? d : s.distance;
    s.material = closer ? LaneMask{} + int32_t(material) : s.material;
  };
  join(hair(p), kHair);
  if (any(p.z > .3f)) join(eyes(m), kEye);
  if (attributes_.glasses > .5f) join(glasses(p, m), kFrame);
  if (any(world.y < -.8f)) join(ellipsoid(world, {0, -2.2f, -.3f}, {1.45f, .85f, .65f}), kShirt);
  return s;
}

Lanes Shape::distance(Points world) const { return nearest(world).distance; }

}  // namespace portraits
