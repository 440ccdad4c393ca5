// Shapes at their limits, checked sizes, and the half-precision conversions against a plain model in double.
#include "base/tensor.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/checked.h"

namespace mien {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

// IEEE 754 binary16 from its definition: sign, 5 bits of exponent, 10 of mantissa.
double HalfModel(uint16_t half) {
  const double sign = half & 0x8000 ? -1.0 : 1.0;
  const int exponent = half >> 10 & 31, mantissa = half & 1023;
  if (exponent == 31) return mantissa != 0 ? std::nan("") : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

// The nearest half, ties to the even mantissa, found by bisection over all positive halves.
uint16_t NearestHalf(double value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::abs(value);
  if (std::isnan(value)) return sign | 0x7e00;
  if (magnitude >= 65520.0) return sign | 0x7c00;  // halfway between the largest half, 65504, and 2^16
  uint16_t low = 0, high = 0x7c00;  // HalfModel(low) <= magnitude < HalfModel(high), or infinity
  while (high - low > 1) {
    const uint16_t middle = static_cast<uint16_t>((low + high) / 2);
    (HalfModel(middle) <= magnitude ? low : high) = middle;
  }
  if (high == 0x7c00) return sign | low;
  const double below = magnitude - HalfModel(low), above = HalfModel(high) - magnitude;
  const bool up = above < below || (above == below && low % 2 == 1);
  return sign | (up ? high : low);
}

TEST_CASE("every half converts to the float of the same value and back") {
  for (uint32_t i = 0; i <= 0xffff; ++i) {
    const uint16_t half = static_cast<uint16_t>(i);
    const double expected = HalfModel(half);
    const float value = HalfToFloat(half);
    if (std::isnan(expected)) {
      CHECK(std::isnan(value));
      CHECK(std::isnan(HalfToFloat(FloatToHalf(value))));
    } else if (value != expected || std::signbit(value) != (half >> 15 == 1) || FloatToHalf(value) != half) {
      FAIL("half ", half);
    }
  }
}

TEST_CASE("floats round to the nearest half, ties to even") {
  // Every half, the midpoint to the next one, and both neighbours of each in float: all rounding cases there
  // are.
  for (uint32_t i = 0; i < 0x7c00; ++i) {
    const double here = HalfModel(static_cast<uint16_t>(i));
    const double next = i + 1 == 0x7c00 ? 65536.0 : HalfModel(static_cast<uint16_t>(i + 1));
    for (double at : {here, (here + next) / 2}) {
      const float f = static_cast<float>(at);
      REQUIRE(f == at);
      for (float value : {f, std::nextafter(f, HUGE_VALF), std::nextafter(f, -HUGE_VALF)}) {
        for (float signed_value : {value, -value}) {
          if (FloatToHalf(signed_value) != NearestHalf(signed_value)) FAIL("float ", signed_value);
        }
      }
    }
  }
  for (float value : {65519.996f, 65520.0f, 1e30f, HUGE_VALF, std::numeric_limits<float>::denorm_min(),
                      std::numeric_limits<float>::min(), 0.0f, std::nanf("")}) {
    CAPTURE(value);
    CHECK(FloatToHalf(value) == NearestHalf(value));
    CHECK(FloatToHalf(-value) == NearestHalf(-value));
  }
}

TEST_CASE("bfloat16 is the upper half of a float") {
  CHECK(BFloat16ToFloat(0x3f80) == 1.0f);
  CHECK(BFloat16ToFloat(0xc040) == -3.0f);
  CHECK(BFloat16ToFloat(0x0001) == std::ldexp(1.0f, -133));
  CHECK(std::isinf(BFloat16ToFloat(0x7f80)));
  CHECK(std::isnan(BFloat16ToFloat(0x7fc0)));
}

TEST_CASE("checked arithmetic answers or refuses, and never wraps") {
  CHECK(CheckedMul(0, kMax) == 0u);
  CHECK(CheckedMul(1, kMax) == kMax);
  CHECK(CheckedMul(uint64_t{1} << 32, (uint64_t{1} << 32) - 1) == 0xffffffff00000000u);
  CHECK_FALSE(CheckedMul(uint64_t{1} << 32, uint64_t{1} << 32).has_value());
  CHECK_FALSE(CheckedMul(kMax, 2).has_value());
  CHECK(CheckedAdd(kMax - 1, 1) == kMax);
  CHECK_FALSE(CheckedAdd(kMax, 1).has_value());
  CHECK(CheckedAlignUp(0, 64) == 0u);
  CHECK(CheckedAlignUp(1, 64) == 64u);
  CHECK(CheckedAlignUp(64, 64) == 64u);
  CHECK(CheckedAlignUp(kMax - 63, 64) == kMax - 63);
  CHECK_FALSE(CheckedAlignUp(kMax - 62, 64).has_value());
}

Result<Shape> Checked(const std::vector<uint64_t>& dims) { return Shape::Checked(dims); }

TEST_CASE("shapes from outside are checked: rank, dimensions, product") {
  const auto shape = Checked({2, 3, 5});
  REQUIRE(shape.ok());
  CHECK(*shape == Shape{2, 3, 5});
  CHECK(shape->elements() == 30);
  CHECK(Checked({})->rank == 0);
  CHECK(Checked({})->elements() == 1);
  for (const std::vector<uint64_t>& empty : std::vector<std::vector<uint64_t>>{{0, 1 << 20, 1 << 20, 1 << 20},
                                                                               {1 << 20, 1 << 20, 0},
                                                                               {1 << 20, 1 << 20, 1 << 20, 0},
                                                                               {1 << 20, 0, 1 << 20}}) {
    REQUIRE(Checked(empty).ok());  // a zero counts wherever it stands
    CHECK(Checked(empty)->elements() == 0);
  }
  for (size_t zero = 0; zero < 5; ++zero) {  // but strides must not wrap
    std::vector<uint64_t> dims(5, 1 << 20);
    dims[zero] = 0;
    CHECK(Checked(dims).status().code() == Code::kRefused);
  }

  const uint64_t max_dim = Shape::kMaxDim;
  CHECK(Checked({max_dim}).ok());
  CHECK(Checked({max_dim + 1}).status().code() == Code::kRefused);
  CHECK(Checked({kMax}).status().code() == Code::kRefused);
  CHECK(Checked({1, 1, 1, 1, 1}).ok());
  CHECK(Checked({1, 1, 1, 1, 1, 1}).status().code() == Code::kRefused);
  CHECK(Checked({max_dim, 2047}).ok());
  CHECK(Checked({max_dim, 2048}).status().code() == Code::kRefused);  // 2^31
  CHECK(Checked({max_dim, max_dim, max_dim, max_dim}).status().code() == Code::kRefused);
}

TEST_CASE("shapes compare and print") {
  CHECK(Shape() == Shape());
  CHECK_FALSE(Shape() == Shape({}));
  CHECK_FALSE(Shape{2, 3} == Shape{2, 3, 1});
  CHECK_FALSE(Shape{2, 3} == Shape{3, 2});
  CHECK(Shape().ToString() == "absent");
  CHECK(Shape().elements() == 0);
  CHECK_FALSE(Shape().present());
  CHECK(Shape({}).ToString() == "[]");
  CHECK(Shape{1, 3, 256, 256}.ToString() == "[1,3,256,256]");
}

TEST_CASE("element types know their size and their name") {
  CHECK(DTypeBytes(DType::kF64) == 8);
  CHECK(DTypeBytes(DType::kI32) == 4);
  CHECK(DTypeBytes(DType::kBF16) == 2);
  CHECK(DTypeBytes(DType::kBool) == 1);
  CHECK(std::string(DTypeName(DType::kBF16)) == "BF16");
  CHECK(std::string(DTypeName(DType::kBool)) == "BOOL");
}

TEST_CASE("buffers are aligned, zeroed, movable, and refuse politely") {
  auto buffer = Buffer::Create(100, "test");
  REQUIRE(buffer.ok());
  CHECK(buffer->bytes() == 100);
  CHECK(reinterpret_cast<uintptr_t>(buffer->data()) % 64 == 0);
  for (int i = 0; i < 100; ++i) CHECK(buffer->as<char>()[i] == 0);

  // Also in memory that was used before: the hole that a larger buffer leaves between two others.
  auto used = Buffer::Uninitialised(64 << 10, "test");
  const auto behind = Buffer::Uninitialised(64, "test");
  REQUIRE((used.ok() && behind.ok()));
  std::memset(used->data(), 0xff, used->bytes());
  *used = Buffer();
  const auto fresh = Buffer::Create(32 << 10, "test");
  REQUIRE(fresh.ok());
  CHECK(std::all_of(fresh->data(), fresh->data() + fresh->bytes(), [](std::byte b) { return b == std::byte{0}; }));

  const std::byte* data = buffer->data();
  Buffer moved(std::move(*buffer));
  CHECK(moved.data() == data);
  CHECK(buffer->data() == nullptr);

  CHECK(Buffer::Create(0, "test")->data() == nullptr);
  for (uint64_t bytes : {kMax, kMax - 64, uint64_t{1} << 62}) {
    const auto refused = Buffer::Create(bytes, "arena");
    CHECK(refused.status().code() == Code::kMemory);
    CHECK(std::string(refused.status().message()).find("arena") == 0);
  }
}

}  // namespace
}  // namespace mien
