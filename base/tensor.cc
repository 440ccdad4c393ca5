#include "base/tensor.h"

#include <limits>
#include <optional>

#include "base/checked.h"

namespace mien {

size_t DTypeBytes(DType type) {
  switch (type) {
    case DType::kF64:
    case DType::kI64: return 8;
    case DType::kF32:
    case DType::kI32: return 4;
    case DType::kF16:
    case DType::kBF16:
    case DType::kI16: return 2;
    case DType::kI8:
    case DType::kU8:
    case DType::kBool: return 1;
  }
  return 0;
}

const char* DTypeName(DType type) {
  switch (type) {
    case DType::kF64: return "F64";
    case DType::kF32: return "F32";
    case DType::kF16: return "F16";
    case DType::kBF16: return "BF16";
    case DType::kI64: return "I64";
    case DType::kI32: return "I32";
    case DType::kI16: return "I16";
    case DType::kI8: return "I8";
    case DType::kU8: return "U8";
    case DType::kBool: return "BOOL";
  }
  return "?";
}

Shape::Shape(std::initializer_list<int64_t> dims) : rank(0) {
  for (int64_t d : dims) dim[rank++] = d;
}

Result<Shape> Shape::Checked(std::span<const uint64_t> dims) {
  if (dims.size() > kMaxRank) {
    return Status::Error(Code::kRefused, "rank %zu, at most %d expected", dims.size(), kMaxRank);
  }
  Shape shape;
  shape.rank = 0;
  // A zero anywhere means no elements. The other dimensions are multiplied all the same, for strides are products of
  // some of them: those must not wrap.
  std::optional<uint64_t> product = 1;
  bool empty = false;
  for (uint64_t d : dims) {
    if (d > static_cast<uint64_t>(kMaxDim)) {
      return Status::Error(Code::kRefused, "dimension %llu, at most %lld expected",
                           static_cast<unsigned long long>(d), static_cast<long long>(kMaxDim));
    }
    if (d == 0) {
      empty = true;
    } else if (product) {
      product = CheckedMul(*product, d);
    }
    shape.dim[shape.rank++] = static_cast<int64_t>(d);
  }
  if (!product || *product > static_cast<uint64_t>(empty ? std::numeric_limits<int64_t>::max() : kMaxElements)) {
    return Status::Error(Code::kRefused, "at most %lld elements expected", static_cast<long long>(kMaxElements));
  }
  return shape;
}

int64_t Shape::elements() const {
  if (rank < 0) return 0;
  int64_t product = 1;
  for (int i = 0; i < rank; ++i) product *= dim[i];
  return product;
}

bool Shape::operator==(const Shape& other) const {
  if (rank != other.rank) return false;
  for (int i = 0; i < rank; ++i) {
    if (dim[i] != other.dim[i]) return false;
  }
  return true;
}

std::string Shape::ToString() const {
  if (rank < 0) return "absent";
  std::string text = "[";
  for (int i = 0; i < rank; ++i) {
    if (i > 0) text += ',';
    text += std::to_string(dim[i]);
  }
  return text + "]";
}

float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t mantissa = half & 0x3ffu;
  if (exponent == 31) return __builtin_bit_cast(float, sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return __builtin_bit_cast(float, sign | ((exponent + 112u) << 23) | (mantissa << 13));
  // Subnormal: mantissa * 2^-24 is exact in float.
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return sign ? -magnitude : magnitude;
}

uint16_t FloatToHalf(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);  // NaN
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // rounds to infinity
  if (magnitude < 0x38800000u) {
    // Subnormal half: adding 0.5 puts the 24-bit mantissa where its rounding is the wanted one.
    const float shifted = __builtin_bit_cast(float, magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (__builtin_bit_cast(uint32_t, shifted) - 0x3f000000u));
  }
  const uint32_t odd = (magnitude >> 13) & 1u;
  return static_cast<uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
}

}  // namespace mien
