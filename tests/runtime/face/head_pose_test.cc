// Heads turned by known angles, seen from far away.
#include "runtime/face/head_pose.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

namespace mien {
namespace {

// Landmarks of the six points after turning the face down by pitch, then to the right by yaw, then in the picture.
Landmarks Turned(double yaw, double pitch, double roll) {
  constexpr double kPoints[][4] = {{30, 0, 0, 0},        {8, 0, 330, 65},      {36, -225, -170, 135},
                                   {45, 225, -170, 135}, {48, -150, 150, 125}, {54, 150, 150, 125}};
  const auto radians = [](double degrees) { return degrees * std::numbers::pi / 180; };
  Landmarks landmarks = {};
  for (const auto& [number, x, y, away] : kPoints) {
    const double y1 = std::cos(radians(pitch)) * y + std::sin(radians(-pitch)) * away;
    const double away1 = std::cos(radians(pitch)) * away - std::sin(radians(-pitch)) * y;
    const double x1 = std::cos(radians(yaw)) * x - std::sin(radians(yaw)) * away1;
    const double r = radians(roll);
    landmarks[static_cast<size_t>(number)] = {200 + 0.4 * (std::cos(r) * x1 - std::sin(r) * y1),
                                              300 + 0.4 * (std::sin(r) * x1 + std::cos(r) * y1)};
  }
  return landmarks;
}

TEST_CASE("head pose: the angles that the face was turned by") {
  for (const auto& [yaw, pitch] :
       {std::pair(0.0, 0.0), {25.0, 0.0}, {-40.0, 0.0}, {0.0, 20.0}, {0.0, -15.0}, {30.0, -12.0}}) {
    const HeadPose pose = PoseOf(Turned(yaw, pitch, 0));
    CHECK(pose.yaw == doctest::Approx(yaw).epsilon(1e-6));
    CHECK(pose.pitch == doctest::Approx(pitch).epsilon(1e-6));
  }
  CHECK(PoseOf(Turned(30, 0, 0)).yaw > 0);
  CHECK(std::abs(PoseOf(Turned(0, 0, 10)).yaw) < 1e-6);
  CHECK(std::isnan(PoseOf({}).yaw));
}

}  // namespace
}  // namespace mien
