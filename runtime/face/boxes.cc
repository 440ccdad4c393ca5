#include "runtime/face/boxes.h"

#include <algorithm>
#include <cmath>

namespace mien {
namespace {

constexpr double kCellOverlap = 0.4, kSsdOverlap = 0.5;
constexpr size_t kMaxSsdBoxes = 100;
// Of the small detector: width and height in cells.
constexpr struct {
  double width, height;
} kAnchors[] = {
    {1.603231, 2.094468}, {6.041143, 7.080126}, {2.882459, 3.518061}, {4.266906, 5.178857}, {9.041765, 10.66308}};
constexpr int kAnchorCount = static_cast<int>(std::size(kAnchors));
constexpr int kFaceClass = 1;

double Sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

// At least one pixel, also of a photo that is a line.
int RoundedSide(int side, double scale) { return std::max(1, static_cast<int>(std::floor(side * scale + 0.5))); }

double Magnitude(const Point& a, const Point& b) { return std::hypot(a.x - b.x, a.y - b.y); }

Point Middle(std::span<const Point> points) {
  Point sum;
  for (const Point& point : points) {
    sum.x += point.x;
    sum.y += point.y;
  }
  const double count = static_cast<double>(points.size());
  return {sum.x / count, sum.y / count};
}

}  // namespace

int DetectorView::seen_width() const { return RoundedSide(width, size / static_cast<double>(std::max(width, height))); }
int DetectorView::seen_height() const {
  return RoundedSide(height, size / static_cast<double>(std::max(width, height)));
}

double Overlap(const Box& a, const Box& b) {
  const double width = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  const double height = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  const double both = a.width * a.height + b.width * b.height;
  if (!(width > 0) || !(height > 0)) return 0.0;
  return width * height / (both - width * height);
}

std::vector<Box> SuppressOverlaps(std::vector<Box> boxes, double most) {
  std::stable_sort(boxes.begin(), boxes.end(), [](const Box& a, const Box& b) { return a.score > b.score; });
  std::vector<Box> kept;
  for (const Box& box : boxes) {
    const bool fine = std::none_of(kept.begin(), kept.end(), [&](const Box& k) { return Overlap(box, k) > most; });
    if (fine) kept.push_back(box);
  }
  return kept;
}

std::vector<Box> BoxesOfCells(std::span<const float> cells, const DetectorView& view, double least) {
  const size_t plane = cells.size() / (5 * kAnchorCount);
  const int side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(plane))));
  // One cell in pixels of the photo: the input has side cells, of which the photo takes its share.
  const double longer = std::max(view.seen_width(), view.seen_height());
  const double unit_x = longer / view.seen_width() * view.width / side;
  const double unit_y = longer / view.seen_height() * view.height / side;
  std::vector<Box> boxes;
  for (int row = 0; row < side; ++row) {
    for (int column = 0; column < side; ++column) {
      for (int anchor = 0; anchor < kAnchorCount; ++anchor) {
        const auto number = [&](int k) {
          const size_t channel = static_cast<size_t>(5 * anchor + k);
          return static_cast<double>(cells[channel * plane + static_cast<size_t>(row * side + column)]);
        };
        const double score = Sigmoid(number(4));
        if (!(score > least)) continue;
        const double width = std::exp(number(2)) * kAnchors[anchor].width * unit_x;
        const double height = std::exp(number(3)) * kAnchors[anchor].height * unit_y;
        const double x = (column + Sigmoid(number(0))) * unit_x, y = (row + Sigmoid(number(1))) * unit_y;
        boxes.push_back({x - width / 2, y - height / 2, width, height, score});
      }
    }
  }
  return SuppressOverlaps(std::move(boxes), kCellOverlap);
}

std::vector<Box> BoxesOfMaps(std::span<const SsdMap> maps, int classes, std::span<const float> anchors,
                             const DetectorView& view, double least) {
  std::vector<Box> boxes;  // as fractions of the input
  size_t number = 0;       // of an anchor
  for (const SsdMap& map : maps) {
    const size_t plane = static_cast<size_t>(map.side) * static_cast<size_t>(map.side);
    for (size_t cell = 0; cell < plane; ++cell) {
      for (size_t k = 0; k < static_cast<size_t>(map.per_cell); ++k, ++number) {
        const size_t face = k * static_cast<size_t>(classes) + kFaceClass;
        const float score = static_cast<float>(Sigmoid(map.classes[face * plane + cell]));
        if (!(score > least)) continue;
        const float* const anchor = &anchors[4 * number];
        const auto along = [&](size_t axis, double* begin, double* length) {  // 0: y, 1: x
          const float size = anchor[axis + 2] - anchor[axis], centre = anchor[axis] + size / 2;
          const float half = std::exp(map.boxes[(4 * k + axis + 2) * plane + cell] / 5) * size / 2;
          const float middle = map.boxes[(4 * k + axis) * plane + cell] / 10 * size + centre;
          const double low = middle - half, high = middle + half;
          *begin = low;
          *length = high - low;
        };
        Box box;
        box.score = score;
        along(0, &box.y, &box.height);
        along(1, &box.x, &box.width);
        boxes.push_back(box);
      }
    }
  }
  boxes = SuppressOverlaps(std::move(boxes), kSsdOverlap);
  if (boxes.size() > kMaxSsdBoxes) boxes.resize(kMaxSsdBoxes);
  const double unit_x = static_cast<double>(view.size) / view.seen_width() * view.width;
  const double unit_y = static_cast<double>(view.size) / view.seen_height() * view.height;
  for (Box& box : boxes) {
    const double right = std::min(1.0, box.x + box.width) * unit_x, bottom = std::min(1.0, box.y + box.height) * unit_y;
    box.x = std::max(0.0, box.x) * unit_x;
    box.y = std::max(0.0, box.y) * unit_y;
    box.width = right - box.x;
    box.height = bottom - box.y;
  }
  return boxes;
}

Part PartOf(const Box& box, int width, int height) {
  const double x = std::max(box.x, 0.0), y = std::max(box.y, 0.0);
  const double w = std::min(box.x + box.width - x, width - x), h = std::min(box.y + box.height - y, height - y);
  if (!(w >= 1) || !(h >= 1)) return {};  // also what is no number
  return {static_cast<int>(x), static_cast<int>(y), static_cast<int>(w), static_cast<int>(h)};
}

Landmarks RelativeLandmarks(std::span<const float> output, int size, const Part& part) {
  const double scale = size / static_cast<double>(std::max(part.width, part.height));
  const double width = part.width * scale, height = part.height * scale;
  const auto left = static_cast<float>(width < height ? (height - width) / 2 : 0.0);
  const auto top = static_cast<float>(height < width ? (width - height) / 2 : 0.0);
  Landmarks landmarks;
  for (size_t i = 0; i < landmarks.size(); ++i) {
    landmarks[i].x = (output[2 * i] * static_cast<float>(size) - left) / static_cast<float>(width);
    landmarks[i].y = (output[2 * i + 1] * static_cast<float>(size) - top) / static_cast<float>(height);
  }
  return landmarks;
}

Landmarks LandmarksIn(const Landmarks& relative, const Part& part, const Box& box) {
  Landmarks landmarks = relative;
  for (Point& point : landmarks) {
    point.x = point.x * part.width + box.x;
    point.y = point.y * part.height + box.y;
  }
  return landmarks;
}

Box BoxAround(const Landmarks& landmarks) {
  constexpr double kMargin = 0.2;
  Point low = landmarks[0], high;  // the publisher's package knows no end left of or above the photo
  for (const Point& point : landmarks) {
    low = {std::min(low.x, point.x), std::min(low.y, point.y)};
    high = {std::max(high.x, point.x), std::max(high.y, point.y)};
  }
  const double width = high.x - low.x, height = high.y - low.y;
  return {low.x - width * kMargin / 2, low.y - height * kMargin / 2, width * (1 + kMargin), height * (1 + kMargin)};
}

Box RecognizerBox(const Landmarks& landmarks, const Part& part) {
  constexpr double kEyeToMouth = 0.45, kAcross = 0.5, kDown = 0.43;  // of the square's side
  const std::span<const Point> points(landmarks);
  const Point eyes[] = {Middle(points.subspan(36, 6)), Middle(points.subspan(42, 6))},
              mouth = Middle(points.subspan(48));
  const double distance = (Magnitude(mouth, eyes[0]) + Magnitude(mouth, eyes[1])) / 2;
  const double size = std::floor(distance / kEyeToMouth);
  const Point all[] = {eyes[0], eyes[1], mouth};
  const Point centre = Middle(all);
  const double x = std::floor(std::max(0.0, centre.x - kAcross * size));
  const double y = std::floor(std::max(0.0, centre.y - kDown * size));
  return {x, y, std::min(size, part.width + x), std::min(size, part.height + y)};
}

}  // namespace mien
