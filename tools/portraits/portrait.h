// What a picture shows: eight attributes, an identity and a scene, all decoded from one latent
// vector u in R^128 (normalised to rms 1). A picture is a pure function of u.
// The first kFactors coordinates of u carry meaning, one factor each; the others are unused.
#pragma once

#include <array>

#include "lanes.h"

namespace portraits {

constexpr int kLatent = 128;
using Latent = std::array<float, kLatent>;

// Coordinates of u. The first eight are the attributes in the order of the flow.
enum Factor {
  kGender, kGlasses, kYaw, kPitch, kBald, kBeard, kAge, kSmile,
  // identity
  kHeadWidth, kHeadHeight, kJaw, kChin, kCheek, kNoseLength, kNoseWidth, kNoseThickness,
  kEyeDistance, kEyeSize, kEyeHeight, kBrowThickness, kBrowHeight, kMouthWidth, kLips, kEars,
  kMouthHeight, kSkinTone, kSkinRed, kSkinYellow, kHairTone, kHairRed, kIrisBlue, kIrisTone,
  kHairLength, kCurl, kFringe, kParting, kFrameThickness, kFrameShape, kFrameRed, kFrameTone,
  // scene
  kBackRed, kBackGreen, kBackBlue, kBackGradient, kLightX, kLightY, kShirtRed, kShirtGreen, kShirtBlue,
  kRoll,
  kFactors
};
constexpr int kAttributes = 8;
constexpr int kFirstIdentity = kHeadWidth, kFirstScene = kBackRed;

// Raw units: gender 1 = male, glasses 0/1, degrees, bald and beard and smile 0..1, age in years.
struct Attributes {
  float gender, glasses, yaw, pitch, bald, beard, age, smile;
  std::array<float, kAttributes> values() const {
    return {gender, glasses, yaw, pitch, bald, beard, age, smile};
  }
};

// Proportions are relative to the average head (1 = average) unless the comment says otherwise.
struct Identity {
  float head_width, head_height, jaw, chin, cheek, nose_length, nose_width, nose_thickness;
  float eye_distance, eye_size, eye_height /* offset */, brow_thickness, brow_height /* offset */;
  float mouth_width, lips, ears, mouth_height /* y */;
  float hair_length /* 0..1 */, curl /* 0..1 */, fringe /* 0..1 */, parting /* -1..1 */;
  float frame_thickness, frame_squareness /* 0..1 */;
  Color skin, hair, iris, frame;
};

struct Scene {
  Color background_low, background_high, shirt;
  Point light;  // direction towards the light, not normalised
  float roll;   // radians
};

struct Portrait {
  Attributes attributes;
  Identity identity;
  Scene scene;
};

// Normalise to rms 1 (what the generator's mapping network does to z as well).
Latent normalized(Latent u);

// Decode a normalised latent.
Portrait decode(const Latent& u);

// The factors as the picture shows them, each scaled to about unit variance (training targets).
std::array<float, kFactors> shown_factors(const Latent& u);

// The coordinate of u that gives an attribute this raw value (the middle of the range if many do).
float latent_for(Factor attribute, float raw);

}  // namespace portraits
