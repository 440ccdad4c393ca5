// How a head is turned, by where its landmarks lie: a rigid face of six points, seen from far away, fitted by least
// squares. Good to some degrees, for labels of pictures, not for measuring.
#pragma once

#include "runtime/face/boxes.h"

namespace mien {

// Degrees: yaw grows as the face turns to the right of the picture, pitch as it looks down.
struct HeadPose {
  double yaw = 0.0, pitch = 0.0;
};
// Not numbers where the landmarks are no face (all in one place, or in a line).
HeadPose PoseOf(const Landmarks& landmarks);

}  // namespace mien
