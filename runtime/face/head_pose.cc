#include "runtime/face/head_pose.h"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace mien {
namespace {

using Vector = std::array<double, 3>;

// A mean face: right, down, away from the viewer.
struct RigidPoint {
  size_t landmark;
  Vector place;
};
constexpr RigidPoint kFace[] = {
    {30, {0, 0, 0}},          // tip of the nose
    {8, {0, 330, 65}},        // chin
    {36, {-225, -170, 135}},  // outer corner of an eye
    {45, {225, -170, 135}},   // outer corner of the other
    {48, {-150, 150, 125}},   // corner of the mouth
    {54, {150, 150, 125}},    // the other corner
};

double Dot(const Vector& a, const Vector& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
Vector Cross(const Vector& a, const Vector& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
Vector Scaled(const Vector& a, double by) { return {a[0] * by, a[1] * by, a[2] * by}; }

// x of M x = b, for a symmetric M that has an inverse (the six points lie in no plane).
Vector Solve(const std::array<Vector, 3>& m, const Vector& b) {
  const Vector first = Cross(m[1], m[2]), second = Cross(m[2], m[0]), third = Cross(m[0], m[1]);
  const double determinant = Dot(m[0], first);
  return {Dot(first, b) / determinant, Dot(second, b) / determinant, Dot(third, b) / determinant};
}

}  // namespace

HeadPose PoseOf(const Landmarks& landmarks) {
  Vector middle = {};
  double u_middle = 0, v_middle = 0;
  for (const RigidPoint& point : kFace) {
    for (size_t i = 0; i < 3; ++i) middle[i] += point.place[i] / std::size(kFace);
    u_middle += landmarks[point.landmark].x / std::size(kFace);
    v_middle += landmarks[point.landmark].y / std::size(kFace);
  }
  std::array<Vector, 3> squares = {};
  Vector with_u = {}, with_v = {};
  for (const RigidPoint& point : kFace) {
    const Vector at = {point.place[0] - middle[0], point.place[1] - middle[1], point.place[2] - middle[2]};
    for (size_t i = 0; i < 3; ++i) {
      for (size_t k = 0; k < 3; ++k) squares[i][k] += at[i] * at[k];
      with_u[i] += at[i] * (landmarks[point.landmark].x - u_middle);
      with_v[i] += at[i] * (landmarks[point.landmark].y - v_middle);
    }
  }
  // Rows of the rotation times the scale; made orthogonal, both giving way alike.
  const Vector u = Solve(squares, with_u), v = Solve(squares, with_v);
  const double u_length = std::sqrt(Dot(u, u)), v_length = std::sqrt(Dot(v, v));
  const Vector across = Scaled(u, 1 / u_length), down = Scaled(v, 1 / v_length);
  const Vector sum = {across[0] + down[0], across[1] + down[1], across[2] + down[2]};
  const Vector difference = {across[0] - down[0], across[1] - down[1], across[2] - down[2]};
  const double sum_length = std::sqrt(2 * Dot(sum, sum)),
               difference_length = std::sqrt(2 * Dot(difference, difference));
  const Vector half = Scaled(sum, 1 / sum_length), other = Scaled(difference, 1 / difference_length);
  const Vector right = {half[0] + other[0], half[1] + other[1], half[2] + other[2]};
  const Vector below = {half[0] - other[0], half[1] - other[1], half[2] - other[2]};
  const Vector away = Cross(right, below);
  // Where the face looks, which is against its own third axis.
  constexpr double kDegrees = 180 / std::numbers::pi;
  return {std::atan2(-right[2], away[2]) * kDegrees, std::asin(std::fmax(-1.0, std::fmin(1.0, -below[2]))) * kDegrees};
}

}  // namespace mien
