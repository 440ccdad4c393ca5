// The border that alignment adds where a face reaches beyond its photo.
#pragma once

#include "runtime/face/image.h"

namespace mien {

struct Border {
  int left = 0, top = 0, right = 0, bottom = 0;  // pixels
};

// The picture with its mirror image around it (the outermost pixels once), blurred more and more towards the new edge
// (a Gaussian of `sigma` pixels) and faded to the median colour. The numbers of numpy.pad(reflect), scipy.ndimage's
// gaussian_filter and numpy.median in float32. Every side of the border is at least 1 wide. kUsage: larger than
// pictures may be.
Result<Image> AddFadingBorder(const Image& image, const Border& border, double sigma);

}  // namespace mien
