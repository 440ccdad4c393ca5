#include "head.h"

#include <cstddef>

namespace portraits {
namespace {

// Steps of the grid between one ring of the profile and the next: fine where the face is.
constexpr int kSteps[] = {5, 6, 7, 11, 14, 18, 18, 17, 17, 15, 13, 12, 9, 6, 5, 6, 5};
constexpr int count_rows() {
  int count = 1;
  for (int n : kSteps) count += n;
  return count;
}
static_assert(count_rows() == HeadGrid::rows());
static_assert(HeadGrid::columns() % kLanes == 0);
constexpr int kFrontColumns = HeadGrid::kFrontColumns, kBackColumns = HeadGrid::kBackColumns;
constexpr Point kPivot{0, -.75f, -.20f};

float catmull_rom(float a, float b, float c, float d, float t) {
  return b + .5f * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

Lanes smooth_max(Lanes a, Lanes b, float k) {
  const Lanes h = unit(.5f + (.5f / k) * (a - b));
  return mix(b, a, h) + k * h * (1.0f - h);
}

}  // namespace

Pose::Pose(const Portrait& p) {
  const float radians = kPi / 180;
  const float cy = cosine(p.attributes.yaw * radians), sy = sine(p.attributes.yaw * radians);
  const float cp = cosine(p.attributes.pitch * radians), sp = sine(p.attributes.pitch * radians);
  turn = {{cy, sy * sp, sy * cp}, {0, cp, -sp}, {-sy, cy * sp, cy * cp}};
  const float ct = cosine(p.scene.tilt), st = sine(p.scene.tilt);
  lean = {{ct, st, 0}, {-st, ct, 0}, {0, 0, 1}};
}

Point Pose::place(Point p, float head_share) const {
  const Point q = p - kPivot;
  return mix(lean(q), turn(q), head_share) + kPivot;
}

Head::Head(const Portrait& portrait, const Features& features, const Scalp& scalp)
    : portrait_(portrait), f_(features), scalp_(scalp) {
  const Growth& g = portrait.growth;
  neck_half_ = (.455f - .150f * g.child + .065f * (portrait.attributes.gender - .5f) * g.adult * 1.4f) *
               (1 + .05f * portrait.spread(kNeck));
}

const Head::Rings& Head::average_rings() {
  static const Rings rings = {{1.120f, -.080f, 1.120f, .000f, -.080f, 1.120f, -.080f},
                              {1.095f, .220f, 1.09f, .255f, -.10f, 1.085f, -.39f},
                              {.985f, .540f, .985f, .450f, -.12f, .965f, -.68f},
                              {.780f, .790f, .79f, .622f, -.13f, .740f, -.89f},
                              {.505f, .920f, .52f, .725f, -.12f, .440f, -.99f},
                              {.235f, .955f, .25f, .755f, -.08f, .150f, -.985f},
                              {.035f, .905f, .02f, .745f, -.04f, -.120f, -.92f},
                              {-.175f, .915f, -.20f, .720f, .00f, -.340f, -.80f},
                              {-.370f, .930f, -.39f, .690f, .02f, -.540f, -.68f},
                              {-.545f, .945f, -.55f, .648f, .04f, -.700f, -.60f},
                              {-.720f, .950f, -.70f, .608f, .05f, -.850f, -.56f},
                              {-.900f, .935f, -.84f, .568f, .06f, -.970f, -.55f},
                              {-1.060f, .930f, -.93f, .525f, .05f, -1.080f, -.55f},
                              {-1.180f, .860f, -1.00f, .480f, .01f, -1.180f, -.55f},
                              {-1.205f, .690f, -1.04f, .440f, -.08f, -1.280f, -.55f},
                              {-1.225f, .460f, -1.12f, .440f, -.11f, -1.380f, -.56f},
                              {-1.430f, .365f, -1.42f, .475f, -.11f, -1.550f, -.58f},
                              {-1.800f, .370f, -1.70f, .530f, -.12f, -1.780f, -.62f}};
  return rings;
}

// The average profile with the person's proportions.
Head::Rings Head::rings_of() const {
  Rings rings = average_rings();
  const Growth& g = portrait_.growth;
  const float male = (portrait_.attributes.gender - .5f) * (.2f + .8f * g.adult);
  const float skull_width =
      (1 - .055f * g.child) * (1 + .012f * male) * (1 + .028f * portrait_.spread(kHeadWidth));
  const float jaw = (1 + .055f * portrait_.spread(kJaw)) * (1 + .15f * male) * (1 + .03f * g.old);
  const float cheek = 1 + .022f * portrait_.spread(kCheekbone);
  const float neck = neck_half_ / .460f;
  for (Ring& r : rings) {
    const float face = smooth_step(.45f, -.05f, r.side_y);
    const float low = smooth_step(-.30f, -.85f, r.side_y), throat = smooth_step(-1.02f, -1.25f, r.side_y);
    const float width = mix(skull_width, f_.width * mix(cheek, jaw, low), face);
    r.side_x *= mix(width, neck, throat);
    const float chin = bell((r.front_y + 1.08f) / .20f);
    r.front_z += chin * (.026f * portrait_.spread(kChinForward) + .024f * male - .055f * g.child);
    r.front_z -= .045f * g.child * smooth_step(.15f, -.35f, r.front_y) * (1 - throat);
    r.front_z += (.030f * g.child - .016f * male) * bell((r.front_y - .55f) / .30f) +
                 .022f * portrait_.spread(kForehead) * bell((r.front_y - .62f) / .30f);
    r.front_z = mix(r.front_z, r.front_z * (1 - .1f * g.child), throat);
    for (float* y : {&r.front_y, &r.side_y, &r.back_y}) {
      const float below = *y < 0 ? *y * f_.lower : *y * f_.upper;
      *y = below + (f_.chin_y / f_.lower + 1.19f) * smooth_step(-.75f, -1.15f, *y);
    }
  }
  return rings;
}

std::vector<float> Head::ring_positions() {
  std::vector<float> t;
  for (size_t i = 0; i < std::size(kSteps); ++i)
    for (int k = 0; k < kSteps[i]; ++k) t.push_back(float(i) + float(k) / float(kSteps[i]));
  t.push_back(float(std::size(kSteps)));
  return t;
}

Head::Ring Head::ring_at(const Rings& rings, float t) {
  const int last = int(rings.size()) - 1;
  const int i = t >= float(last) ? last - 1 : int(t);
  const float f = t - float(i);
  const Ring &a = rings[i > 0 ? i - 1 : 0], &b = rings[i], &c = rings[i + 1],
             &d = rings[i + 2 <= last ? i + 2 : last];
  const auto at = [&](float Ring::*m) { return catmull_rom(a.*m, b.*m, c.*m, d.*m, f); };
  return {at(&Ring::front_y), at(&Ring::front_z), at(&Ring::side_y), at(&Ring::side_x),
          at(&Ring::side_z),  at(&Ring::back_y),  at(&Ring::back_z)};
}

// A point of the oval at this angle; front angles bend to the front point's height, back ones to the back's.
Points Head::oval(const Ring& r, Lanes sine, Lanes cosine, float square) {
  const LaneMask front = cosine > 0.0f;
  const Lanes c2 = cosine * cosine;
  const Lanes y = r.side_y + c2 * select(front, splat(r.front_y - r.side_y), splat(r.back_y - r.side_y));
  const Lanes reach = select(front, splat(r.front_z - r.side_z), splat(r.side_z - r.back_z));
  const Lanes bulge = 1.0f + square * c2 * (1.0f - c2);
  return {r.side_x * sine * bulge, y, r.side_z + reach * cosine * bulge};
}

const std::vector<std::pair<float, float>>& Head::angles() {
  static const std::vector<std::pair<float, float>> result = [] {
    std::vector<float> half;  // 0 .. pi
    constexpr float kFront = 1.32f;
    for (int i = 0; i < kFrontColumns; ++i) {
      const float s = float(i) / kFrontColumns;
      half.push_back(kFront * s * (.86f + .14f * s));
    }
    for (int i = 0; i <= kBackColumns; ++i) half.push_back(kFront + (kPi - kFront) * float(i) / kBackColumns);
    std::vector<std::pair<float, float>> out;
    for (size_t i = half.size() - 1; i > 0; --i) out.push_back({-sine(half[i]), cosine(half[i])});
    for (size_t i = 0; i + 1 < half.size(); ++i) out.push_back({sine(half[i]), cosine(half[i])});
    return out;
  }();
  return result;
}

const std::vector<Points>& Head::average_places() {
  static const std::vector<Points> places = [] {
    std::vector<Points> out;
    for (float t : ring_positions()) {
      const Ring r = ring_at(average_rings(), t);
      for (int c = 0; c < HeadGrid::columns(); c += kLanes) {
        Lanes s, k;
        for (int i = 0; i < kLanes; ++i) s[i] = angles()[c + i].first, k[i] = angles()[c + i].second;
        out.push_back(oval(r, s, k, .06f));
      }
    }
    return out;
  }();
  return places;
}

// The ball pushes the lids forward; above the upper lid lies its fold.
Lanes Head::eye_region(Points p, Lanes z) const {
  const Lanes m = abs(p.x), dx = m - f_.eye.x, dy = p.y - f_.eye.y;
  const float ball = f_.eye_radius + .016f;
  const Lanes inside = ball * ball - dx * dx * .80f - dy * dy;
  Lanes lid = smooth_max(z, f_.eye.z + sqrt(max(inside, splat(0))) + 8.0f * min(inside, splat(0)), .022f);
  const Lanes across = f_.eye_across(m);
  const Lanes near = smooth_step(1.45f, 1.0f, abs(across - .05f));
  const Lanes over = p.y - f_.upper_lid(across), under = f_.lower_lid(across) - p.y;
  // fold: a groove with the skin of the brow resting on it
  const float fold = .036f + .008f * f_.eye_fold;
  const float depth = .014f + .0045f * f_.eye_fold + .006f * portrait_.growth.old;
  lid -= near * max(depth, 0.0f) * bell((over - fold) / .014f);
  lid += near * .010f * bell((over - fold - .040f) / .032f);
  lid += near * .006f * bell((over - .004f) / .010f);  // rims
  lid += near * .006f * bell((under - .006f) / .012f);
  const float bag = .004f + .026f * portrait_.growth.old + .010f * portrait_.attributes.smile;
  lid -= near * bag * .9f * bell((under - .075f) / .017f);
  lid += near * bag * bell((under - .042f) / .022f);
  return lid;
}

Lanes Head::nose(Points p, Lanes m) const {
  const float tip = f_.nose_tip_y, base = f_.nose_base_y, top = .03f;
  const Lanes down = unit((top - p.y) * (1 / (top - tip)));  // 0 at the root, 1 at the tip
  // the lower edge of the nose: the columella hangs lowest, the rims of the nostrils rise beside it
  const float half = f_.nose_half / .152f, grown = f_.nose_out / .225f;
  const Lanes edge = base + .34f * f_.nose_tip_up * bell(m / .10f) +
                     .026f * bell((m - .078f * half) / (.036f * half)) + .016f * smooth_step(.05f, .14f, m);
  const Lanes lift = p.y - edge;
  const Lanes cut = ease((lift + .016f) * (1 / .052f));
  const Lanes bony = smooth_step(.24f, .02f, p.y);
  const Lanes sigma = (.058f + .026f * down) * (.75f + .25f * half);
  Lanes out = bony * (f_.nose_bridge + (f_.nose_out * .84f - f_.nose_bridge) * down * (.72f + .28f * down));
  out += f_.nose_hump * bell((down - .45f) * 3.4f);
  const Lanes q = m / sigma;
  Lanes z = out * cut * mix(1.0f / (1.0f + q * q * (.55f + .45f * q)), bell(q * .82f), .55f);
  // a broad foot where the side of the nose meets the cheek
  z += .050f * bell(m / (.17f * half)) * smooth_step(-.05f, .10f, lift) * smooth_step(.02f, -.25f, p.y);
  // the ball of the tip and the wings
  z += .078f * grown * bell(m / (.076f * (.5f + .5f * half))) * bell((p.y - tip) / .066f) * cut;
  z += .108f * grown * bell((m - (f_.nose_half - .038f)) / .040f) * bell((lift - .046f) / .050f) *
       ease((lift + .012f) * (1 / .034f));
  // the grooves over and behind the wing
  z -= .016f * grown * bell((m - (f_.nose_half - .045f)) / .045f) * bell((lift - .125f) / .028f);
  z -= .022f * bell((m - (f_.nose_half + .018f)) / .020f) * bell((lift - .045f) / .055f);
  // columella and nostrils
  z += .034f * bell(m / .026f) * bell((p.y - base - .012f) / .03f);
  z -= .040f * grown * bell((m - f_.nose_half * .46f) / .028f) * bell((lift - .002f) / .020f);
  return z;
}

Lanes Head::mouth(Points p, Lanes m) const {
  const Lanes across = f_.mouth_across(m);
  const Lanes near = smooth_step(1.25f, .85f, across);
  const Lanes up = max(f_.upper_lip_height(across), splat(.004f)),
              low = max(f_.lower_lip_height(across), splat(.004f));
  const Lanes over = p.y - f_.upper_lip_edge(across), under = f_.lower_lip_edge(across) - p.y;
  const Lanes taper = smooth_step(1.02f, .55f, across);
  const float full_up = f_.lip_up / .066f, full_low = f_.lip_down / .088f;
  Lanes z = .030f * bell(m / .30f) * bell((p.y - f_.mouth_y) / .19f);
  z += taper * (.034f + .018f * full_up) * bell((over / up - .40f) * 1.25f);
  z += taper * (.030f + .022f * full_low) * bell((under / low - .45f) * 1.20f);
  // the line between closed lips
  const Lanes line = p.y - f_.mouth_line(across);
  z -= near * .030f * bell(line / .016f);
  // corners and the hollow under the lower lip
  z -= .026f * bell((m - f_.mouth_half) / .045f) * bell((p.y - f_.mouth_line(1.0f)) / .045f);
  z -=
      .034f * bell(m / .20f) * bell((p.y - (f_.mouth_y - f_.mouth_open * .7f - f_.lip_down - .055f)) / .045f);
  // philtrum
  const Lanes between = smooth_step(f_.mouth_y + .03f, f_.mouth_y + .09f, p.y) *
                        smooth_step(f_.nose_base_y + .03f, f_.nose_base_y - .03f, p.y);
  z += between * (.006f * bell((m - .044f) / .024f) - .005f * bell(m / .028f));
  return z;
}

// Folds of smiling and of age.
Lanes Head::folds(Points p, Lanes m) const {
  const float smile = portrait_.attributes.smile, old = portrait_.growth.old,
              mature = portrait_.growth.mature;
  // from the wing of the nose past the corner of the mouth
  const float top = f_.nose_base_y + .05f, bottom = f_.mouth_y - .10f;
  const Lanes along = (top - p.y) * (1 / (top - bottom));
  const Lanes line = f_.nose_half + .025f + (f_.mouth_half + .055f - f_.nose_half) * sqrt(unit(along) + .01f);
  const Lanes inside = smooth_step(-.12f, .12f, along) * smooth_step(1.15f, .75f, along);
  const float deep = .004f + .017f * smile + .024f * mature + .018f * old;
  Lanes z = inside * deep * (bell((m - line - .060f) / .060f) - bell((m - line) / .027f));
  // jowls and the line from the mouth's corner down
  const Lanes low = smooth_step(f_.mouth_y - .02f, f_.mouth_y - .10f, p.y) *
                    smooth_step(f_.chin_y + .02f, f_.chin_y + .14f, p.y);
  z += low * old *
       (.036f * bell((m - f_.mouth_half - .13f) / .085f) - .022f * bell((m - f_.mouth_half - .015f) / .018f));
  // forehead, between the brows, beside the eyes
  const float brow = f_.brow_y;
  for (int i = 0; i < 4; ++i) {
    const Lanes y = brow + .13f + .085f * float(i) + .016f * wave(m * .8f + .13f * float(i)) - .05f * m;
    z -= (.011f * mature + .013f * old) * bell((p.y - y) / .014f) * smooth_step(.55f, .25f, m);
  }
  z -= (.008f * mature + .010f * old) * bell((m - .055f - .1f * (p.y - brow)) / .013f) *
       bell((p.y - brow - .01f) / .07f);
  const float crow = .015f * old + .009f * smile * mature;
  const Lanes beside = m - (f_.eye.x + f_.eye_half + .02f);
  for (int i = -1; i <= 1; ++i)
    z -= crow * bell((p.y - f_.eye.y - .02f - float(i) * (.035f + .45f * beside)) / .011f) *
         smooth_step(0.0f, .03f, beside) * smooth_step(.14f, .06f, beside);
  return z;
}

// Everything that is not in the profile. Brushes are placed by the features, in head space.
Points Head::model(Points p) const {
  const Growth& g = portrait_.growth;
  const float smile = portrait_.attributes.smile;
  const float male = (portrait_.attributes.gender - .5f) * g.adult;
  const Lanes m = abs(p.x);
  const Lanes side = select(p.x < 0.0f, splat(-1), splat(1));
  // cheeks: bone, fat, the apple of a smile, hollows of age
  const float bone = .022f + .012f * portrait_.spread(kCheekbone) - .012f * g.child + .008f * g.old;
  const float fat =
      .014f * portrait_.spread(kCheekFat) + .058f * g.child + .010f - .046f * g.old - .014f * male;
  const Lanes on_bone = bell((m - .53f * f_.width) / .17f) * bell((p.y + .20f * f_.lower) / .15f);
  const Lanes on_fat = bell((m - .42f * f_.width) / .20f) * bell((p.y + .60f * f_.lower) / .22f);
  const Lanes on_apple = bell((m - .40f * f_.width) / .15f) * bell((p.y + .34f * f_.lower) / .14f);
  const Lanes grow = bone * on_bone + fat * on_fat + .060f * smile * on_apple;
  const Lanes front = smooth_step(.05f, .35f, p.z);
  p.x += side * grow * .62f * front;
  p.z += grow * .80f * front;
  if (!any(p.z > .30f)) return p;

  const Lanes face = smooth_step(.30f, .50f, p.z);
  Lanes z = splat(0);
  const float ridge = .014f + .032f * (male + .5f * g.adult) - .010f * g.child;
  z += ridge * bell((m - .25f) / .20f) * bell((p.y - (f_.brow_y - .02f)) / .075f);
  const float socket = .070f + .010f * portrait_.spread(kEyeDepth) - .022f * g.child + .016f * g.old;
  z -= socket * bell((m - f_.eye.x + .01f) / .19f) * bell((p.y - .015f) / .115f);
  z -= .050f * bell((m - .135f) / .060f) * bell((p.y - .02f) / .085f);
  z -= (.010f + .038f * g.old) * bell((m - .66f) / .10f) * bell((p.y - .30f) / .20f);
  const Lanes chin_y = p.y - (f_.chin_y + .115f);
  z += (.040f + .012f * male) * bell(m / (.155f + .03f * male)) * bell(chin_y / .095f);
  z += nose(p, m) + mouth(p, m) + folds(p, m);
  const Lanes modelled = p.z + z * face;
  p.z = select(m < .62f, mix(modelled, eye_region(p, modelled), face), modelled);
  // wings of the nose go out as well as forward
  p.x += side * face * .020f * bell((m - (f_.nose_half - .03f)) / .035f) *
         bell((p.y - (f_.nose_base_y + .06f)) / .055f);
  return p;
}

HeadGrid Head::build(const Pose& pose, Mesh& mesh) const {
  const HeadGrid grid{int(mesh.vertices.size())};
  const Rings rings = rings_of();
  const std::vector<float> positions = ring_positions();
  const int columns = HeadGrid::columns();
  const float square = .06f + .03f * portrait_.spread(kJaw) +
                       .05f * (portrait_.attributes.gender - .5f) * portrait_.growth.adult;
  const float beard = portrait_.attributes.beard;
  mesh.vertices.resize(mesh.vertices.size() + positions.size() * size_t(columns));
  for (size_t r = 0; r < positions.size(); ++r) {
    const Ring ring = ring_at(rings, positions[r]);
    const float head_share = smooth_step(16.6f, 13.6f, positions[r]);
    for (int c = 0; c < columns; c += kLanes) {
      Lanes s, k;
      for (int i = 0; i < kLanes; ++i) s[i] = angles()[c + i].first, k[i] = angles()[c + i].second;
      const Points root = average_places()[(r * columns + c) / kLanes];
      Points p = model(oval(ring, s, k, square));
      const Points out = scalp_.outward(root);
      const Lanes dense = scalp_.density(root);
      Lanes lift = scalp_.thickness(root, dense);
      if (beard > 0 && any(root.z > 0.0f)) lift += .075f * beard * beard * scalp_.whiskers(root);
      p = p + out * lift;
      for (int i = 0; i < kLanes; ++i) {
        Vertex& v = mesh.vertices[grid.index(int(r), c + i)];
        v.at = lane(p, i), v.root = lane(root, i);
        v.position = pose.place(v.at, head_share);
      }
    }
  }
  mesh.grid(grid.first, HeadGrid::rows(), columns, true, kHead);
  mesh.grid_normals(grid.first, HeadGrid::rows(), columns, true);
  return grid;
}

}  // namespace portraits
