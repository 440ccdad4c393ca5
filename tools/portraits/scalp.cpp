#include "scalp.h"

#include <iterator>

#include "noise.h"

namespace portraits {
namespace {

constexpr Point kSkull{0, .30f, -.08f};
constexpr Point kSkullRadius{.77f, .83f, .95f};

// Height of the hairline by the cosine of the azimuth: front 1, ear 0, nape -1.
struct Key {
  float cosine, y;
};
constexpr Key kHairlineKeys[] = {{1.0f, .76f},  {.84f, .73f},  {.70f, .60f},   {.52f, .40f},
                                 {.34f, .20f},  {.20f, -.16f}, {.06f, -.17f},  {-.03f, .08f},
                                 {-.26f, .03f}, {-.5f, -.40f}, {-.75f, -.68f}, {-1, -.72f}};

}  // namespace

Scalp::Scalp(const Portrait& p) {
  const Identity& id = p.identity;
  bald_ = p.attributes.bald;
  thin_ = smooth_step(.62f, .98f, bald_);
  line_ = .030f * p.spread(kHairline) - .02f * p.growth.child;
  peak_ = .035f * p.spread(kHairline) * p.growth.adult + .05f * p.attributes.gender * p.growth.adult;
  curl_ = id.curl;
  tied_ = id.tied * smooth_step(.30f, .36f, id.hair_length) * smooth_step(.55f, .25f, bald_);
  length_ = .16f + 3.1f * id.hair_length * id.hair_length + .5f * id.hair_length;
  length_ *= 1 - .25f * p.growth.child;
  const float loft = unit(.5f + .25f * p.spread(kVolume));
  volume_ = (.045f + .09f * loft + .14f * curl_ * curl_ * (.35f + loft)) *
            (.45f + .55f * smooth_step(0, .25f, id.hair_length));
  volume_ *= (1 - .55f * tied_) * (1 - .25f * p.growth.old);
  fringe_ = id.fringe;
  part_ = id.parting;
  const float high = .5f + .5f * part_;  // from the nape to the top of the head
  gather_ = {0, .20f + 1.05f * high, -1.15f + .75f * high * high};
  extent_ = p.spread(kBeardExtent);
}

Points Scalp::outward(Points root) const {
  const Points d = root - splat(kSkull);
  return normalize(Points{d.x * (1 / (kSkullRadius.x * kSkullRadius.x)),
                          d.y * (1 / (kSkullRadius.y * kSkullRadius.y)),
                          d.z * (1 / (kSkullRadius.z * kSkullRadius.z))});
}

// Signed height over the hairline, with receding temples and crown.
Lanes Scalp::above_line(Points root, float bald) const {
  const Lanes cosine = root.z * (1.0f / sqrt(root.x * root.x + root.z * root.z + 1e-6f));
  Lanes line = splat(kHairlineKeys[0].y + line_);
  for (size_t i = 1; i < std::size(kHairlineKeys); ++i)
    line += (kHairlineKeys[i].y - kHairlineKeys[i - 1].y) *
            smooth_step(kHairlineKeys[i - 1].cosine, kHairlineKeys[i].cosine, cosine);
  const Lanes temple = bell((cosine - .80f) * 7.0f), front = smooth_step(.25f, .75f, cosine);
  line += (peak_ + .55f * min(bald, .35f)) * temple + .62f * front * smooth_step(.05f, .62f, bald);
  const float spot = .74f * smooth_step(.12f, .62f, bald);  // the crown opens
  const Points d{root.x * 1.15f, root.y - 1.08f, (root.z + .28f) * .85f};
  const Lanes crown = sqrt(dot(d, d)) - spot;
  return spot > .01f ? min(root.y - line, crown * 1.2f - .02f) : root.y - line;
}

Lanes Scalp::density(Points root) const {
  const Lanes ragged = .022f * noise(root * 13.0f) + .014f * noise(root * 31.0f);
  return smooth_step(-.030f, .050f, above_line(root, bald_) + ragged) * (1 - thin_);
}

Lanes Scalp::grown(Points root) const { return smooth_step(-.02f, .03f, above_line(root, 0)); }

Lanes Scalp::thickness(Points root, Lanes density) const {
  // hair rises behind its line and lies close at the temples, before the ears and in the nape
  const Lanes rise = smooth_step(0.0f, .26f, above_line(root, bald_));
  const Lanes close = smooth_step(-.45f, .45f, root.y);
  return density * volume_ * .62f * (.12f + .88f * rise) * (.40f + .60f * close);
}

Points Scalp::comb(Points root) const {
  const Points n = outward(root);
  const auto tangent = [&](Points d) { return d - n * dot(n, d); };
  const Point whorl = normalize(Point{.12f * part_, .80f, -.52f});
  const Points from_whorl = normalize(tangent(splat(-whorl)));
  // from the parting to the sides, slightly back
  const Lanes side = clamp((root.x - .34f * part_) * 7.0f, -1, 1);
  const Points parted = normalize(tangent(Points{side, splat(-.35f), splat(-.30f)}));
  const Points back = normalize(tangent(splat(Point{0, .1f, -1})));
  const Lanes front = smooth_step(-.35f, .35f, root.z) * smooth_step(.15f, .55f, root.y);
  // the style of the front goes from brushed back over parted to a fringe
  const float to_fringe = smooth_step(.50f, .80f, fringe_), to_back = smooth_step(.30f, .05f, fringe_);
  Points d = mix(from_whorl, mix(parted, back, to_back), front * (1 - to_fringe));
  const Points gather = normalize(tangent(splat(gather_) - root));
  // over the ears and in the nape hair hangs
  const Lanes hanging = smooth_step(.25f, -.15f, root.y) * smooth_step(.30f, .0f, root.z);
  d = normalize(mix(d, normalize(tangent(splat(Point{0, -1, -.35f}))), hanging * (1 - tied_)));
  return normalize(mix(d, gather, tied_ * (1.0f - .75f * to_fringe * front)));
}

// Moustache, chin, jaw and cheek in the places of the average face.
Lanes Scalp::whiskers(Points root) const {
  const Lanes m = abs(root.x);
  const float extent = smooth_step(-1.6f, .4f, extent_);  // 0 moustache and chin, 1 full
  const Lanes cheek = -.56f + .34f * smooth_step(.30f, .66f, m) + .05f * bell((m - .38f) * 6.0f);
  const Lanes full =
      smooth_step(.05f, -.09f, root.y - cheek) * smooth_step(-.08f, .02f, root.z + .3f * (root.y + .2f));
  const Lanes chin =
      smooth_step(.34f, .22f, m) * smooth_step(-.60f, -.70f, root.y) * smooth_step(.2f, .4f, root.z);
  const Lanes lip =
      bell((root.y + .595f + .05f * m) * 14.0f) * smooth_step(.34f, .20f, m) * smooth_step(.3f, .5f, root.z);
  const Lanes under = smooth_step(-1.25f, -1.19f, root.y - .10f * smooth_step(.75f, .3f, root.z)) *
                      smooth_step(.0f, .2f, root.z);
  const Lanes ragged = 1.0f + .25f * noise(root * 24.0f);
  return unit(max(max(chin, full * extent) * under, lip) * ragged);
}

}  // namespace portraits
