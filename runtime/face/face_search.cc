#include "runtime/face/face_search.h"

#include <algorithm>
#include <utility>

namespace mien {
namespace {

// Of a face that two parts show.
constexpr double kOverlapOfParts = 0.3;
constexpr int kPartSide = 512, kMaxParts = 64;

std::vector<int> Starts(int length, int side) {
  if (length <= side) return {0};
  const int step = side * 2 / 3, count = (length - side + step - 1) / step;
  std::vector<int> starts;
  for (int i = 0; i <= count; ++i) starts.push_back(static_cast<int>(int64_t{length - side} * i / count));
  return starts;
}

Result<std::vector<Box>> FindInParts(FaceNetworks& networks, const Image& photo) {
  int side = kPartSide;
  std::vector<Part> parts = PartsOf(photo.width, photo.height, side);
  while (parts.size() > kMaxParts) parts = PartsOf(photo.width, photo.height, side *= 2);
  std::vector<Box> all;
  for (const Part& part : parts) {
    MIEN_ASSIGN(const std::vector<Box> boxes, networks.FindBySsd(photo, part));
    all.insert(all.end(), boxes.begin(), boxes.end());
  }
  return SuppressOverlaps(std::move(all), kOverlapOfParts);
}

}  // namespace

std::vector<Part> PartsOf(int width, int height, int side) {
  std::vector<Part> parts;
  for (const int y : Starts(height, side)) {
    for (const int x : Starts(width, side)) parts.push_back({x, y, std::min(side, width), std::min(side, height)});
  }
  return parts;
}

void AddDetectors(DetectorChoice choice, FaceNetworksOptions* options) {
  const auto add = [&](int size) {
    if (std::ranges::count(options->cell_sizes, size) == 0) options->cell_sizes.push_back(size);
  };
  if (choice != DetectorChoice::kSsd) add(kFirstLook);
  if (choice == DetectorChoice::kTiny) add(kCloserLook);
  options->ssd = options->ssd || choice != DetectorChoice::kTiny;
}

int ChooseLook(const std::vector<Look>& looks) {
  const auto worth = [](const Look& look) {
    const auto sure = std::ranges::count_if(look.boxes, [](const Box& box) { return box.score > kSureScore; });
    return std::pair(sure, look.boxes.empty() ? 0.0 : look.boxes[0].score);
  };
  int best = -1;
  for (size_t i = 0; i < looks.size(); ++i) {
    if (looks[i].boxes.empty()) continue;
    if (best < 0 || worth(looks[i]) > worth(looks[static_cast<size_t>(best)])) best = static_cast<int>(i);
  }
  return best;
}

Result<FaceSearch> SearchFaces(FaceNetworks& networks, const Image& photo, DetectorChoice choice) {
  const Part whole = {0, 0, photo.width, photo.height};
  FaceSearch search;
  if (choice != DetectorChoice::kSsd) {
    MIEN_ASSIGN(std::vector<Box> boxes, networks.FindByCells(photo, whole, kFirstLook));
    search.looks.push_back({"tiny_416", std::move(boxes)});
  }
  if (choice != DetectorChoice::kTiny) {
    MIEN_ASSIGN(std::vector<Box> boxes, networks.FindBySsd(photo, whole));
    search.looks.push_back({"ssd", std::move(boxes)});
  }
  search.chosen = ChooseLook(search.looks);
  const std::vector<Box> found = search.boxes();
  const bool sure = !found.empty() && found[0].score > kSureScore;
  if (sure || std::max(photo.width, photo.height) <= kPartSide) return search;
  std::vector<Box> boxes;
  if (choice == DetectorChoice::kTiny) {
    MIEN_ASSIGN(boxes, networks.FindByCells(photo, whole, kCloserLook));
  } else {
    MIEN_ASSIGN(boxes, FindInParts(networks, photo));
  }
  std::erase_if(boxes, [](const Box& box) { return box.score <= kCloserScore; });
  if (!boxes.empty()) search.chosen = static_cast<int>(search.looks.size());
  search.looks.push_back({choice == DetectorChoice::kTiny ? "tiny_1024" : "ssd_parts", std::move(boxes)});
  return search;
}

}  // namespace mien
