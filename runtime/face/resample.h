// Parts of pictures, and pictures of another size, with the numbers of Pillow, which the public preprocessing uses.
#pragma once

#include "runtime/face/image.h"

namespace mien {

// kTriangle is Pillow's BILINEAR, kLanczos its LANCZOS (three lobes).
enum class Filter : uint8_t { kTriangle, kLanczos };

// Antialiased: where the picture shrinks, the filter is as much wider. Weights in 22-bit fixed point, rows first, each
// pass rounded to 8 bits.
Result<Image> ResizeImage(const Image& image, int width, int height, Filter filter = Filter::kTriangle);

// The rectangle must lie in the picture.
Result<Image> CropImage(const Image& image, int left, int top, int width, int height);
// The largest square around the centre.
Result<Image> CropCentreSquare(const Image& image);

}  // namespace mien
