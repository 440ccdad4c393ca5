#include "room.h"

namespace portraits {

Color room_at(const Scene& s, float x, float y) {
  const float blur = .28f;
  // the frame follows the head, so the room leans with the shoulders
  const float ct = cosine(s.tilt), st = sine(s.tilt), level = x * ct - y * st;
  y = x * st + y * ct, x = level;
  Color c = mix(s.background_low, s.background_high, unit(y * .5f + .5f + .12f * x));
  // a second wall beyond the corner lies in other light
  const float corner = 1.5f * s.corner;
  const float beyond = smooth_step(corner - blur, corner + blur, x);
  c = c * (1 - .28f * (s.corner > 0 ? beyond : 1 - beyond));
  // a window or a door, brighter than the wall, on one side
  const float side = s.window < 0 ? -1 : 1, strength = smooth_step(.35f, .9f, abs(s.window));
  const float wx = side * x - (.62f + .25f * (1 - abs(s.window)));
  const float pane =
      smooth_step(-.22f, .10f, wx) * smooth_step(-.60f, -.25f, y) * (1 - .5f * smooth_step(.35f, .55f, wx));
  return mix(c, c * .4f + Color{.62f, .66f, .70f}, .62f * strength * pane);
}

namespace {

// 1 inside of a box, soft at its edges
float box(float x, float y, float center_x, float center_y, float half_x, float half_y, float soft) {
  const auto inside = [&](float d, float half) { return smooth_step(half + soft, half - soft, abs(d)); };
  return inside(x - center_x, half_x) * inside(y - center_y, half_y);
}

}  // namespace

Color wide_room_at(const Scene& s, float x, float y, float aspect) {
  constexpr float kSoft = .012f;
  x *= aspect;
  const float corner = .55f * aspect * s.corner;
  const float beyond = smooth_step(corner - kSoft, corner + kSoft, x);
  const float away = abs(x - corner);  // the floor's edge rises towards the corner
  const float floor_y = -.52f - .22f * away;
  Color c = mix(s.background_low, s.background_high, unit(y * .5f + .5f));
  c = c * (1 - .30f * (s.corner > 0 ? beyond : 1 - beyond)) * (.82f + .18f * smooth_step(0, .9f, away));
  // window on one wall, a framed picture on the other
  const float side = s.window < 0 ? -1 : 1, wx = corner + side * (.40f + .45f * abs(s.window)) * aspect;
  const float pane = box(x, y, wx, .38f, .30f, .36f, kSoft),
              bars = max(box(x, y, wx, .38f, .014f, .36f, kSoft), box(x, y, wx, .38f, .30f, .014f, kSoft));
  c = mix(c, Color{.60f, .58f, .55f}, box(x, y, wx, .38f, .335f, .395f, kSoft));
  c = mix(c, Color{.70f, .82f, .95f} * (.75f + .35f * unit(y)), pane * (1 - bars));
  const float px = corner - side * .55f * aspect;
  c = mix(c, s.background_high * .25f, box(x, y, px, .40f, .20f, .26f, kSoft));
  c = mix(c, mix(s.shirt, Color{.5f, .5f, .45f}, unit(y)), box(x, y, px, .40f, .165f, .225f, kSoft));
  const Color boards = Color{.20f, .125f, .07f} * (.85f + .15f * wave(x * 2.2f / (.35f - (y - floor_y))));
  const float skirting = smooth_step(floor_y + .055f + kSoft, floor_y + .055f - kSoft, y);
  c = mix(c, Color{.42f, .41f, .39f}, skirting);
  return mix(c, boards, smooth_step(floor_y + kSoft, floor_y - kSoft, y));
}

}  // namespace portraits
