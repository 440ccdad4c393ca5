// Painting in head space. exp(-x^2) bumps serve as soft brushes; `grain` is value noise.
#include "paint.h"

namespace portraits {
namespace {

float brush(float x) { return std::exp(-x * x); }

float lattice(int x, int y, int z) {
  uint32_t n = uint32_t(x) * 374761393u + uint32_t(y) * 668265263u + uint32_t(z) * 2147483647u;
  n = (n ^ (n >> 13)) * 1274126177u;
  return float((n ^ (n >> 16)) & 0xffff) / 32768.0f - 1;
}

// Smooth noise in [-1,1]
float grain(Point p) {
  const float x = std::floor(p.x), y = std::floor(p.y), z = std::floor(p.z);
  const auto ease = [](float t) { return t * t * (3 - 2 * t); };
  const float fx = ease(p.x - x), fy = ease(p.y - y), fz = ease(p.z - z);
  const int ix = int(x), iy = int(y), iz = int(z);
  const auto row = [&](int dy, int dz) {
    return mix(lattice(ix, iy + dy, iz + dz), lattice(ix + 1, iy + dy, iz + dz), fx);
  };
  return mix(mix(row(0, 0), row(1, 0), fy), mix(row(0, 1), row(1, 1), fy), fz);
}

}  // namespace

Painter::Painter(const Portrait& portrait, const Shape& shape) : portrait_(portrait), shape_(shape) {
  const Point camera = shape.to_head(Point{0, 0, 1});
  gaze_ = {0.45f * camera.x, 0.45f * camera.y, 0};
  old_ = smooth_step(32, 72, portrait.attributes.age);
}

Paint Painter::at(Point world, Material material) const {
  const Point p = shape_.to_head(world);
  switch (material) {
    case kShirt: return {portrait_.scene.shirt, 0.02f};
    case kFrame: return {portrait_.identity.frame, 0.5f};
    case kHair: {
      const float strand = grain({p.x * 22, p.y * 3, p.z * 22});
      return {portrait_.identity.hair * (.88f + .16f * strand), 0.16f};
    }
    case kEye: return {eye(p), 0.4f};
    default: return {skin(p), 0.10f};
  }
}

Color Painter::eye(Point p) const {
  const float side = p.x < 0 ? -1 : 1;
  const Point n = (p - shape_.eye_center(side)) * (1 / shape_.eye_radius());
  // the lids leave an almond open
  const float across = n.x / .88f;
  const float open = 1 - across * across;
  const float upper = (.46f - .10f * portrait_.attributes.smile - .10f * old_) * open - .02f;
  const float lower = (-.36f + .10f * portrait_.attributes.smile) * open;
  const Color lid = portrait_.identity.skin * Color{.88f, .80f, .78f};
  if (n.y > upper + .16f || n.y < lower - .05f || open < 0) return lid;
  if (n.y > upper) return mix(Color{.06f, .04f, .035f}, lid, smooth_step(.04f, .16f, n.y - upper));
  if (n.y < lower) return lid * .8f;
  const float dx = n.x - gaze_.x, dy = n.y - gaze_.y - .02f;
  const float r = std::sqrt(dx * dx + dy * dy);
  const float shade = .75f + .25f * smooth_step(0, .25f, upper - n.y);
  Color c = mix(Color{.90f, .89f, .87f}, portrait_.identity.iris, smooth_step(.43f, .36f, r));
  c = mix(c, Color{.02f, .02f, .02f}, smooth_step(.20f, .15f, r));
  return c * shade;
}

Color Painter::skin(Point p) const {
  const float x = std::abs(p.x);
  Color c = portrait_.identity.skin;
  const float blush = p.z > .2f ? brush((x - .38f) * 2.8f) * brush((p.y + .18f) * 2.8f) : 0;
  c = mix(c, c * Color{1, .80f, .77f}, .5f * blush);
  c = c * (1 + .03f * grain(p * 12.0f));
  if (p.z > .2f) {
    paint_mouth(p, c);
    paint_brows(p, c);
    if (old_ > 0) paint_wrinkles(p, c);
    const Identity& id = portrait_.identity;
    const float nostril = brush((x - .055f * id.nose_width) / .028f) * brush((p.y + .275f * id.nose_length) / .02f);
    c = c * (1 - .6f * nostril);
  }
  if (portrait_.attributes.beard > .01f) paint_beard(p, c);
  return c;
}

void Painter::paint_mouth(Point p, Color& c) const {
  const Identity& id = portrait_.identity;
  const float across = std::abs(p.x) / shape_.mouth_half_width();
  if (across >= 1 || std::abs(p.y - id.mouth_height) > .25f) return;
  const float height = 1 - across * across, root = std::sqrt(height);
  const float cupid = 1 - .25f * brush(p.x * 30);
  const float upper = .048f * id.lips * root * cupid, lower = .060f * id.lips * root;
  const float y = p.y - shape_.mouth_curve(p.x);
  const float open = .058f * smooth_step(.3f, 1, portrait_.attributes.smile) * height;
  const Color lip = c * mix(Color{.92f, .50f, .52f}, Color{.88f, .65f, .64f}, portrait_.attributes.gender);
  const float inside = min(smooth_step(upper + open + .008f, upper + open - .008f, y),
                           smooth_step(-lower - open - .008f, -lower - open + .008f, y));
  c = mix(c, lip, inside);
  if (std::abs(y) < open) {
    c = Color{.90f, .88f, .85f};
  } else {
    c = c * (1 - .5f * smooth_step(.014f, .004f, std::abs(y) - open));
  }
}

void Painter::paint_brows(Point p, Color& c) const {
  const Identity& id = portrait_.identity;
  const float eye_y = shape_.eye_center(1).y;
  const float along = (std::abs(p.x) - .285f * id.eye_distance) / .19f;
  if (std::abs(along) >= 1) return;
  const float y = eye_y + .18f + id.brow_height - .035f * along * along + .012f * along;
  const float thick = .026f * id.brow_thickness * (1 - .45f * unit(along));
  const float cover = smooth_step(thick + .014f, thick - .008f, std::abs(p.y - y));
  const Color brow = id.hair * .7f;
  c = mix(c, brow, .88f * cover * smooth_step(1, .85f, std::abs(along)));
}

void Painter::paint_wrinkles(Point p, Color& c) const {
  const float x = std::abs(p.x), eye_y = shape_.eye_center(1).y;
  float lines = 0;
  for (int i = 0; i < 3; ++i) {
    const float y = .42f + .10f * float(i) + .02f * std::sin(p.x * 6 + float(i));
    lines += brush((p.y - y) / .016f) * smooth_step(.42f, .2f, x);
  }
  const float fold = x - (.17f + .26f * (-.2f - p.y));
  lines += 1.4f * brush(fold / .018f) * smooth_step(-.52f, -.42f, p.y) * smooth_step(-.12f, -.2f, p.y);
  const float bag = p.y - (eye_y - .15f - .05f * ((x - .28f) / .15f) * ((x - .28f) / .15f) + .03f);
  lines += brush(bag / .016f) * smooth_step(.2f, .1f, std::abs(x - .28f));
  c = c * (1 - .33f * unit(lines) * old_);
}

void Painter::paint_beard(Point p, Color& c) const {
  const float x = std::abs(p.x);
  const float mouth_y = portrait_.identity.mouth_height;
  const float half = shape_.mouth_half_width();
  const float edge = -.24f + .20f * smooth_step(.30f, .62f, x);  // the beard climbs towards the ears
  const float jaw = smooth_step(edge, edge - .14f, p.y) * smooth_step(-1.2f, -1.0f, p.y) *
                    smooth_step(-.12f, .05f, p.z);
  const float past = max(0.0f, x - .7f * half);
  const float dy = p.y - shape_.mouth_curve(x);
  const float lips = smooth_step(.045f, .085f, std::sqrt(past * past + dy * dy));
  const float moustache =
      brush((p.y - mouth_y - .125f) / .045f) * smooth_step(.32f, .22f, x) * (p.z > .4f ? 1.0f : 0.0f);
  const float cover = max(jaw * lips, moustache) * portrait_.attributes.beard;
  c = mix(c, portrait_.identity.hair * .75f, unit(cover * (.93f + .10f * grain(p * 24.0f))));
}

}  // namespace portraits
