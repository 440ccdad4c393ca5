#include "camera.h"

#include <algorithm>

namespace portraits {
namespace {

// Finds places on the front of the head by their x >= 0 and y in head space.
class FrontLookup {
 public:
  FrontLookup(const Mesh& mesh, const HeadGrid& grid) : mesh_(mesh), grid_(grid) {}

  // The nearest vertex of the grid whose z is above `behind`, moved to (x, y) along the surface.
  Point at(float x, float y, float behind) const {
    float best = 1e9f;
    int row = 1, column = 1;
    const auto search = [&](int from_row, int to_row, int from_column, int to_column, int step) {
      for (int r = from_row; r < to_row; r += step)
        for (int c = from_column; c < to_column; c += step) {
          const Point& p = mesh_.vertices[grid_.index(r, c)].at;
          const float dx = p.x - x, dy = p.y - y, d = dx * dx + dy * dy;
          if (d < best && p.z > behind) best = d, row = r, column = c;
        }
    };
    constexpr int kStep = 4, kMiddle = HeadGrid::columns() / 2;
    search(1, HeadGrid::rows() - 1, kMiddle - 1, HeadGrid::columns() - 1, kStep);
    search(std::max(1, row - kStep), std::min(HeadGrid::rows() - 1, row + kStep), std::max(1, column - kStep),
           std::min(HeadGrid::columns() - 1, column + kStep), 1);
    const auto vertex = [&](int r, int c) { return mesh_.vertices[grid_.index(r, c)].at; };
    const Point p = vertex(row, column);
    const Point u = vertex(row, column + 1) - vertex(row, column - 1),
                v = vertex(row + 1, column) - vertex(row - 1, column);
    const float det = u.x * v.y - u.y * v.x, dx = x - p.x, dy = y - p.y;
    if (abs(det) < 1e-6f) return {x, y, p.z};
    const float a = clamp((dx * v.y - dy * v.x) / det, -1, 1), b = clamp((u.x * dy - u.y * dx) / det, -1, 1);
    return {x, y, p.z + a * u.z + b * v.z};
  }

 private:
  const Mesh& mesh_;
  const HeadGrid& grid_;
};

// Places in head space of the person's left half (x > 0) and the middle; the other half mirrors them.
struct Layout {
  std::array<Point, kLandmarks> at;
  void set(int i, Point p) { at[i] = p; }
  // `i` lies on the picture's left, its mirror image `j` on the right
  void pair(int i, int j, Point p) { at[i] = {-p.x, p.y, p.z}, at[j] = p; }
};

void place_jaw(const Mesh& mesh, const HeadGrid& grid, Layout& out);

void place_brows_and_nose(const Features& f, const FrontLookup& front, Layout& out) {
  for (int k = 0; k < 5; ++k) {
    const float along = .92f - 1.84f * float(k) / 4;  // from the temple inwards
    const float x = f.eye.x + .015f + along * f.brow_half;
    out.pair(17 + k, 26 - k, front.at(x, f.brow_line(along), .2f));
  }
  const float top = .03f, tip = f.nose_tip_y;
  for (int k = 0; k < 4; ++k) {
    const float y = mix(top, tip, float(k) / 3);
    out.set(27 + k, front.at(0, y, .5f));
  }
  const float base = f.nose_base_y + .004f;
  out.pair(31, 35, front.at(f.nose_half - .012f, base + .03f, .5f));
  out.pair(32, 34, front.at(f.nose_half * .5f, base + .004f, .5f));
  out.set(33, front.at(0, base - .008f, .5f));
}

void place_eyes(const Features& f, const FrontLookup& front, Layout& out) {
  const auto at = [&](float across, bool upper) {
    const float y = upper ? f.upper_lid(across) : f.lower_lid(across);
    return front.at(f.eye.x + .008f + across * f.eye_half, y, .3f);
  };
  // the picture's left eye: 36 outer corner, 37 38 upper lid, 39 inner corner, 40 41 lower lid
  out.pair(36, 45, at(1, true));
  out.pair(37, 44, at(.36f, true));
  out.pair(38, 43, at(-.36f, true));
  out.pair(39, 42, at(-1, true));
  out.pair(40, 47, at(-.36f, false));
  out.pair(41, 46, at(.36f, false));
}

void place_mouth(const Features& f, const FrontLookup& front, Layout& out) {
  const auto at = [&](float across, float y) { return front.at(across * f.mouth_half, y, .3f); };
  const auto top = [&](float a) { return f.upper_lip_edge(a) + f.upper_lip_height(a); };
  const auto bottom = [&](float a) { return f.lower_lip_edge(a) - f.lower_lip_height(a); };
  out.pair(48, 54, at(1, f.mouth_line(1.0f)));
  out.pair(49, 53, at(.64f, top(.64f)));
  out.pair(50, 52, at(.26f, top(.26f)));
  out.set(51, at(0, top(0.0f)));
  out.pair(59, 55, at(.64f, bottom(.64f)));
  out.pair(58, 56, at(.30f, bottom(.30f)));
  out.set(57, at(0, bottom(0.0f)));
  out.pair(60, 64, at(.90f, f.mouth_line(.90f)));
  out.pair(61, 63, at(.32f, f.upper_lip_edge(.32f)));
  out.set(62, at(0, f.upper_lip_edge(0.0f)));
  out.pair(67, 65, at(.32f, f.lower_lip_edge(.32f)));
  out.set(66, at(0, f.lower_lip_edge(0.0f)));
}

// The edge of the jaw: a row of the grid that runs from before the ears under the chin. It is taken where
// the average head has these places.
void place_jaw(const Mesh& mesh, const HeadGrid& grid, Layout& out) {
  constexpr Point kJaw[] = {{0, -1.19f, .85f},   {.17f, -1.17f, .82f}, {.31f, -1.09f, .73f},
                            {.42f, -.98f, .58f}, {.50f, -.84f, .42f},  {.575f, -.66f, .30f},
                            {.64f, -.42f, .24f}, {.685f, -.18f, .22f}, {.715f, .04f, .20f}};
  for (int k = 0; k < 9; ++k) {
    float best = 1e9f;
    Point found{};
    for (int r = 0; r < HeadGrid::rows(); ++r)
      for (int c = HeadGrid::columns() / 2; c < HeadGrid::columns(); ++c) {
        const Vertex& v = mesh.vertices[grid.index(r, c)];
        const Point d = v.root - kJaw[k];
        if (dot(d, d) < best) best = dot(d, d), found = v.at;
      }
    if (k == 0)
      out.set(8, {0, found.y, found.z});
    else
      out.pair(8 - k, 8 + k, found);
  }
}

}  // namespace

Landmarks landmarks_of(const Features& f, const Mesh& mesh, const HeadGrid& grid, const Pose& pose) {
  Layout layout;
  const FrontLookup front(mesh, grid);
  place_jaw(mesh, grid, layout);
  place_brows_and_nose(f, front, layout);
  place_eyes(f, front, layout);
  place_mouth(f, front, layout);
  Landmarks out;
  for (int i = 0; i < kLandmarks; ++i) out[i] = pose.place(layout.at[i], 1);
  return out;
}

std::array<Flat, kLandmarks> flatten(const Landmarks& landmarks, const View& view) {
  std::array<Flat, kLandmarks> out;
  for (int i = 0; i < kLandmarks; ++i) {
    const Point p = view.project(landmarks[i]);
    out[i] = {p.x, p.y};
  }
  return out;
}

Frame ffhq_frame(const std::array<Flat, kLandmarks>& flat) {
  const auto mean = [&](int from, int to) {
    Flat m{0, 0};
    for (int i = from; i <= to; ++i)
      m.x += flat[i].x / float(to - from + 1), m.y += flat[i].y / float(to - from + 1);
    return m;
  };
  const Flat left = mean(36, 41), right = mean(42, 47);
  const Flat eyes{(left.x + right.x) / 2, (left.y + right.y) / 2},
      between{right.x - left.x, right.y - left.y};
  const Flat to_mouth{(flat[48].x + flat[54].x) / 2 - eyes.x, (flat[48].y + flat[54].y) / 2 - eyes.y};
  const float x = between.x + to_mouth.y, y = between.y - to_mouth.x;
  const auto norm = [](float a, float b) { return sqrt(a * a + b * b); };
  const float half = max(2.0f * norm(between.x, between.y), 1.8f * norm(to_mouth.x, to_mouth.y)) / norm(x, y);
  return {{eyes.x + .1f * to_mouth.x, eyes.y + .1f * to_mouth.y}, {x * half, y * half}};
}

View view_of(const Frame& frame, float side) {
  // rotate by the inverse of the frame's angle and scale its half side to half of the picture's
  const float square = frame.half.x * frame.half.x + frame.half.y * frame.half.y, by = side / 2 / square;
  View v;
  v.scale_x = frame.half.x * by;
  v.scale_y = -frame.half.y * by;
  v.shift_x = side / 2 - (v.scale_x * frame.center.x - v.scale_y * frame.center.y);
  v.shift_y = side / 2 - (v.scale_y * frame.center.x + v.scale_x * frame.center.y);
  return v;
}

}  // namespace portraits
