// Openings of the face: through the lids the ball of the eye is seen, through the lips the teeth. The rays
// are followed to what lies behind, so both move as they should when the head turns.
#include "noise.h"
#include "paint.h"

namespace portraits {

void Painter::paint_eyes(const Hits& hits, Paint& paint) const {
  const Points p = hits.at;
  const Lanes m = abs(p.x), across = f_.eye_across(m);
  const Lanes over = f_.upper_lid(across) - p.y, under = p.y - f_.lower_lid(across);
  const LaneMask open = (abs(across) < 1.0f) & (over > 0.0f) & (under > 0.0f) & (p.z > .35f);
  if (!any(open)) return;
  const Rotation back = pose_.turn.transposed();
  const Points ray = back(hits.ray);
  const Lanes side = select(p.x < 0.0f, splat(-1), splat(1));
  const Points center{side * f_.eye.x, splat(f_.eye.y), splat(f_.eye.z)};
  const float radius = f_.eye_radius;
  const Points from = p - center;
  const Lanes b = dot(from, ray), c = dot(from, from) - radius * radius;
  const Lanes t = -b - sqrt(max(b * b - c, splat(0)));
  const Points n = normalize(from + ray * t);
  // both eyes look at the camera, though not all the way when the head is turned
  const Point camera = back(Point{0, 0, kCameraDistance} - Point{0, 0, .7f});
  const Point ahead = normalize(mix(Point{0, 0, kCameraDistance}, camera, .62f));
  const Points gaze = normalize(Points{ahead.x - side * .012f, splat(ahead.y), splat(ahead.z)});
  const Points right = normalize(Points{gaze.z, splat(0), -gaze.x}), up = cross(gaze, right);
  const Lanes u = dot(n, right), v = dot(n, up);
  const Lanes r = sqrt(u * u + v * v) * (1 / .475f);  // 1 at the border of the iris
  // sclera, redder towards the corners
  const Lanes corner = smooth_step(.55f, 1.0f, abs(across));
  Colors color = mix(splat(Color{.60f, .575f, .55f}), splat(Color{.62f, .42f, .38f}), corner * .55f);
  color = color * (1.0f - .05f * portrait_.growth.old);
  const Lanes caruncle = smooth_step(-.74f, -.92f, across);
  color = mix(color, splat(Color{.50f, .22f, .18f} * (.6f + .4f * (1 - portrait_.identity.tone))),
              caruncle * .8f);
  // iris: fibres by direction, darker border, light gathered opposite to the lamp
  const Lanes inv = 1.0f / max(r * .475f, .02f);
  const Lanes fibre = noise(Points{u * inv * 5.0f, v * inv * 5.0f, r * 1.5f + 3.0f});
  const Lanes gathered = unit(.55f - .55f * (u * light_.x + v * .9f) / .475f);
  Colors iris =
      splat(portrait_.identity.iris) * (.70f + .20f * fibre + .75f * gathered * smooth_step(1.0f, .4f, r));
  iris = iris * (1.0f - .72f * smooth_step(.74f, 1.0f, r));
  iris = mix(iris, splat(Color{.006f, .005f, .005f}), smooth_step(.44f, .37f, r));
  color = mix(color, iris, smooth_step(1.05f, .95f, r));
  // the upper lid and its lashes throw a shadow
  const Lanes shade = .42f + .58f * smooth_step(0.0f, .060f, over);
  const Lanes lash = smooth_step(.011f, .0f, over) * .75f;
  color = mix(color, splat(Color{.015f, .011f, .010f}), lash);
  const Lanes wet = smooth_step(.012f, .002f, under);
  color = mix(color, splat(portrait_.identity.skin) * Color{.95f, .62f, .58f}, wet * .7f);

  paint.albedo = select(open, color * shade, paint.albedo);
  paint.normal = select(open, pose_.turn(n), paint.normal);
  paint.gloss = select(open, splat(.0f), paint.gloss);
  paint.soft = select(open, splat(.6f), paint.soft);
  paint.hairy = select(open, splat(0), paint.hairy);
  paint.spark = select(open, shade * (1.0f - lash), paint.spark);
  paint.open = select(open, mix(splat(.62f), splat(1.0f), smooth_step(0.0f, .05f, over)), paint.open);
}

// Upper teeth on an arch, the dark of the mouth and the lower lip's inside.
void Painter::paint_mouth(const Hits& hits, Paint& paint) const {
  if (f_.mouth_open < .004f) return;
  const Points p = hits.at;
  const Lanes across = f_.mouth_across(abs(p.x));
  const Lanes top = f_.upper_lip_edge(across), bottom = f_.lower_lip_edge(across);
  const LaneMask open = (across < 1.0f) & (p.y < top) & (p.y > bottom) & (p.z > .35f);
  if (!any(open)) return;
  const Points ray = pose_.turn.transposed()(hits.ray);
  // the arch: an elliptic cylinder behind the lips
  const float wide = .30f * f_.width, deep = .34f, back = .935f - .055f * portrait_.growth.child - deep;
  const Points from{p.x * (1 / wide), p.y, (p.z - back) * (1 / deep)},
      to{ray.x * (1 / wide), ray.y, ray.z * (1 / deep)};
  const Lanes a = to.x * to.x + to.z * to.z, b = from.x * to.x + from.z * to.z,
              c = from.x * from.x + from.z * from.z - 1.0f;
  const Lanes t = (-b - sqrt(max(b * b - a * c, splat(0)))) / a;
  const Points q = p + ray * max(t, splat(0));
  const Lanes s = abs(q.x) * (1 / f_.width);
  // widths of the teeth from the middle outwards
  constexpr float kBorders[] = {0, .080f, .142f, .206f, .262f, .310f};
  Lanes gap = splat(0), place = splat(0);
  for (int i = 0; i < 5; ++i) {
    gap = max(gap, bell((s - kBorders[i]) / .0075f));
    const Lanes k = (s - kBorders[i]) * (1 / (kBorders[i + 1] - kBorders[i]));
    place = select((k >= 0.0f) & (k < 1.0f), 2.0f * k - 1.0f, place);
  }
  const float edge = f_.mouth_y + .3f * f_.mouth_open - .082f * (1 - .12f * portrait_.growth.child);
  const Lanes curve = edge + (f_.mouth_lift * .75f) * across * across +
                      .010f * place * place * place * place + .012f * smooth_step(.08f, .10f, s);
  const Lanes tooth = smooth_step(-.005f, .006f, q.y - curve);
  const Lanes under_lip = smooth_step(.0f, .05f, top - p.y), to_corner = unit(1.0f - across * across);
  const float yellow = .08f + .22f * portrait_.growth.old;
  const Color ivory = mix(Color{.70f, .67f, .61f}, Color{.62f, .53f, .38f}, yellow);
  Colors teeth =
      splat(ivory) * (1.0f - .38f * gap) * (.50f + .50f * under_lip) * (.30f + .70f * sqrt(to_corner));
  const Lanes tongue = smooth_step(.055f, .0f, p.y - bottom);
  Colors dark =
      mix(splat(Color{.030f, .009f, .008f}), splat(Color{.20f, .060f, .055f}), .55f * tongue * to_corner);
  paint.albedo = select(open, mix(dark, teeth, tooth), paint.albedo);
  paint.normal = select(open,
                        normalize(mix(pose_.turn(normalize(Points{q.x * (1 / (wide * wide)), splat(0),
                                                                  (q.z - back) * (1 / (deep * deep))})),
                                      hits.normal, .25f)),
                        paint.normal);
  paint.gloss = select(open, .35f * tooth * to_corner, paint.gloss);
  paint.sharp = select(open, splat(40), paint.sharp);
  paint.soft = select(open, splat(.5f), paint.soft);
  paint.hairy = select(open, splat(0), paint.hairy);
  paint.open = select(open, .45f + .45f * tooth * to_corner, paint.open);
}

}  // namespace portraits
