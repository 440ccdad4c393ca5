// Drawings on a photo that show what was found in it.
#pragma once

#include "runtime/face/align.h"

namespace mien {

// The outline of the aligned square and the 68 points, in lines that suit the size of the picture; what lies outside of
// it is left out.
void DrawFace(Image* photo, const Quad& quad, const Landmarks& landmarks);

}  // namespace mien
