// Decoding of the latent: quantile functions for the attributes, clamped Gaussians for the rest.
#include "portrait.h"

#include <algorithm>

namespace portraits {
namespace {

constexpr float kGlassesThreshold = 0.25f;  // 40 % wear glasses
constexpr float kYawRange = 35, kPitchRange = 18;
constexpr float kYoungest = 5, kOldest = 75;

float cdf(float x) { return 0.5f * std::erfc(-x * 0.70710678f); }

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

// A proportion around 1 with this relative spread
float proportion(const Latent& u, Factor f, float spread) { return 1 + spread * gaussian(u, f); }

// 0 to 1, uniform
float fraction(const Latent& u, Factor f) { return cdf(u[f]); }

void decode_proportions(const Latent& u, const Attributes& a, Identity& id) {
  const float male = a.gender;
  const float child = smooth_step(22, 5, a.age);
  id.head_width = proportion(u, kHeadWidth, 0.045f) * (0.98f + 0.04f * male);
  id.head_height = proportion(u, kHeadHeight, 0.03f) * (1 - 0.05f * child);
  id.jaw = proportion(u, kJaw, 0.07f) * (0.95f + 0.14f * male);
  id.chin = proportion(u, kChin, 0.15f) * (0.85f + 0.3f * male) * (1 - 0.3f * child);
  id.cheek = proportion(u, kCheek, 0.1f) * (1 + 0.12f * child);
  id.nose_length = proportion(u, kNoseLength, 0.1f) * (1 - 0.22f * child);
  id.nose_width = proportion(u, kNoseWidth, 0.14f) * (0.93f + 0.14f * male);
  id.nose_thickness = proportion(u, kNoseThickness, 0.12f) * (1 - 0.1f * child);
  id.eye_distance = proportion(u, kEyeDistance, 0.055f);
  id.eye_size = proportion(u, kEyeSize, 0.07f) * (1.05f - 0.08f * male) * (1 + 0.14f * child);
  id.eye_height = 0.022f * gaussian(u, kEyeHeight) - 0.04f * child;
  id.brow_thickness = proportion(u, kBrowThickness, 0.25f) * (0.8f + 0.5f * male) * (1 - 0.3f * child);
  id.brow_height = 0.015f * gaussian(u, kBrowHeight);
  id.mouth_width = proportion(u, kMouthWidth, 0.1f);
  id.lips = proportion(u, kLips, 0.2f) * (1.15f - 0.3f * male);
  id.ears = proportion(u, kEars, 0.12f);
  id.mouth_height = -0.50f + 0.02f * gaussian(u, kMouthHeight) + 0.02f * child;
  const float longest = 0.9f - 0.7f * male;
  id.hair_length = (0.25f - 0.25f * male) + longest * fraction(u, kHairLength);
  id.curl = smooth_step(0.35f, 0.95f, fraction(u, kCurl));
  id.fringe = fraction(u, kFringe);
  id.parting = 2 * fraction(u, kParting) - 1;
  id.frame_thickness = proportion(u, kFrameThickness, 0.25f);
  id.frame_squareness = smooth_step(0.3f, 0.7f, fraction(u, kFrameShape));
}

void decode_colors(const Latent& u, const Attributes& a, Identity& id) {
  const float tone = fraction(u, kSkinTone);
  const Color pale{.88f, .68f, .57f}, brown{.52f, .33f, .22f}, dark{.27f, .16f, .11f};
  id.skin = tone < 0.6f ? mix(pale, brown, tone / 0.6f) : mix(brown, dark, (tone - 0.6f) / 0.4f);
  id.skin.x *= proportion(u, kSkinRed, 0.04f);
  id.skin.z *= proportion(u, kSkinYellow, 0.06f);

  const Color black{.05f, .04f, .035f}, chestnut{.27f, .16f, .08f}, blond{.68f, .52f, .29f};
  // light hair gets rare on dark skin
  const float light = fraction(u, kHairTone) * (1 - 0.75f * smooth_step(0.3f, 0.9f, tone));
  id.hair = light < 0.5f ? mix(black, chestnut, light * 2) : mix(chestnut, blond, light * 2 - 1);
  id.hair.x *= 1 + 0.35f * smooth_step(0.6f, 1, fraction(u, kHairRed));
  const float gray = smooth_step(38, 68, a.age);
  id.hair = mix(id.hair, Color{.70f, .70f, .71f}, 0.92f * gray);

  const float blue = smooth_step(0.4f, 0.7f, fraction(u, kIrisBlue)) * (1 - smooth_step(0.3f, 0.8f, tone));
  id.iris = mix(Color{.17f, .10f, .06f}, Color{.27f, .42f, .52f}, blue);
  id.iris = id.iris * (0.8f + 0.5f * fraction(u, kIrisTone));

  const float frame_tone = 0.05f + 0.35f * smooth_step(0.5f, 1, fraction(u, kFrameTone));
  id.frame = {frame_tone * (1 + fraction(u, kFrameRed)), frame_tone, frame_tone};
}

Scene decode_scene(const Latent& u) {
  Scene s;
  const auto channel = [&](Factor f) { return 0.10f + 0.55f * fraction(u, f); };
  s.background_low = {channel(kBackRed), channel(kBackGreen), channel(kBackBlue)};
  s.background_high = s.background_low * (1 + 0.25f * gaussian(u, kBackGradient));
  s.shirt = {channel(kShirtRed), channel(kShirtGreen), channel(kShirtBlue)};
  s.light = {0.5f * gaussian(u, kLightX), 0.6f + 0.25f * gaussian(u, kLightY), 1.0f};
  s.roll = 0.05f * gaussian(u, kRoll);
  return s;
}

}  // namespace

Latent normalized(Latent u) {
  float sum = 0;
  for (float x : u) sum += x * x;
  const float scale = 1 / std::sqrt(sum / kLatent + 1e-8f);
  for (float& x : u) x *= scale;
  return u;
}

Portrait decode(const Latent& u) {
  Portrait p;
  p.attributes = decode_attributes(u);
  decode_proportions(u, p.attributes, p.identity);
  decode_colors(u, p.attributes, p.identity);
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
    case kGender: return raw > 0.5f ? 0.8f : -0.8f;
    case kGlasses: return raw > 0.5f ? kGlassesThreshold + 0.7f : kGlassesThreshold - 0.9f;
    case kYaw: return quantile(0.5f * (raw / kYawRange + 1));
    case kPitch: return quantile(0.5f * (raw / kPitchRange + 1));
    case kBald: return raw <= 0 ? quantile(0.25f) : quantile(0.5f + 0.4f * raw);
    case kBeard: return raw <= 0 ? quantile(0.22f) : quantile(0.45f + 0.4f * raw);
    case kAge: return quantile((raw - kYoungest) / (kOldest - kYoungest));
    case kSmile: {
      // invert the S-curve by bisection
      float low = 0, high = 1;
      for (int i = 0; i < 30; ++i) {
        const float middle = 0.5f * (low + high);
        (smile_curve(middle) < raw ? low : high) = middle;
      }
      return quantile(0.5f * (low + high));
    }
    default: return raw;
  }
}

}  // namespace portraits
