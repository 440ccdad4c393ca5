// Eight floats at once, and three-vectors of either one float or eight.
// The ray marcher follows eight rays together; gcc and clang lower these vectors to whatever the
// target has (two SSE or one AVX register), so no intrinsics are needed.
#pragma once

#include <cmath>
#include <cstdint>

namespace portraits {

constexpr int kLanes = 8;
typedef float Lanes __attribute__((vector_size(4 * kLanes)));
typedef int32_t LaneMask __attribute__((vector_size(4 * kLanes)));

inline Lanes splat(float x) { return Lanes{x, x, x, x, x, x, x, x}; }
inline Lanes min(Lanes a, Lanes b) { return a < b ? a : b; }
inline Lanes max(Lanes a, Lanes b) { return a > b ? a : b; }
inline float min(float a, float b) { return a < b ? a : b; }
inline float max(float a, float b) { return a > b ? a : b; }
inline Lanes abs(Lanes a) { return a < 0.0f ? -a : a; }

inline float sqrt(float a) { return std::sqrt(a); }
inline Lanes sqrt(Lanes a) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) r[i] = std::sqrt(a[i]);
  return r;
}

inline bool any(LaneMask m) {
  int32_t r = 0;
  for (int i = 0; i < kLanes; ++i) r |= m[i];
  return r != 0;
}
inline bool all(LaneMask m) { return !any(~m); }

// clamp to [lo, hi]; T is float or Lanes
template <class T>
T clamp(T x, T lo, T hi) {
  return min(max(x, lo), hi);
}
inline float unit(float x) { return clamp(x, 0.0f, 1.0f); }
inline Lanes unit(Lanes x) { return clamp(x, splat(0), splat(1)); }

// smooth step from 0 at `from` to 1 at `to` (from > to is allowed and steps down)
inline float smooth_step(float from, float to, float x) {
  const float t = unit((x - from) / (to - from));
  return t * t * (3 - 2 * t);
}
inline float mix(float a, float b, float t) { return a + (b - a) * t; }

// a periodic wave in [-1,1] of period 1, parabolic arcs instead of a sine
inline Lanes wave(Lanes x) {
  Lanes whole = __builtin_convertvector(__builtin_convertvector(x, LaneMask), Lanes);
  x = x - whole;
  x = x < 0.0f ? x + 1.0f : x;
  x = x * 2.0f - 1.0f;
  return 4.0f * x * (1.0f - abs(x));
}

template <class T>
struct Vec3 {
  T x, y, z;
};
using Point = Vec3<float>;
using Color = Vec3<float>;
using Points = Vec3<Lanes>;

template <class T>
Vec3<T> operator+(Vec3<T> a, Vec3<T> b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
template <class T>
Vec3<T> operator-(Vec3<T> a, Vec3<T> b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
inline Points operator-(Points a, Point b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
template <class T>
Vec3<T> operator*(Vec3<T> a, T s) {
  return {a.x * s, a.y * s, a.z * s};
}
inline Color operator*(Color a, Color b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
template <class T>
T dot(Vec3<T> a, Vec3<T> b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
template <class T>
T length(Vec3<T> a) {
  return sqrt(dot(a, a));
}
template <class T>
Vec3<T> normalize(Vec3<T> a) {
  return a * (1.0f / length(a));
}
inline Color mix(Color a, Color b, float t) { return a * (1 - t) + b * t; }

}  // namespace portraits
