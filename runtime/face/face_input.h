// Parts of photos as the face networks want them (docs/networks.md, "Face networks"): a square with black where the
// part has no pixels, resized as TensorFlow does without half-pixel centres, each channel shifted and scaled.
#pragma once

#include <span>

#include "runtime/face/boxes.h"
#include "runtime/face/image.h"

namespace mien {

// Where the part lies in its square.
enum class InSquare : uint8_t { kCorner, kMiddle };

// (value - mean) / divisor of 8-bit RGB.
struct FaceScale {
  float mean[3];
  float divisor;
};
constexpr FaceScale kCellScale = {{117.001f, 114.697f, 97.404f}, 255.0f};
constexpr FaceScale kSsdScale = {{127.5f, 127.5f, 127.5f}, 127.5f};
constexpr FaceScale kCropScale = {{122.782f, 117.001f, 104.298f}, 255.0f};

// out [3,size,size]; the part is not empty and lies in the photo.
void ToSquare(const Image& photo, const Part& part, InSquare place, int size, const FaceScale& scale,
              std::span<float> out);

}  // namespace mien
