// Random numbers of two kinds. RandomState: the stream of NumPy's RandomState(seed).randn, bit for bit
// (MT19937 and the polar method of Marsaglia), because published seeds of faces mean that stream. FillNoise:
// counter-based standard normal numbers, so that a noise map depends on its seed and number alone, never on
// what was drawn before.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace mien {

class RandomState {
 public:
  explicit RandomState(uint32_t seed);
  double Normal();                     // the next value of randn()
  void Normals(std::span<float> out);  // randn() rounded to float

 private:
  uint32_t Next();
  double Uniform();  // [0,1), 53 bits

  std::array<uint32_t, 624> state_;
  int at_ = 624;
  bool has_spare_ = false;
  double spare_ = 0.0;
};

// out[i] is a standard normal number, a function of (seed, stream, i) alone.
void FillNoise(uint64_t seed, uint64_t stream, std::span<float> out);

}  // namespace mien
