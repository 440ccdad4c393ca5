// The vocabulary of tensors: element types, shapes and non-owning views. Everything is contiguous and
// row-major; images are [N,C,H,W], convolution weights [O,I,kH,kW], latents [N,L,D].
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "base/status.h"

namespace mien {

enum class DType : uint8_t { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

size_t DTypeBytes(DType type);
const char* DTypeName(DType type);  // the safetensors spelling: "F32", "I64", "BOOL", ...

struct Shape {
  static constexpr int kMaxRank = 5;
  static constexpr int64_t kMaxDim = int64_t{1} << 20;
  static constexpr int64_t kMaxElements = (int64_t{1} << 31) - 1;

  int rank = -1;  // -1: absent (an optional operand that is not there)
  int64_t dim[kMaxRank] = {0, 0, 0, 0, 0};

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims);

  // From numbers of a file or a user: rank, every dimension and the product are checked.
  static Result<Shape> Checked(std::span<const uint64_t> dims);

  bool present() const { return rank >= 0; }
  int64_t elements() const;  // 1 for rank 0, 0 when absent
  int64_t operator[](int i) const { return dim[i]; }
  bool operator==(const Shape& other) const;
  std::string ToString() const;  // "[1,3,256,256]"
};

// A view of `shape.elements()` contiguous numbers owned by somebody else. Null data: absent.
// Of an image [N,C,H,W] a window may be in memory: the same rows of every channel, channels `plane` floats apart.
// `data` is then where row 0 of the first channel would lie, so that pixel (n, c, y, x) is
// data[(n C + c) plane + y W + x].
template <class T>
struct View {
  T* data = nullptr;
  Shape shape;
  int64_t plane = 0;  // 0: whole images, H W floats apart
  bool present() const { return data != nullptr; }
  int64_t Plane() const { return plane > 0 ? plane : shape[2] * shape[3]; }
};

// Rows [begin, end) of images.
struct RowRange {
  int64_t begin = 0, end = 0;
  bool operator==(const RowRange&) const = default;
};
// Where ranges of rows end: at the multiples of `step`, less `lag`, or at the height.
struct RowGrid {
  int64_t step = 0, lag = 0;
};

// Number formats of storage. Round to nearest even; infinities and NaN are kept.
float HalfToFloat(uint16_t half);
uint16_t FloatToHalf(float value);
inline float BFloat16ToFloat(uint16_t bits) { return __builtin_bit_cast(float, uint32_t{bits} << 16); }

}  // namespace mien
