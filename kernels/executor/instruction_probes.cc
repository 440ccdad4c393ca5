#include "kernels/executor/instruction_probes.h"

#include <algorithm>

#include "base/split_mix.h"
#include "kernels/device/instructions.h"

namespace mien {
namespace {

struct Facts {
  const char* name;
  int words;
};
constexpr Facts kFacts[] = {
#define MIEN_WRAPPER(name, text, words) {text, words},
#include "kernels/executor/instruction_probes.def"
#undef MIEN_WRAPPER
};
const Facts& FactsOf(Wrapper wrapper) { return kFacts[static_cast<size_t>(wrapper)]; }

bool IsMultiply(Wrapper wrapper) {
  return wrapper == Wrapper::kMultiplyHalf || wrapper == Wrapper::kMultiplyTf32;
}

uint32_t RandomBits(uint64_t i) { return static_cast<uint32_t>(SplitMix((i + 1) * kSplitMixStep) >> 32); }

// Sign and fraction of the bits, an exponent of -3 to 0.
uint32_t NearOne(uint32_t bits, int fraction) {
  const uint32_t small = (bits & 0x807fffffu) | (124u + (bits >> 23 & 3u)) << 23;
  return small & ~((1u << (23 - fraction)) - 1);
}
uint32_t HalvesNearOne(uint32_t bits) {
  const auto half = [](uint32_t b) { return (b & 0x83ffu) | (12u + (b >> 10 & 3u)) << 10; };
  return half(bits & 0xffffu) | half(bits >> 16) << 16;
}
// A bit in 32 is set, so that not every bit is in the union of a warp.
uint32_t FewBits(uint64_t i) {
  uint32_t bits = ~0u;
  for (uint64_t k = 0; k < 5; ++k) bits &= RandomBits((i << 3) + k);
  return bits;
}
uint32_t ToBeRounded(uint32_t bits, int word) {
  if (word == 1) return ((bits & 0xbfffe000u) | 0x1000u);
  return word == 2 ? bits & 0x807fffffu : bits & 0xbfffffffu;
}

// One block.
class Warp {
 public:
  Warp(const uint32_t* in, uint32_t* out) : in_(in), out_(out) {}
  uint32_t in(int word, int lane) const { return in_[word * kLanes + lane]; }
  uint32_t& out(int word, int lane) const { return out_[word * kLanes + lane]; }

  void Copy(int bytes) const {
    const int words = bytes / 4;
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int group = 0; group < 2; ++group) {
        const int piece = kLanes - 1 - lane;
        uint32_t copied[4];
        CopyOrZero(copied, in_ + group * 4 * kLanes + piece * words, bytes,
                   in(8, piece) >> group & 1 ? bytes : 0);
        for (int i = 0; i < words; ++i) out(group * words + i, lane) = copied[i];
      }
    }
  }
  void Load(int count, bool transposed) const {
    uint32_t rows[kLanes][4], registers[kLanes][4];
    MatrixLane lanes[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int i = 0; i < 4; ++i) rows[lane][i] = in(i, lane);
      lanes[lane] = {rows[kLanes - 1 - lane], registers[lane]};
    }
    LoadMatrixTiles(lanes, count, transposed);
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int i = 0; i < count; ++i) out(i, lane) = registers[lane][i];
    }
  }
  // Also the sums of magnitudes, by lane and register.
  template <class FactorsOf>
  void Multiply(const FactorsOf& factors_of, float (&magnitudes)[kLanes][4]) const {
    uint32_t a[kLanes][4], b[kLanes][2];
    float c[kLanes][4], d[kLanes][4];
    MultiplyLane lanes[kLanes], sizes[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int i = 0; i < 4; ++i) a[lane][i] = in(i, lane);
      for (int i = 0; i < 2; ++i) b[lane][i] = in(4 + i, lane);
      for (int i = 0; i < 4; ++i) c[lane][i] = std::bit_cast<float>(in(6 + i, lane));
      lanes[lane] = {d[lane], a[lane], b[lane], c[lane]};
      sizes[lane] = {magnitudes[lane], a[lane], b[lane], c[lane]};
    }
    auto factors = factors_of(lanes);
    MultiplyTiles(factors, lanes);
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int i = 0; i < 4; ++i) out(i, lane) = std::bit_cast<uint32_t>(d[lane][i]);
      for (float& one : c[lane]) one = std::fabs(one);
    }
    for (auto& row : factors.a) std::transform(row, std::end(row), row, [](float x) { return std::fabs(x); });
    for (auto& row : factors.b) std::transform(row, std::end(row), row, [](float x) { return std::fabs(x); });
    MultiplyTiles(factors, sizes);
  }
  void Round() const {
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int i = 0; i < 4; ++i) out(i, lane) = RoundToTf32(std::bit_cast<float>(in(i, lane)));
    }
  }
  void ReduceLanes(Reduction reduction, bool is_signed) const {
    for (int word = 0; word < 2; ++word) {
      const int some = word == 0 ? kLanes : kSomeLanes;
      uint32_t reduced = in(word, 0);
      for (int lane = 1; lane < some; ++lane) reduced = Reduce(reduced, in(word, lane), reduction, is_signed);
      for (int lane = 0; lane < kLanes; ++lane) out(word, lane) = lane < some ? reduced : in(word, lane);
    }
  }

 private:
  const uint32_t* in_;
  uint32_t* out_;
};

void Expect(Wrapper wrapper, const Warp& warp, float (&magnitudes)[kLanes][4]) {
  switch (wrapper) {
    case Wrapper::kAsyncCopy4:
    case Wrapper::kAsyncCopy8:
    case Wrapper::kAsyncCopy16:
      return warp.Copy(FactsOf(wrapper).words * 2);
    case Wrapper::kLoadMatrices1:
    case Wrapper::kLoadMatrices2:
    case Wrapper::kLoadMatrices4:
      return warp.Load(FactsOf(wrapper).words, false);
    case Wrapper::kLoadTransposed1:
    case Wrapper::kLoadTransposed2:
    case Wrapper::kLoadTransposed4:
      return warp.Load(FactsOf(wrapper).words, true);
    case Wrapper::kMultiplyHalf:
      return warp.Multiply(HalfFactors, magnitudes);
    case Wrapper::kMultiplyTf32:
      return warp.Multiply(Tf32Factors, magnitudes);
    case Wrapper::kToTf32:
      return warp.Round();
    case Wrapper::kWarpAdd:
      return warp.ReduceLanes(Reduction::kAdd, false);
    case Wrapper::kWarpMin:
      return warp.ReduceLanes(Reduction::kMin, true);
    case Wrapper::kWarpMax:
      return warp.ReduceLanes(Reduction::kMax, true);
    case Wrapper::kWarpAnd:
      return warp.ReduceLanes(Reduction::kAnd, false);
    case Wrapper::kWarpOr:
      return warp.ReduceLanes(Reduction::kOr, false);
    case Wrapper::kCount:
      return;
  }
}

}  // namespace

const char* WrapperName(Wrapper wrapper) { return FactsOf(wrapper).name; }

std::vector<uint32_t> WrapperInput(Wrapper wrapper) {
  std::vector<uint32_t> in(kWrapperInWords);
  for (size_t i = 0; i < in.size(); ++i) {
    const uint32_t bits = RandomBits(i);
    const int word = static_cast<int>(i / kLanes) % kWrapperIn;
    if (IsMultiply(wrapper) && word >= 6) {
      in[i] = NearOne(bits, 23);
    } else if (wrapper == Wrapper::kMultiplyHalf) {
      in[i] = HalvesNearOne(bits);
    } else if (wrapper == Wrapper::kMultiplyTf32) {
      in[i] = NearOne(bits, 10);
    } else if (wrapper == Wrapper::kWarpAnd || wrapper == Wrapper::kWarpOr) {
      in[i] = wrapper == Wrapper::kWarpAnd ? ~FewBits(i) : FewBits(i);
    } else {
      in[i] = wrapper == Wrapper::kToTf32 ? ToBeRounded(bits, word) : bits;
    }
  }
  return in;
}

WrapperError CompareWrapper(Wrapper wrapper, const std::vector<uint32_t>& in,
                            const std::vector<uint32_t>& out) {
  const bool multiply = IsMultiply(wrapper);
  const int words = FactsOf(wrapper).words, depth = wrapper == Wrapper::kMultiplyHalf ? 16 : 8;
  double largest = 0.0, different = 0.0;
  for (int block = 0; block < kWrapperBlocks; ++block) {
    uint32_t expected[kWrapperOut * kLanes];
    float magnitudes[kLanes][4];
    Expect(wrapper, {in.data() + block * kWrapperIn * kLanes, expected}, magnitudes);
    const uint32_t* const found = out.data() + block * kWrapperOut * kLanes;
    for (int i = 0; i < words * kLanes; ++i) {
      different += found[i] != expected[i] ? 1.0 : 0.0;
      if (!multiply) continue;
      const double wrong =
          std::fabs(double{std::bit_cast<float>(found[i])} - std::bit_cast<float>(expected[i]));
      const double share = wrong / magnitudes[i % kLanes][i / kLanes];
      largest = std::isnan(share) ? INFINITY : std::max(largest, share);
    }
  }
  if (multiply) return {largest, depth * 0x1p-22};
  return {different / (double{kWrapperBlocks} * words * kLanes), 0.0};
}

}  // namespace mien
