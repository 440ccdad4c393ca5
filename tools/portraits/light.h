// A large lamp, the light of the room and what the surfaces make of it.
#pragma once

#include "paint.h"
#include "raster.h"

namespace portraits {

class Light {
 public:
  Light(const Portrait& portrait, const Mesh& mesh);
  // Linear light towards the camera. `near` is the ambient light that the surroundings leave, 0..1.
  Colors shade(const Hits& hits, const Paint& paint, Lanes near) const;
  // What a lens mirrors of the lamp and the room, 0..1
  Lanes mirrored(const Hits& hits) const;

 private:
  Point key_, fill_, rim_;
  Color bounce_;  // from the room
  ShadowMap shadow_;
};

constexpr float kOpennessReach = .34f;  // decimetres around a point that count

// How much of the room each pixel sees, from the depths around it: 0 in a crease, 1 in the open.
std::vector<float> openness(const Layer& layer, float samples_per_unit);

// Linear light -> 0..1 for display, with a soft shoulder
Color develop(Color linear);

}  // namespace portraits
