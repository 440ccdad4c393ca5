#include "room.h"

namespace portraits {

Color room_at(const Scene& s, float x, float y) {
  const float blur = .28f;
  Color c = mix(s.background_low, s.background_high, unit(y * .5f + .5f + .12f * x));
  // a second wall beyond the corner lies in other light
  const float corner = 1.5f * s.corner;
  const float beyond = smooth_step(corner - blur, corner + blur, x);
  c = c * (1 - .28f * (s.corner > 0 ? beyond : 1 - beyond));
  // a window or a door, brighter than the wall, on one side
  const float side = s.window < 0 ? -1 : 1, strength = smooth_step(.35f, .9f, abs(s.window));
  const float wx = side * x - (.62f + .25f * (1 - abs(s.window)));
  const float pane = smooth_step(-.22f, .10f, wx) * smooth_step(-.60f, -.25f, y) * (1 - .5f * smooth_step(.35f, .55f, wx));
  return mix(c, c * .4f + Color{.62f, .66f, .70f}, .62f * strength * pane);
}

}  // namespace portraits
