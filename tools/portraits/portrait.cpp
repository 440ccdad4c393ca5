// Decoding of the latent: quantile functions for the attributes, clamped Gaussians for the rest.
#include "portrait.h"

namespace portraits {

const std::array<const char*, kFactors> kFactorNames = {"gender",      "glasses",       "yaw",
                                                        "pitch",       "bald",          "beard",
                                                        "age",         "smile",         "head_width",
                                                        "head_height", "face_length",   "forehead",
                                                        "jaw",         "chin",          "chin_forward",
                                                        "cheekbone",   "cheek_fat",     "ears",
                                                        "ear_angle",   "neck",          "nose_length",
                                                        "nose_width",  "nose_bridge",   "nose_tip",
                                                        "nose_hump",   "eye_distance",  "eye_size",
                                                        "eye_open",    "eye_tilt",      "eye_fold",
                                                        "eye_depth",   "brow_height",   "brow_thickness",
                                                        "brow_arch",   "mouth_width",   "mouth_height",
                                                        "upper_lip",   "lower_lip",     "skin_tone",
                                                        "skin_hue",    "freckles",      "hair_tone",
                                                        "hair_red",    "iris_hue",      "iris_tone",
                                                        "hair_length", "curl",          "volume",
                                                        "fringe",      "parting",       "tied",
                                                        "hairline",    "beard_extent",  "frame_thickness",
                                                        "frame_shape", "frame_size",    "frame_red",
                                                        "frame_tone",  "back_red",      "back_green",
                                                        "back_blue",   "back_gradient", "room_corner",
                                                        "window",      "light_x",       "light_y",
                                                        "shirt_red",   "shirt_green",   "shirt_blue",
                                                        "neckline",    "roll"};

namespace {

constexpr float kGlassesThreshold = 0.25f;  // 40 % wear glasses
constexpr float kYawRange = 35, kPitchRange = 18;
constexpr float kTiltPerRoll = 0.08f;  // radians

// The normal distribution function, absolute error below 1e-6 (an integral, since libm's erf may differ
// in its last bits between machines): Simpson's rule over 64 intervals.
float cdf(float x) {
  const float end = clamp(x, -6.0f, 6.0f), h = end / 64;
  float sum = 1 + bell(end * 0.70710678f);
  for (int i = 1; i < 64; ++i) sum += (i % 2 ? 4 : 2) * bell(h * float(i) * 0.70710678f);
  return clamp(0.5f + sum * h / 3 * 0.39894228f, 1e-6f, 1 - 1e-6f);
}

// Inverse of cdf by bisection; only the sampling of data sets needs it.
float quantile(float p) {
  float low = -4, high = 4;
  for (int i = 0; i < 40; ++i) {
    const float middle = 0.5f * (low + high);
    (cdf(middle) < p ? low : high) = middle;
  }
  return 0.5f * (low + high);
}

float ramp(float p, float from, float to) { return unit((p - from) / (to - from)); }

// An S-curve: neutral and smiling faces are common, half smiles rare, none excluded.
float smile_curve(float p) { return smooth_step(0.1f, 0.9f, p); }

Attributes decode_attributes(const Latent& u) {
  Attributes a;
  a.gender = u[kGender] > 0 ? 1 : 0;
  a.glasses = u[kGlasses] > kGlassesThreshold ? 1 : 0;
  a.yaw = kYawRange * (2 * cdf(u[kYaw]) - 1);
  a.pitch = kPitchRange * (2 * cdf(u[kPitch]) - 1);
  a.bald = ramp(cdf(u[kBald]), 0.5f, 0.9f);
  a.beard = ramp(cdf(u[kBeard]), 0.45f, 0.85f);
  a.age = kYoungest + (kOldest - kYoungest) * cdf(u[kAge]);
  a.smile = smile_curve(cdf(u[kSmile]));
  return a;
}

float gaussian(const Latent& u, Factor f) { return clamp(u[f], -2.2f, 2.2f); }

// 0 to 1, uniform
float fraction(const Latent& u, Factor f) { return cdf(u[f]); }

// Linear interpolation in a row of equally spaced colours
template <size_t N>
Color along(const Color (&row)[N], float t) {
  const float x = unit(t) * (N - 1);
  const int i = x >= float(N - 2) ? int(N) - 2 : int(x);
  return mix(row[i], row[i + 1], x - float(i));
}

// Skin tone, hair colour and iris are independent of each other and uniform along their rows.
void decode_colors(const Latent& u, const Attributes& a, Identity& id) {
  const Color skins[] = {{.72f, .47f, .38f},   {.62f, .37f, .265f},  {.49f, .275f, .175f},
                         {.335f, .175f, .10f}, {.19f, .095f, .055f}, {.085f, .044f, .029f}};
  id.tone = fraction(u, kSkinTone);
  id.skin = along(skins, id.tone);
  const float hue = gaussian(u, kSkinHue);  // towards olive or towards rose
  id.skin = id.skin * Color{1 + .03f * hue, 1 - .035f * hue, 1 - .02f * hue};

  const Color hairs[] = {{.010f, .008f, .007f}, {.022f, .013f, .008f}, {.060f, .030f, .014f},
                         {.15f, .080f, .034f},  {.34f, .21f, .095f},   {.55f, .40f, .22f}};
  id.hair = along(hairs, fraction(u, kHairTone));
  const float red = smooth_step(.72f, .97f, fraction(u, kHairRed));
  id.hair = mix(id.hair, Color{.30f, .075f, .018f} * (.35f + .9f * fraction(u, kHairTone)), red);
  id.gray = smooth_step(32, 80, a.age);

  const Color irises[] = {{.030f, .014f, .007f}, {.085f, .040f, .016f}, {.15f, .090f, .032f},
                          {.11f, .12f, .055f},   {.10f, .16f, .17f},    {.11f, .20f, .33f}};
  id.iris = along(irises, fraction(u, kIrisHue)) * (.75f + .6f * fraction(u, kIrisTone));

  const float frame = .010f + .22f * smooth_step(.45f, 1, fraction(u, kFrameTone));
  const float red_frame = fraction(u, kFrameRed);
  id.frame = {frame * (1 + 1.5f * red_frame), frame, frame * (1.3f - .6f * red_frame)};
}

void decode_hair(const Latent& u, const Attributes& a, Identity& id) {
  const float length = fraction(u, kHairLength);
  id.hair_length = a.gender > .5f ? .55f * length * length : .12f + .88f * length;
  id.curl = smooth_step(.25f, 1.0f, fraction(u, kCurl));
  id.fringe = fraction(u, kFringe);
  id.parting = 2 * fraction(u, kParting) - 1;
  id.tied = smooth_step(.66f, .72f, fraction(u, kTied));
}

Scene decode_scene(const Latent& u) {
  Scene s;
  const auto channel = [&](Factor f) { return .02f + .50f * fraction(u, f) * fraction(u, f); };
  const Color back{channel(kBackRed), channel(kBackGreen), channel(kBackBlue)};
  const float gray = (back.x + back.y + back.z) / 3;
  s.background_low = mix(back, Color{gray, gray, gray}, .50f);
  s.background_high = s.background_low * (1 + .30f * gaussian(u, kBackGradient));
  const Color shirt{channel(kShirtRed), channel(kShirtGreen), channel(kShirtBlue)};
  const float shirt_gray = (shirt.x + shirt.y + shirt.z) / 3;
  s.shirt = mix(shirt, Color{shirt_gray, shirt_gray, shirt_gray}, .45f);
  s.corner = 2 * fraction(u, kRoomCorner) - 1;
  s.window = 2 * fraction(u, kWindow) - 1;
  s.light = normalize(Point{.55f * gaussian(u, kLightX), .75f + .22f * gaussian(u, kLightY), 1.0f});
  s.neckline = fraction(u, kNeckline);
  s.tilt = kTiltPerRoll * gaussian(u, kRoll);
  return s;
}

}  // namespace

Growth growth_of(float age) {
  Growth g;
  g.child = unit((18 - age) / 14);
  g.teen = age < 13 ? smooth_step(8, 13, age) : smooth_step(19, 13, age);
  g.mature = smooth_step(22, 82, age);
  g.old = smooth_step(46, 82, age);
  g.adult = smooth_step(10, 19, age);
  return g;
}

Latent normalized(Latent u) {
  float sum = 0;
  for (float x : u) sum += x * x;
  const float scale = 1 / sqrt(sum / kLatent + 1e-8f);
  for (float& x : u) x *= scale;
  return u;
}

Portrait decode(const Latent& u) {
  Portrait p;
  p.attributes = decode_attributes(u);
  p.growth = growth_of(p.attributes.age);
  for (int k = 0; k < kFactors; ++k) p.identity.spread[k] = gaussian(u, Factor(k));
  decode_colors(u, p.attributes, p.identity);
  decode_hair(u, p.attributes, p.identity);
  p.scene = decode_scene(u);
  return p;
}

std::array<float, kFactors> shown_factors(const Latent& u) {
  std::array<float, kFactors> f;
  const Attributes a = decode_attributes(u);
  f[kGender] = 2 * a.gender - 1;
  f[kGlasses] = 2 * a.glasses - 1;
  f[kYaw] = 1.7f * a.yaw / kYawRange;
  f[kPitch] = 1.7f * a.pitch / kPitchRange;
  f[kBald] = 2.4f * a.bald - 0.8f;
  f[kBeard] = 2.4f * a.beard - 0.8f;
  f[kAge] = 1.7f * (2 * (a.age - kYoungest) / (kOldest - kYoungest) - 1);
  f[kSmile] = 1.4f * (2 * a.smile - 1);
  for (int k = kFirstIdentity; k < kFactors; ++k) f[k] = gaussian(u, Factor(k));
  return f;
}

float latent_for(Factor attribute, float raw) {
  switch (attribute) {
    case kGender:
      return raw > 0.5f ? 0.8f : -0.8f;
    case kGlasses:
      return raw > 0.5f ? kGlassesThreshold + 0.7f : kGlassesThreshold - 0.9f;
    case kYaw:
      return quantile(0.5f * (raw / kYawRange + 1));
    case kPitch:
      return quantile(0.5f * (raw / kPitchRange + 1));
    case kBald:
      return raw <= 0 ? quantile(0.25f) : quantile(0.5f + 0.4f * raw);
    case kBeard:
      return raw <= 0 ? quantile(0.22f) : quantile(0.45f + 0.4f * raw);
    case kAge:
      return quantile((raw - kYoungest) / (kOldest - kYoungest));
    case kSmile: {
      // invert the S-curve by bisection
      float low = 0, high = 1;
      for (int i = 0; i < 30; ++i) {
        const float middle = 0.5f * (low + high);
        (smile_curve(middle) < raw ? low : high) = middle;
      }
      return quantile(0.5f * (low + high));
    }
    default:
      return raw;
  }
}

int age_band(float age) {
  constexpr float kBorders[] = {13, 20, 35, 50, 65};
  int band = 0;
  for (float border : kBorders) band += age >= border;
  return band;
}

}  // namespace portraits
