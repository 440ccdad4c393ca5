// Boxes of faces: from what detectors give to boxes, from overlapping boxes to one per face, from landmarks to the
// part of the photo that the next network sees. Pure functions with the numbers of the publisher's package
// (docs/networks.md, "Face networks").
#pragma once

#include <span>
#include <vector>

#include "runtime/face/align.h"

namespace mien {

// In pixels of the photo.
struct Box {
  double x = 0.0, y = 0.0, width = 0.0, height = 0.0;
  double score = 0.0;  // 0..1
};

// What a detector saw of a photo: all of it, shrunk or enlarged until its longer side has `size` pixels, in the upper
// left corner of a square.
struct DetectorView {
  int width = 0, height = 0;  // of the photo
  int size = 0;               // of the detector's input

  int seen_width() const;  // pixels of the input that are photo
  int seen_height() const;
};

// Area of the intersection by that of the union; 0 where one of them is empty.
double Overlap(const Box& a, const Box& b);
// Best first, without those that overlap a better one by more than `most`.
std::vector<Box> SuppressOverlaps(std::vector<Box> boxes, double most);

// Those of the small detector with a score above `least`, best first, one per face: cells [25,n,n], per cell and anchor
// centre x and y, width, height and score.
std::vector<Box> BoxesOfCells(std::span<const float> cells, const DetectorView& view, double least);

// One map of the SSD detector: per cell and anchor four numbers of a box and `classes` scores, of which the second is a
// face's. [4 b,n,n] and [classes b,n,n].
struct SsdMap {
  std::span<const float> boxes, classes;
  int per_cell = 0, side = 0;
};
// The same of the SSD detector; anchors [.,4] (y0, x0, y1, x1) in the order of maps, rows, columns and boxes of a cell.
std::vector<Box> BoxesOfMaps(std::span<const SsdMap> maps, int classes, std::span<const float> anchors,
                             const DetectorView& view, double least);

// A part of a photo in whole pixels; empty where no side is positive.
struct Part {
  int x = 0, y = 0, width = 0, height = 0;
  bool empty() const { return width <= 0 || height <= 0; }
};
// What of a box lies in the photo; numbers are rounded down.
Part PartOf(const Box& box, int width, int height);

// The network's 136 numbers (x and y relative to a square of `size` pixels in whose middle the part is) as fractions
// of the part.
Landmarks RelativeLandmarks(std::span<const float> output, int size, const Part& part);
// In the photo: `relative` to a part, shifted by the corner of the box it was cut by.
Landmarks LandmarksIn(const Landmarks& relative, const Part& part, const Box& box);

// Around all points, a fifth larger: what expressions, age and gender are told from.
Box BoxAround(const Landmarks& landmarks);
// The square that the recogniser was trained on, by eyes and mouth; at most the size of the part that the landmarks
// come from.
Box RecognizerBox(const Landmarks& landmarks, const Part& part);

}  // namespace mien
