#include "runtime/face/align.h"

#include <algorithm>
#include <cmath>

#include "runtime/face/border.h"
#include "runtime/face/resample.h"

namespace mien {
namespace {

constexpr double kSmallestSide = 4.0;  // of the square in pixels; below, its border has no width

Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
Point operator*(Point a, double factor) { return {a.x * factor, a.y * factor}; }
double Length(Point a) { return std::hypot(a.x, a.y); }

Point Mean(const Landmarks& landmarks, int first, int last) {
  Point sum;
  for (int i = first; i <= last; ++i) sum = sum + landmarks[i];
  return {sum.x / (last - first + 1), sum.y / (last - first + 1)};
}

// The square, and the length of its sides before any rounding of the corners.
struct Frame {
  Quad quad;
  double side = 0.0;
};

Result<Frame> FrameOf(const Landmarks& landmarks) {
  for (const Point& point : landmarks) {
    if (!std::isfinite(point.x) || !std::isfinite(point.y))
      return Status::Error(Code::kUsage, "landmarks: a point is not finite");
  }
  const Point eye_left = Mean(landmarks, 36, 41), eye_right = Mean(landmarks, 42, 47);
  const Point eyes = (eye_left + eye_right) * 0.5, eye_to_eye = eye_right - eye_left;
  const Point mouth = (landmarks[48] + landmarks[54]) * 0.5, eye_to_mouth = mouth - eyes;
  Point x = eye_to_eye - Point{-eye_to_mouth.y, eye_to_mouth.x};
  const double length = Length(x);
  x = {x.x / length, x.y / length};
  x = x * std::max(Length(eye_to_eye) * 2.0, Length(eye_to_mouth) * 1.8);
  const double side = Length(x) * 2.0;
  if (!(side >= kSmallestSide))
    return Status::Error(Code::kUsage,
                         "landmarks: the square around eyes and mouth has sides of %g pixels, %g or more expected",
                         side, kSmallestSide);
  const Point y = {-x.y, x.x}, c = eyes + eye_to_mouth * 0.1;
  return Frame{{c - x - y, c - x + y, c + x + y, c + x - y}, side};
}

std::array<Point, 4> Corners(const Quad& quad) { return {quad.nw, quad.sw, quad.se, quad.ne}; }

template <class Change>
void ForCorners(Quad& quad, const Change& change) {
  for (Point* corner : {&quad.nw, &quad.sw, &quad.se, &quad.ne}) *corner = change(*corner);
}

// Around the quad. What lies a thousand times the largest picture away does not change the answer.
Region BoxAround(const Quad& quad) {
  const auto corners = Corners(quad);
  const auto by_x = [](Point a, Point b) { return a.x < b.x; };
  const auto by_y = [](Point a, Point b) { return a.y < b.y; };
  const auto whole = [](double v) { return static_cast<int>(std::clamp(v, -1e7, 1e7)); };
  return {whole(std::floor(std::min_element(corners.begin(), corners.end(), by_x)->x)),
          whole(std::floor(std::min_element(corners.begin(), corners.end(), by_y)->y)),
          whole(std::ceil(std::max_element(corners.begin(), corners.end(), by_x)->x)),
          whole(std::ceil(std::max_element(corners.begin(), corners.end(), by_y)->y))};
}

// The quad as a picture, as Pillow's transform(QUAD, BILINEAR) with all corners moved by half a pixel: black outside,
// values cut off and not rounded.
Result<Image> Warp(const Image& image, const Quad& quad, int size, ThreadPool* pool) {
  MIEN_ASSIGN(Image out, Image::Create(size, size));
  Quad moved = quad;
  ForCorners(moved, [](Point p) { return p + Point{0.5, 0.5}; });
  const double one = 1.0 / size;
  const Point a = moved.nw, b = (moved.ne - a) * one, c = (moved.sw - a) * one;
  const Point d = (moved.se - moved.sw - moved.ne + a) * one * one;
  const auto draw = [&](int row, int) {
    for (int column = 0; column < size; ++column) {
      const double u = column + 0.5, v = row + 0.5;
      double x = a.x + b.x * u + c.x * v + d.x * u * v, y = a.y + b.y * u + c.y * v + d.y * u * v;
      if (!(x >= 0.0 && x < image.width && y >= 0.0 && y < image.height)) continue;
      x -= 0.5;
      y -= 0.5;
      const int left = static_cast<int>(std::floor(x)), top = static_cast<int>(std::floor(y));
      const double dx = x - left, dy = y - top;
      const int x0 = std::max(left, 0), x1 = std::min(left + 1, image.width - 1);
      const uint8_t* upper = image.row(std::max(top, 0));
      const uint8_t* lower = top + 1 < image.height ? image.row(top + 1) : upper;
      for (int channel = 0; channel < 3; ++channel) {
        const auto between = [&](const uint8_t* from) {
          return from[3 * x0 + channel] + (from[3 * x1 + channel] - from[3 * x0 + channel]) * dx;
        };
        const double first = between(upper);
        out.row(row)[3 * column + channel] = static_cast<uint8_t>(first + (between(lower) - first) * dy);
      }
    }
  };
  if (pool != nullptr) {
    pool->ParallelFor(size, draw);
  } else {
    for (int row = 0; row < size; ++row) draw(row, 0);
  }
  return out;
}

}  // namespace

Landmarks RoundedLandmarks(const Landmarks& landmarks) {
  Landmarks rounded;
  for (int i = 0; i < kLandmarks; ++i)
    rounded[i] = {std::floor(landmarks[i].x + 0.5), std::floor(landmarks[i].y + 0.5)};
  return rounded;
}

Result<Quad> FaceQuad(const Landmarks& landmarks) {
  MIEN_ASSIGN(const Frame frame, FrameOf(landmarks));
  return frame.quad;
}

Result<Image> AlignFace(const Image& photo, const Landmarks& landmarks, int size, SquarePlace* place,
                        ThreadPool* pool) {
  MIEN_TRY(CheckPictureSize(size, size));
  MIEN_ASSIGN(const Frame frame, FrameOf(RoundedLandmarks(landmarks)));
  Quad quad = frame.quad;
  double side = frame.side;
  int width = photo.width, height = photo.height;
  const double shrink = std::floor(side / size * 0.5);
  if (shrink > 1.0) {
    width = static_cast<int>(std::nearbyint(photo.width / shrink));
    height = static_cast<int>(std::nearbyint(photo.height / shrink));
    if (width < 1 || height < 1)
      return Status::Error(Code::kUsage, "landmarks: a face of %g pixels does not belong to a picture of %d x %d", side,
                           photo.width, photo.height);
    ForCorners(quad, [&](Point p) { return Point{p.x / shrink, p.y / shrink}; });
    side /= shrink;
  }
  const Point pixel = {double(photo.width) / width, double(photo.height) / height};  // shrunk, in those of the photo

  const int border = std::max(static_cast<int>(std::nearbyint(side * 0.1)), 3);
  Region box = BoxAround(quad);
  box = {std::max(box.left - border, 0), std::max(box.top - border, 0), std::min(box.right + border, width),
         std::min(box.bottom + border, height)};
  if (box.left >= box.right || box.top >= box.bottom)
    return Status::Error(Code::kUsage, "landmarks: the face lies outside of the picture of %d x %d pixels", photo.width,
                         photo.height);
  Image made;  // of the photo what the square needs, on its way
  const Image* image = &photo;
  if (shrink > 1.0 || box.right - box.left < width || box.bottom - box.top < height) {
    MIEN_ASSIGN(made, ResizeRegion(photo, width, height, Filter::kLanczos, box, pool));
    image = &made;
  }
  Point corner = {-double(box.left), -double(box.top)};  // of the photo in it
  ForCorners(quad, [&](Point p) { return p + corner; });

  const Region wanted = BoxAround(quad);
  Border added = {std::max(-wanted.left + border, 0), std::max(-wanted.top + border, 0),
                  std::max(wanted.right - image->width + border, 0),
                  std::max(wanted.bottom - image->height + border, 0)};
  if (std::max({added.left, added.top, added.right, added.bottom}) > border - 4) {
    const int least = static_cast<int>(std::nearbyint(side * 0.3));
    added = {std::max(added.left, least), std::max(added.top, least), std::max(added.right, least),
             std::max(added.bottom, least)};
    MIEN_ASSIGN(made, AddFadingBorder(*image, added, side * 0.02));
    image = &made;
    const Point shift = {double(added.left), double(added.top)};
    corner = corner + shift;
    ForCorners(quad, [&](Point p) { return p + shift; });
  }
  if (place != nullptr) {
    const auto in_photo = [&](Point p) { return Point{p.x * pixel.x, p.y * pixel.y}; };
    *place = {in_photo(quad.nw + Point{0.5, 0.5} - corner), in_photo(quad.ne - quad.nw), in_photo(quad.sw - quad.nw)};
  }
  return Warp(*image, quad, size, pool);
}

}  // namespace mien
