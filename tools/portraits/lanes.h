// Eight floats at once, three-vectors of either one float or eight, and the few functions that the
// renderer needs of them. gcc and clang lower the vectors to whatever the target has (two SSE or one
// AVX register). Nothing here calls libm except for the square root and nothing is contracted to
// fused operations, so a picture has the same bits on every x86-64 processor.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace portraits {

constexpr int kLanes = 8;
typedef float Lanes __attribute__((vector_size(4 * kLanes)));
typedef int32_t LaneMask __attribute__((vector_size(4 * kLanes)));

constexpr float kPi = 3.14159265f;

inline Lanes splat(float x) { return Lanes{x, x, x, x, x, x, x, x}; }
inline Lanes min(Lanes a, Lanes b) { return a < b ? a : b; }
inline Lanes max(Lanes a, Lanes b) { return a > b ? a : b; }
inline Lanes min(Lanes a, float b) { return min(a, splat(b)); }
inline Lanes max(Lanes a, float b) { return max(a, splat(b)); }
inline float min(float a, float b) { return a < b ? a : b; }
inline float max(float a, float b) { return a > b ? a : b; }
inline Lanes abs(Lanes a) { return a < 0.0f ? -a : a; }
inline float abs(float a) { return a < 0 ? -a : a; }
inline Lanes select(LaneMask m, Lanes a, Lanes b) { return m ? a : b; }
inline float select(bool m, float a, float b) { return m ? a : b; }

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

inline LaneMask to_int(Lanes a) { return __builtin_convertvector(a, LaneMask); }
inline int32_t to_int(float a) { return int32_t(a); }
inline Lanes to_float(LaneMask a) { return __builtin_convertvector(a, Lanes); }
inline float to_float(int32_t a) { return float(a); }
inline Lanes from_bits(LaneMask a) { return std::bit_cast<Lanes>(a); }
inline float from_bits(int32_t a) { return std::bit_cast<float>(a); }
inline LaneMask bits_of(Lanes a) { return std::bit_cast<LaneMask>(a); }
inline int32_t bits_of(float a) { return std::bit_cast<int32_t>(a); }

// T below is float or Lanes.
template <class T>
T floor(T x) {
  const T whole = to_float(to_int(x));
  return select(whole > x, whole - 1.0f, whole);
}
template <class T>
T clamp(T x, float lo, float hi) {
  return min(max(x, lo), hi);
}
template <class T>
T unit(T x) {
  return clamp(x, 0.0f, 1.0f);
}
template <class T, class S>
T mix(T a, T b, S t) {
  return a + (b - a) * t;
}
// Smooth step from 0 at `from` to 1 at `to` (from > to is allowed and steps down).
template <class T>
T smooth_step(float from, float to, T x) {
  const T t = unit((x - from) * (1 / (to - from)));
  return t * t * (3.0f - 2.0f * t);
}
// The same where the borders differ from lane to lane: `t` runs from 0 to 1 already.
template <class T>
T ease(T t) {
  t = unit(t);
  return t * t * (3.0f - 2.0f * t);
}

// 2^x for |x| < 120, relative error 2e-6
template <class T>
T exp2(T x) {
  x = clamp(x, -120.0f, 120.0f);
  const T whole = floor(x);
  const T f = x - whole;
  const T p =
      1.0f + f * (0.6931472f +
                  f * (0.2402265f + f * (0.0555041f + f * (0.0096181f + f * (0.0013333f + f * 0.000154f)))));
  return p * from_bits((to_int(whole) + 127) << 23);
}
template <class T>
T exp(T x) {
  return exp2(x * 1.44269504f);
}
// log2 of positive x, absolute error 1e-5
template <class T>
T log2(T x) {
  const auto bits = bits_of(x);
  const T m = from_bits((bits & 0x7fffff) | 0x3f800000);
  const T s = (m - 1.41421356f) / (m + 1.41421356f), q = s * s;
  const T series = s * (2.8853901f + q * (0.9617967f + q * (0.5770780f + q * 0.4121986f)));
  return to_float((bits >> 23) - 127) + 0.5f + series;
}
template <class T>
T pow(T x, float y) {
  return select(x > 1e-12f, exp2(log2(max(x, 1e-12f)) * y), x * 0.0f);
}
// sine of 2 pi x, absolute error 1e-5
template <class T>
T wave(T x) {
  x = x - floor(x + 0.5f);                                                        // -1/2 .. 1/2
  x = select(x > 0.25f, 0.5f - x, select(x < -0.25f, -0.5f - x, x)) * (2 * kPi);  // -pi/2 .. pi/2
  const T q = x * x;
  return x * (1.0f + q * (-0.16666657f + q * (0.00833298f + q * (-0.00019807f + q * 2.6e-6f))));
}
inline float sine(float radians) { return wave(radians * (0.5f / kPi)); }
inline float cosine(float radians) { return wave(radians * (0.5f / kPi) + 0.25f); }

// A soft brush: 1 at 0, e^-1 at +-1
template <class T>
T bell(T x) {
  return exp2(x * x * -1.44269504f);
}

template <class T>
struct Vec3 {
  T x, y, z;
};
using Point = Vec3<float>;
using Color = Vec3<float>;
using Points = Vec3<Lanes>;
using Colors = Vec3<Lanes>;

template <class T>
Vec3<T> operator+(Vec3<T> a, Vec3<T> b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
template <class T>
Vec3<T> operator-(Vec3<T> a, Vec3<T> b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
template <class T>
Vec3<T> operator-(Vec3<T> a) {
  return {-a.x, -a.y, -a.z};
}
template <class T>
Vec3<T> operator*(Vec3<T> a, T s) {
  return {a.x * s, a.y * s, a.z * s};
}
template <class T>
Vec3<T> operator*(Vec3<T> a, Vec3<T> b) {
  return {a.x * b.x, a.y * b.y, a.z * b.z};
}
inline Points splat(Point a) { return {splat(a.x), splat(a.y), splat(a.z)}; }
inline Points operator*(Points a, float s) { return {a.x * s, a.y * s, a.z * s}; }
inline Colors operator*(Colors a, Color b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
template <class T>
T dot(Vec3<T> a, Vec3<T> b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
inline Lanes dot(Points a, Point b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
template <class T>
Vec3<T> cross(Vec3<T> a, Vec3<T> b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
template <class T>
T length(Vec3<T> a) {
  return sqrt(dot(a, a));
}
template <class T>
Vec3<T> normalize(Vec3<T> a) {
  return a * (1.0f / sqrt(dot(a, a) + 1e-12f));
}
template <class T, class S>
Vec3<T> mix(Vec3<T> a, Vec3<T> b, S t) {
  return {mix(a.x, b.x, t), mix(a.y, b.y, t), mix(a.z, b.z, t)};
}
inline Points select(LaneMask m, Points a, Points b) {
  return {select(m, a.x, b.x), select(m, a.y, b.y), select(m, a.z, b.z)};
}
inline Point lane(Points a, int i) { return {a.x[i], a.y[i], a.z[i]}; }
inline void set_lane(Points& a, int i, Point p) { a.x[i] = p.x, a.y[i] = p.y, a.z[i] = p.z; }

// Rows of a rotation matrix.
struct Rotation {
  Point x{1, 0, 0}, y{0, 1, 0}, z{0, 0, 1};
  Point operator()(Point p) const { return {dot(x, p), dot(y, p), dot(z, p)}; }
  Points operator()(Points p) const { return {dot(p, x), dot(p, y), dot(p, z)}; }
  Rotation transposed() const { return {{x.x, y.x, z.x}, {x.y, y.y, z.y}, {x.z, y.z, z.z}}; }
};

}  // namespace portraits
