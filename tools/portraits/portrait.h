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
  kGender,
  kGlasses,
  kYaw,
  kPitch,
  kBald,
  kBeard,
  kAge,
  kSmile,
  // identity: head
  kHeadWidth,
  kHeadHeight,
  kFaceLength,
  kForehead,
  kJaw,
  kChin,
  kChinForward,
  kCheekbone,
  kCheekFat,
  kEars,
  kEarAngle,
  kNeck,
  // identity: nose, eyes, brows, mouth
  kNoseLength,
  kNoseWidth,
  kNoseBridge,
  kNoseTip,
  kNoseHump,
  kEyeDistance,
  kEyeSize,
  kEyeOpen,
  kEyeTilt,
  kEyeFold,
  kEyeDepth,
  kBrowHeight,
  kBrowThickness,
  kBrowArch,
  kMouthWidth,
  kMouthHeight,
  kUpperLip,
  kLowerLip,
  // identity: colours
  kSkinTone,
  kSkinHue,
  kFreckles,
  kHairTone,
  kHairRed,
  kIrisHue,
  kIrisTone,
  // identity: hair
  kHairLength,
  kCurl,
  kVolume,
  kFringe,
  kParting,
  kTied,
  kHairline,
  kBeardExtent,
  // identity: spectacles
  kFrameThickness,
  kFrameShape,
  kFrameSize,
  kFrameRed,
  kFrameTone,
  // scene
  kBackRed,
  kBackGreen,
  kBackBlue,
  kBackGradient,
  kRoomCorner,
  kWindow,
  kLightX,
  kLightY,
  kShirtRed,
  kShirtGreen,
  kShirtBlue,
  kNeckline,
  kRoll,
  kFactors
};
constexpr int kAttributes = 8;
constexpr int kFirstIdentity = kHeadWidth, kFirstScene = kBackRed;
extern const std::array<const char*, kFactors> kFactorNames;
constexpr float kYoungest = 4, kOldest = 80;  // years

// Raw units: gender 1 = male, glasses 0/1, degrees, bald and beard and smile 0..1, age in years.
struct Attributes {
  float gender, glasses, yaw, pitch, bald, beard, age, smile;
  std::array<float, kAttributes> values() const {
    return {gender, glasses, yaw, pitch, bald, beard, age, smile};
  }
};

// How far a person is grown, 0 to 1 each, from the age.
struct Growth {
  float child;   // 1 at 4 years, 0 at 18
  float teen;    // 1 at 13, 0 at 8 and 19
  float mature;  // 0 at 25, 1 at 80
  float old;     // 0 at 50, 1 at 80
  float adult;   // 0 below 11, 1 from 19: beards, brow ridges, the difference of the sexes
};
Growth growth_of(float age);

// Everything the drawing needs; `spread` values are standard normal, clamped to +-2.2.
struct Identity {
  std::array<float, kFactors> spread;     // by Factor, identity coordinates only
  float tone;                             // skin, 0 light .. 1 dark, uniform
  Color skin, hair, iris, frame;          // linear light
  float gray;                             // share of grey hair
  float hair_length, curl, fringe, tied;  // 0..1
  float parting;                          // -1..1
};

struct Scene {
  Color background_low, background_high, shirt;
  float corner, window;  // -1..1: where the room's corner and its window are
  Point light;           // direction towards the light, unit length
  float neckline;        // 0..1: round, open, collar, high
  float tilt;            // radians the head leans on the shoulders
};

struct Portrait {
  Attributes attributes;
  Growth growth;
  Identity identity;
  Scene scene;
  float spread(Factor f) const { return identity.spread[f]; }
};

// Normalise to rms 1 (what the generator's mapping network does to z as well).
Latent normalized(Latent u);

// Decode a normalised latent.
Portrait decode(const Latent& u);

// The factors as the picture shows them, each scaled to about unit variance (training targets).
std::array<float, kFactors> shown_factors(const Latent& u);

// The coordinate of u that gives an attribute this raw value (the middle of the range if many do).
float latent_for(Factor attribute, float raw);

// 0: 4..12 years, 1: 13..19, 2: 20..34, 3: 35..49, 4: 50..64, 5: 65..80
int age_band(float age);

}  // namespace portraits
