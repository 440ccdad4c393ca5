// Which detector finds the faces of a photo: of the small and the stronger one that which is sure of more faces;
// where neither is sure of any, a closer look for small faces.
#pragma once

#include "runtime/face/face_networks.h"

namespace mien {

// The small detector's first look; and its second, at faces that are too small for the first.
constexpr int kFirstLook = 416, kCloserLook = 1024;
// Above it a face is sure; and in a closer look, which sees more of everything that is no face, one is a face at all.
constexpr double kSureScore = 0.5, kCloserScore = 0.7;

enum class DetectorChoice : uint8_t { kAuto, kTiny, kSsd };
inline constexpr const char* kDetectorNames[] = {"auto", "tiny", "ssd"};  // in their order
struct Look {
  std::string detector;  // "tiny_416", "ssd", "tiny_1024", "ssd_parts": the same on overlapping parts of the photo
  std::vector<Box> boxes;  // best first
};
struct FaceSearch {
  std::vector<Look> looks;  // in their order
  int chosen = -1;          // of the looks; -1: nothing was found

  std::vector<Box> boxes() const { return chosen < 0 ? std::vector<Box>() : looks[static_cast<size_t>(chosen)].boxes; }
};

// What SearchFaces needs.
void AddDetectors(DetectorChoice choice, FaceNetworksOptions* options);
Result<FaceSearch> SearchFaces(FaceNetworks& networks, const Image& photo, DetectorChoice choice);

// The look with more sure faces; of equals that with the better best face. -1: none has a face.
int ChooseLook(const std::vector<Look>& looks);
// Parts of `side` pixels that overlap by a third at the least and cover the photo; the photo itself where it is no
// larger.
std::vector<Part> PartsOf(int width, int height, int side);

}  // namespace mien
