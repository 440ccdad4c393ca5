// Parts of pictures, and pictures of another size, with the numbers of Pillow, which the public preprocessing uses.
#pragma once

#include "base/thread_pool.h"
#include "runtime/face/image.h"

namespace mien {

// kTriangle is Pillow's BILINEAR, kLanczos its LANCZOS (three lobes).
enum class Filter : uint8_t { kTriangle, kLanczos };

// Antialiased: where the picture shrinks, the filter is as much wider. Weights in 22-bit fixed point, rows first, each
// pass rounded to 8 bits. The same bits with any pool; null: the calling thread alone.
Result<Image> ResizeImage(const Image& image, int width, int height, Filter filter = Filter::kTriangle,
                          ThreadPool* pool = nullptr);

// Whole pixels, right and bottom behind the last.
struct Region {
  int left = 0, top = 0, right = 0, bottom = 0;
};
// The part of ResizeImage(image, width, height, filter) that lies in a region of it, which is not empty; nothing else
// is computed.
Result<Image> ResizeRegion(const Image& image, int width, int height, Filter filter, const Region& region,
                           ThreadPool* pool = nullptr);

// The rectangle must lie in the picture.
Result<Image> CropImage(const Image& image, int left, int top, int width, int height);
// The largest square around the centre.
Result<Image> CropCentreSquare(const Image& image);

}  // namespace mien
