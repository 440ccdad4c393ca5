// From a photo to the aligned square that encoders of FFHQ faces were trained on: the procedure of e4e and
// PluGeN4Faces (`align_face`; docs/networks.md, "Alignment"), with the same numbers as the public Python code on NumPy,
// SciPy and Pillow.
#pragma once

#include <array>

#include "base/thread_pool.h"
#include "runtime/face/image.h"

namespace mien {

struct Point {
  double x = 0.0, y = 0.0;
};

// The 68 points of iBUG 300-W (jaw 0-16, brows 17-26, nose 27-35, right eye of the person 36-41, left eye 42-47, mouth
// 48-67) in pixels of the upright photo; whole numbers are centres of pixels.
constexpr int kLandmarks = 68;
using Landmarks = std::array<Point, kLandmarks>;

// Where the aligned square lies in the photo: a square around eyes and mouth, turned as the head is.
struct Quad {
  Point nw, sw, se, ne;
};

// The recorded procedure knows whole points only: each is rounded to the nearest, halves up, as dlib does.
Landmarks RoundedLandmarks(const Landmarks& landmarks);

// kUsage: points that are not finite, or eyes and mouth so close together that no direction can be told.
Result<Quad> FaceQuad(const Landmarks& landmarks);

// The square as the warp reads it, in pixels of the photo, whose borders lie at whole numbers: the point at the
// fractions u, v of its sides is corner + u right + v down.
struct SquarePlace {
  Point corner, right, down;
};

// Side of the crops that encoders are given (`align_face` of e4e); their own input may be smaller.
constexpr int kCropSide = 256;

// The square as a picture of size x size pixels. A large photo is shrunk first, and what the square has beyond the
// photo's border is its mirror image, blurred and faded to the median colour. kUsage: as FaceQuad; the square lies
// outside of the photo, or what would have to be added to the photo exceeds the limits of pictures. `place` gets where
// it comes from. The same bits with any pool; null: the calling thread alone.
Result<Image> AlignFace(const Image& photo, const Landmarks& landmarks, int size, SquarePlace* place = nullptr,
                        ThreadPool* pool = nullptr);

}  // namespace mien
