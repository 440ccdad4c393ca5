// Skin and what is painted on it, hair, spectacles and cloth.
#include "paint.h"

#include "noise.h"

namespace portraits {

Painter::Painter(const Portrait& portrait, const Features& features, const Scalp& scalp, const Pose& pose,
                 Point light)
    : portrait_(portrait), f_(features), scalp_(scalp), pose_(pose), light_(light) {
  const Identity& id = portrait.identity;
  const Color white{.50f, .50f, .50f};
  brow_color_ = mix(id.hair * .75f, white, .55f * smooth_step(.45f, 1, id.gray));
  beard_color_ = mix(id.hair * .9f, white, .92f * smooth_step(.0f, .8f, id.gray));
}

// Skin with its blood, freckles and spots.
Colors Painter::complexion(Points p, Points root) const {
  const Growth& g = portrait_.growth;
  const float tone = portrait_.identity.tone, light = 1 - tone;
  const Lanes m = abs(p.x);
  const Lanes mottle = noise(root * 5.0f), fine = noise(root * 16.0f);
  const Lanes cheek = bell((m - .43f * f_.width) * 4.6f) * bell((p.y + .40f * f_.lower) * 4.8f);
  const Lanes tip = bell(m * 9.0f) * bell((p.y - f_.nose_tip_y) * 8.0f);
  const Lanes chin = bell(m * 5.5f) * bell((p.y - f_.chin_y - .12f) * 9.0f);
  const float flush = (.20f + .22f * g.child + .08f * portrait_.spread(kSkinHue)) * (.35f + .65f * light);
  Lanes blood = flush * (cheek + .8f * tip + .35f * chin) + .05f * mottle;
  blood = select(p.z > .2f, blood, splat(0));
  // the hollow of the eye is darker
  const Lanes hollow =
      bell((m - f_.eye.x + .03f) * 4.8f) * bell((p.y + .005f) * 8.5f) * smooth_step(.3f, .5f, p.z);
  const float tired = .11f + .07f * g.mature + .10f * g.old + .06f * tone;
  Colors c = splat(portrait_.identity.skin) * (1.0f + .035f * mottle + .030f * fine);
  c = c * Colors{1.0f - .04f * blood - tired * hollow, 1.0f - .62f * blood - tired * 1.15f * hollow,
                 1.0f - .55f * blood - tired * 1.05f * hollow};
  // freckles of the young and spots of the old
  const float freckles = smooth_step(.55f, 2.0f, portrait_.spread(kFreckles)) * (1 - .6f * tone);
  const Lanes where = bell((p.y + .28f) * 2.6f) * smooth_step(.15f, .4f, p.z) * smooth_step(.75f, .4f, m);
  if (freckles > 0)
    c = c * mix(splat(Point{1, 1, 1}), splat(Point{.74f, .60f, .50f}),
                freckles * where * smooth_step(.28f, .62f, noise(root * 25.0f)));
  const float spots = .55f * g.old * (1 - .5f * tone);
  if (spots > 0)
    c = c * mix(splat(Point{1, 1, 1}), splat(Point{.72f, .58f, .50f}),
                spots * smooth_step(.45f, .75f, noise(root * 8.0f + splat(Point{5, 3, 1}))));
  return c;
}

Paint Painter::head(const Hits& hits) const {
  Paint paint{complexion(hits.at, hits.root),
              hits.normal,
              hits.normal,
              splat(0),
              splat(0),
              splat(0),
              splat(0),
              splat(0),
              splat(0)};
  const Points p = hits.at;
  const Growth& g = portrait_.growth;
  // the middle of the face is a little oily
  const Lanes oily = bell(p.x * 2.0f) * smooth_step(-1.2f, -.2f, p.y) * smooth_step(.3f, .8f, p.z);
  paint.gloss = .20f + .12f * oily - splat(.05f * g.old + .04f * g.child);
  paint.sharp = splat(18) + 10.0f * oily;
  paint.soft = splat(1);
  paint.open = splat(1);
  if (any(p.z > .3f)) {
    paint_lips(p, paint);
    paint_lids(p, paint);
    paint_brows(p, paint);
    // nostrils
    const Lanes m = abs(p.x);
    const Lanes hole = bell((m - f_.nose_half * .46f) / (.030f * f_.nose_half / .152f)) *
                       bell((p.y - (f_.nose_base_y + .024f + .10f * (f_.nose_half * .46f - m))) / .015f) *
                       smooth_step(.5f, .7f, p.z);
    paint.albedo = paint.albedo * (1.0f - .82f * hole);
    paint.gloss *= 1.0f - hole;
  }
  if (portrait_.attributes.beard > 0) paint_stubble(p, hits.root, paint);
  paint_scalp(hits.root, paint);
  if (any(p.z > .3f)) {
    paint_eyes(hits, paint);
    paint_mouth(hits, paint);
  }
  return paint;
}

void Painter::paint_lips(Points p, Paint& paint) const {
  const Lanes across = f_.mouth_across(abs(p.x));
  const Lanes up = f_.upper_lip_height(across), low = f_.lower_lip_height(across);
  const Lanes over = p.y - f_.upper_lip_edge(across), under = f_.lower_lip_edge(across) - p.y;
  const Lanes line = p.y - f_.mouth_line(across);
  const LaneMask upper = line > 0.0f;
  const Lanes inside =
      select(upper, smooth_step(.010f, -.008f, over - up), smooth_step(.012f, -.010f, under - low));
  const Lanes lip = inside * smooth_step(1.02f, .96f, across) * smooth_step(.3f, .5f, p.z);
  if (!any(abs(line) < .3f)) return;
  const float tone = portrait_.identity.tone, male = portrait_.attributes.gender * portrait_.growth.adult;
  const float pale = .30f * portrait_.growth.old + .36f * male + .28f * portrait_.growth.child;
  const Color light_lip{.78f, .34f, .35f}, dark_lip{.72f, .55f, .53f};
  const Color tint = mix(mix(light_lip, dark_lip, tone), Color{.95f, .80f, .78f}, pale);
  // fine folds across the lip
  const Lanes fold = noise(p.x * 42.0f, p.y * 6.0f);
  Colors c = paint.albedo * tint * (1.0f + .05f * fold);
  c = c * mix(splat(1), select(upper, splat(.84f), splat(1.0f)), lip);
  paint.albedo = mix(paint.albedo, c, lip);
  paint.gloss = mix(paint.gloss, select(upper, splat(.22f), splat(.42f)), lip);
  paint.sharp = mix(paint.sharp, splat(34), lip);
  // where the lips meet
  const Lanes meet = bell(line / .011f) * smooth_step(1.06f, .98f, across) * smooth_step(.3f, .5f, p.z);
  paint.albedo = paint.albedo * (1.0f - .72f * meet);
  paint.gloss *= 1.0f - meet;
}

// Lashes, the fold of the upper lid and the wet rim of the lower one.
void Painter::paint_lids(Points p, Paint& paint) const {
  const Lanes m = abs(p.x), across = f_.eye_across(m);
  if (!any((abs(across) < 1.35f) & (abs(p.y - f_.eye.y) < .2f))) return;
  const Lanes over = p.y - f_.upper_lid(across), under = f_.lower_lid(across) - p.y;
  const Lanes front = smooth_step(.3f, .5f, p.z);
  const Lanes near = smooth_step(1.18f, .92f, abs(across)) * front;
  const float female = (1 - portrait_.attributes.gender) * (.3f + .7f * portrait_.growth.adult);
  const Lanes long_out = .65f + .35f * smooth_step(-.8f, .9f, across);
  const Lanes comb = .8f + .2f * wave(across * 7.0f);
  const Lanes lash = near * long_out * smooth_step(.018f + .016f * female, .003f, over / comb) *
                     smooth_step(-.016f, -.004f, over);
  const Lanes lower_lash = near * .40f * smooth_step(-.2f, .8f, across) * smooth_step(.022f, .004f, under) *
                           smooth_step(-.010f, .0f, under);
  const float fold_at = .036f + .008f * f_.eye_fold;
  const float depth = unit(.55f + .28f * f_.eye_fold);
  const Lanes fold = near * depth * bell((over - fold_at) / .010f);
  paint.albedo = paint.albedo * Colors{1.0f - .34f * fold, 1.0f - .42f * fold, 1.0f - .44f * fold};
  const Lanes rim = front * smooth_step(1.05f, .95f, abs(across)) * bell((under - .003f) / .008f);
  paint.albedo = mix(paint.albedo, paint.albedo * Color{1.0f, .78f, .75f}, rim);
  const Color dark = mix(brow_color_ * .35f, Color{.012f, .009f, .008f}, .75f);
  paint.albedo =
      mix(paint.albedo, splat(dark), unit(lash * (.80f + .15f * female) + lower_lash * (.5f + .4f * female)));
  paint.gloss *= 1.0f - unit(lash);
}

void Painter::paint_brows(Points p, Paint& paint) const {
  const Lanes m = abs(p.x), along = f_.brow_along(m);
  if (!any((abs(along) < 1.2f) & (abs(p.y - f_.brow_y) < .2f))) return;
  const Lanes away = p.y - f_.brow_line(along);
  // hairs stand up at the nose and lie down towards the temple
  const Lanes slant = along * 5.2f - away * (30.0f - 16.0f * along);
  const Lanes hairs = noise(slant * 2.1f, along * 1.7f + away * 9.0f + 7.0f);
  const Lanes thick = f_.brow_thick * (1.12f - .50f * unit(along) - .18f * smooth_step(-.6f, -1.0f, along));
  const Lanes ends = smooth_step(1.08f, .82f, along) * smooth_step(-1.08f, -.86f, along);
  const Lanes body = smooth_step(.016f, -.012f, abs(away) - thick + .012f * hairs);
  const float strength = (.86f - .25f * portrait_.growth.child) * (1 - .25f * portrait_.growth.old);
  const Lanes cover = strength * ends * body * (.80f + .25f * hairs) * smooth_step(.3f, .5f, p.z);
  paint.albedo = mix(paint.albedo, splat(brow_color_), unit(cover));
  paint.gloss *= 1.0f - .7f * unit(cover);
}

// Short hairs painted on the skin; long ones are locks of their own.
void Painter::paint_stubble(Points p, Points root, Paint& paint) const {
  const float beard = portrait_.attributes.beard;
  const Lanes cover = scalp_.whiskers(root) * (1.0f - f_.on_lips(abs(p.x), p.y) * smooth_step(.3f, .5f, p.z));
  if (!any(cover > .01f)) return;
  const Points n = scalp_.outward(root);
  const Point down = normalize(Point{0, -.8f, .35f});
  const Points flow = normalize(splat(down) - n * dot(n, down));
  const Points squeezed = root * 46.0f - flow * (dot(root, flow) * 30.0f);
  const Lanes grain = noise(squeezed);
  const float full = smooth_step(.12f, .65f, beard);
  const Lanes amount = unit(cover * (smooth_step(0, .35f, beard) * .55f + full * .55f) *
                            (1.0f + (.34f - .16f * full) * grain));
  paint.albedo = mix(paint.albedo, splat(beard_color_) * (1.0f + .30f * grain), amount);
  paint.gloss *= 1.0f - .8f * amount;
  paint.hairy = max(paint.hairy, amount * full);
  paint.strand = pose_.turn(flow);
}

Colors Painter::hair_color(Lanes which, Lanes streak) const {
  const Identity& id = portrait_.identity;
  // grey comes hair by hair: the streaks that are drawn first turn first
  const Lanes gray = ease(id.gray * 1.30f - .12f + .14f * (which - .5f) + .05f * streak);
  const Colors own = splat(id.hair) * (1.0f + .20f * streak);
  return mix(own, splat(Point{.36f, .36f, .355f}) * (1.0f + .12f * streak),
             gray * smooth_step(0, .10f, id.gray));
}

void Painter::paint_scalp(Points root, Paint& paint) const {
  const Lanes dense = scalp_.density(root);
  if (!any(dense > .004f)) return;
  const Points flow = scalp_.comb(root);
  const Points squeezed = root * 26.0f - flow * (dot(root, flow) * 22.0f);
  const Lanes streak = noise(squeezed);
  const Lanes cover = smooth_step(.0f, .75f, dense + .25f * (dense * (1.0f - dense)) * 4.0f * streak);
  paint.albedo = mix(paint.albedo, hair_color(splat(.5f), streak), cover);
  paint.hairy = max(paint.hairy, cover);
  paint.strand = select(cover > .3f, pose_.turn(flow), paint.strand);
  paint.soft *= 1.0f - cover;
  paint.open = mix(paint.open, splat(.85f), cover);
}

Paint Painter::ear(const Hits& hits) const {
  Paint paint = {complexion(hits.at, hits.root + splat(Point{3, 1, 4})),
                 hits.normal,
                 hits.normal,
                 splat(.12f),
                 splat(16),
                 splat(1),
                 splat(0),
                 splat(1),
                 splat(0)};
  const float light = 1 - portrait_.identity.tone;
  paint.albedo = paint.albedo * Color{1.0f, 1 - .12f * light, 1 - .12f * light};
  paint.open = hits.root.x;  // depth of the fold
  return paint;
}

Paint Painter::hair(const Hits& hits) const {
  const Lanes across = hits.at.x, along = hits.at.y, which = hits.at.z;
  Paint paint{};
  const Lanes streak =
      .6f * noise(across * 2.6f + which * 91.0f, along * 1.3f + which * 17.0f) + .8f * (which - .5f);
  paint.albedo = hair_color(which, streak);
  paint.normal = hits.normal;
  paint.strand = hits.root;  // locks carry their direction instead of a place
  paint.gloss = splat(.5f);
  paint.sharp = splat(30);
  paint.soft = splat(0);
  paint.hairy = splat(1);
  // the edges of a lock lie lower than its middle, its root lower than its tip
  paint.open = (.62f + .38f * smooth_step(0, .5f, along)) * (1.0f - .34f * across * across);
  paint.spark = splat(0);
  return paint;
}

Paint Painter::whiskers(const Hits& hits) const {
  Paint paint = hair(hits);
  paint.albedo = splat(beard_color_) * (.92f + .4f * (hits.at.z - .5f));
  paint.open = .70f + .12f * smooth_step(0, .6f, hits.at.y);
  paint.hairy = splat(.7f);
  paint.gloss = splat(0);
  return paint;
}

Paint Painter::frame(const Hits& hits) const {
  Paint paint{splat(portrait_.identity.frame),
              hits.normal,
              hits.normal,
              splat(.9f),
              splat(60),
              splat(0),
              splat(0),
              splat(1),
              splat(0)};
  return paint;
}

// A jersey whose neckline goes from high over round to a deep opening, or a shirt with a collar.
Paint Painter::cloth(const Hits& hits) const {
  const Points p = hits.at;
  const float style = portrait_.scene.neckline;
  const Lanes away = sqrt(p.x * p.x * 2.6f + (p.z + .06f) * (p.z + .06f) * 2.8f) +
                     .9f * max(-1.95f - p.y, splat(0));  // from the neck: 1 at its foot
  const Lanes front = max(p.z, splat(0)) / (abs(p.x) * 1.3f + max(p.z, splat(.05f)));
  const float low = .80f + .30f * smooth_step(.1f, .35f, style), open = .48f * smooth_step(.35f, .70f, style);
  const float collar = smooth_step(.70f, .76f, style);
  const Lanes edge = low + open * front * front * front;
  const Lanes over = away - edge;
  const Lanes fold = noise(p * 2.3f), hand = smooth_step(.45f, .55f, hits.root.y);
  const Lanes cloth = max(smooth_step(-.012f, .012f, over), smooth_step(-2.5f, -3.0f, p.y)) * (1.0f - hand);
  Colors fabric = splat(portrait_.scene.shirt) * (1.0f + .10f * fold + .04f * noise(p * 9.0f));
  fabric = mix(fabric, splat(portrait_.scene.shirt * .25f + Color{.012f, .013f, .018f}),
               smooth_step(-6.05f, -6.12f, p.y) * (1.0f - hits.root.x));
  // a hem, or a collar with its shadow
  fabric = fabric * (1.0f - .28f * (1 - collar) * bell((over - .075f) / .014f));
  const Lanes reach = over - .26f - .20f * front;
  const Lanes flap = smooth_step(.015f, -.015f, reach) * collar;
  fabric = mix(fabric, fabric * .9f + splat(Color{.035f, .035f, .035f}), flap);
  fabric = fabric * (1.0f - .45f * collar * bell((reach - .02f) / .022f));
  const Colors skin = splat(portrait_.identity.skin) * (1.0f + .03f * fold);
  Paint paint{mix(skin, fabric, cloth),
              hits.normal,
              hits.normal,
              mix(splat(.15f), splat(.03f), cloth),
              splat(14),
              1.0f - cloth,
              splat(0),
              splat(1),
              splat(0)};
  paint.open = 1.0f - .35f * bell((over + .02f) / .05f);
  return paint;
}

Lanes Painter::face_share(const Hits& hits) const {
  const Points q = hits.root;
  const Lanes jaw = -1.19f + .42f * smooth_step(.80f, .06f, q.z);
  return smooth_step(-.03f, .03f, q.y - jaw) * smooth_step(.03f, .10f, q.z) * (1.0f - scalp_.density(q)) *
         smooth_step(1.05f, .95f, q.y);
}

}  // namespace portraits
