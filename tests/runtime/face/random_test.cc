// RandomState against values recorded from NumPy 1.24.2, RandomState(seed).randn(1000001); noise against its
// contract.
#include "runtime/face/random.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace mien {
namespace {

struct Recorded {
  uint32_t seed;
  double values[5];   // elements 0, 1, 2, 511, 1000000
  uint64_t checksum;  // sum of (bit pattern of element i) * (2 i + 1)
};

constexpr Recorded kRecorded[] = {
    {0u,
     {0x1.c398ef3e5cfa5p+0, 0x1.99c2cfacc8953p-2, 0x1.f51d25222c9abp-1, 0x1.5ffda5225543bp+0,
      0x1.074b5e72af969p-1},
     0x307a82a02335a445u},
    {1u,
     {0x1.9fd5190657c50p+0, -0x1.393822fb7d9adp-1, -0x1.0e6c872548fd2p-1, 0x1.9330767b9b1e3p-3,
      -0x1.e71a7d30f0a67p-1},
     0xe8f5c2eb4663a284u},
    {42u,
     {0x1.fca2a28a9307cp-2, -0x1.1b2a505de052ap-3, 0x1.4b9dd50245e68p-1, -0x1.9b8cf3a319e6cp-5,
      0x1.5a76c6042751ep-3},
     0x25bba8810eb4b98cu},
    {2147483649u,
     {-0x1.5aec6e274fc05p+0, -0x1.4f2abb1efb901p-3, 0x1.eb63e3752a86dp+0, 0x1.90fc34fd89473p-1,
      0x1.aadad7749e0a2p-2},
     0xa1647c985c9a78ecu},
    {4294967295u,
     {0x1.4bfc38c486d8ap-1, 0x1.56b192e507eeep-1, -0x1.149e836f192fdp+0, -0x1.4e87dae580c92p-3,
      -0x1.6715f21957451p+0},
     0x6b723fa8188653d7u},
};

TEST_CASE("RandomState gives the stream of NumPy bit for bit") {
  for (const Recorded& recorded : kRecorded) {
    CAPTURE(recorded.seed);
    RandomState random(recorded.seed);
    uint64_t checksum = 0;
    int checked = 0;
    for (uint64_t i = 0; i <= 1000000; ++i) {
      const double value = random.Normal();
      checksum += __builtin_bit_cast(uint64_t, value) * (2 * i + 1);
      if (i < 3 || i == 511 || i == 1000000) CHECK(value == recorded.values[checked++]);
    }
    CHECK(checksum == recorded.checksum);
  }
}

TEST_CASE("Normals rounds the same stream to float") {
  RandomState doubles(7), floats(7);
  std::vector<float> out(513);
  floats.Normals(out);
  for (float value : out) CHECK(value == static_cast<float>(doubles.Normal()));
}

TEST_CASE("Noise is a function of seed, stream and position, and is standard normal") {
  std::vector<float> noise(1 << 16), shorter(1001), other_seed(1 << 16), other_stream(1 << 16);
  FillNoise(1, 0, noise);
  FillNoise(1, 0, shorter);
  FillNoise(2, 0, other_seed);
  FillNoise(1, 1, other_stream);
  for (size_t i = 0; i < shorter.size(); ++i) REQUIRE(shorter[i] == noise[i]);
  double sum = 0, square = 0, fourth = 0, with_seed = 0, with_stream = 0, with_next = 0;
  for (size_t i = 0; i < noise.size(); ++i) {
    const double x = noise[i];
    REQUIRE(std::isfinite(x));
    sum += x;
    square += x * x;
    fourth += x * x * x * x;
    with_seed += x * other_seed[i];
    with_stream += x * other_stream[i];
    with_next += x * noise[(i + 1) % noise.size()];
  }
  // Five standard deviations of each estimate over n = 65536 draws; sqrt(n) = 256.
  const double n = static_cast<double>(noise.size());
  CHECK(std::fabs(sum / n) < 5.0 / 256);
  CHECK(std::fabs(square / n - 1.0) < 5.0 * std::sqrt(2.0) / 256);
  CHECK(std::fabs(fourth / n - 3.0) < 5.0 * std::sqrt(96.0) / 256);
  CHECK(std::fabs(with_seed / n) < 5.0 / 256);
  CHECK(std::fabs(with_stream / n) < 5.0 / 256);
  CHECK(std::fabs(with_next / n) < 5.0 / 256);
}

}  // namespace
}  // namespace mien
