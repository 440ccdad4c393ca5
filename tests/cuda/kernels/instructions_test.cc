// The kernels that are no ops: each wrapper of ptx.cuh answers what it means, in every order of threads; the
// ceilings do the work that they count.
#include "tests/cuda/kernels/probes.h"

#include <bit>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "kernels/device/instructions.h"
#include "tests/cuda/kernels/support.h"

namespace mien::simt {
namespace {

TEST_CASE("every wrapper answers what it means") {
  ForEachOrder([] {
    for (int w = 0; w < static_cast<int>(Wrapper::kCount); ++w) {
      const auto wrapper = static_cast<Wrapper>(w);
      CAPTURE(std::string(WrapperName(wrapper)));
      const WrapperError found = TryWrapper(wrapper);
      CHECK(found.error <= found.tolerance);
    }
  });
}

TEST_CASE("every wrapper of ptx.cuh is tried") {
  std::ifstream file(MIEN_SOURCE_DIR "/kernels/cuda/ptx.cuh");
  std::set<std::string> names;
  for (std::string line; std::getline(file, line);) {
    const size_t paren = line.find('(');
    if (line.starts_with("MIEN_REDUX(")) names.insert(line.substr(paren + 1, line.find(',') - paren - 1));
    if (!line.starts_with("__device__ inline ")) continue;
    const size_t space = line.rfind(' ', paren);
    names.insert(line.substr(space + 1, paren - space - 1));
  }
  // The address is part of the copies; the groups are ended and awaited by them.
  for (const char* part : {"SharedAddress", "AsyncGroupEnd", "AsyncGroupWait"}) CHECK(names.erase(part) == 1);
  CHECK(names.size() == 10);
  std::set<std::string> tried;
  for (int w = 0; w < static_cast<int>(Wrapper::kCount); ++w) {
    const std::string name = WrapperName(static_cast<Wrapper>(w));
    tried.insert(name.substr(0, name.find('<')));
  }
  CHECK(tried == names);
}

TEST_CASE("one wrong bit of any word that a wrapper answers is found out") {
  for (int w = 0; w < static_cast<int>(Wrapper::kCount); ++w) {
    const auto wrapper = static_cast<Wrapper>(w);
    CAPTURE(std::string(WrapperName(wrapper)));
    const std::vector<uint32_t> in = WrapperInput(wrapper);
    GlobalArray<uint32_t> place(kWrapperInWords), out(kWrapperOutWords);
    std::copy(in.begin(), in.end(), place.begin());
    REQUIRE(TheExecutor().run_wrapper(wrapper, {place.data(), out.data(), Stream()}).ok());
    const std::vector<uint32_t> good(out.begin(), out.end());
    const bool is_sum = wrapper == Wrapper::kMultiplyHalf || wrapper == Wrapper::kMultiplyTf32;
    int words = 0;
    for (size_t i = 0; i < kWrapperOutWords; i += 7) {
      if (good[i] == 0xffffffffu) continue;  // not answered
      if (is_sum && std::fabs(std::bit_cast<float>(good[i])) < 0.5f)
        continue;  // its bound could hide a small one
      std::vector<uint32_t> bad = good;
      bad[i] ^= is_sum ? 1u << 16 : 1u;
      const WrapperError found = CompareWrapper(wrapper, in, bad);
      CHECK(found.error > found.tolerance);
      ++words;
    }
    CHECK(words > 100);
    if (!is_sum) continue;
    std::vector<uint32_t> bad = good;
    bad[32] = 0x7fc00000u;  // not a number
    const WrapperError found = CompareWrapper(wrapper, in, bad);
    CHECK_FALSE(found.error <= found.tolerance);
  }
}

// What the wrappers mean is what the device is held to, so it is held to PTX's own words here.
TEST_CASE("tf32 is rounded to nearest, ties away from zero") {
  for (const uint32_t bits : WrapperInput(Wrapper::kToTf32)) {
    const auto value = std::bit_cast<float>(bits);
    if (!std::isfinite(value)) continue;
    int exponent = 0;
    std::frexp(value, &exponent);
    const int last = std::max(exponent - 11, -149 + 13);  // of the last place that is kept
    const double expected = std::ldexp(std::round(std::ldexp(double{value}, -last)), last);
    CHECK(double{std::bit_cast<float>(RoundToTf32(value))} == expected);
  }
  CHECK(RoundToTf32(INFINITY) == 0x7f800000u);
}

// Lanes 0, 13 and 31 as the figures of the PTX ISA have them ("Matrix fragments for mma.m16n8k16",
// "mma.m16n8k8"): row and column of a0, a1, ...
TEST_CASE("fragments are those of the PTX ISA") {
  struct Lane {
    int lane;
    std::vector<std::pair<int, int>> elements;
  };
  const auto check = [](Element (*map)(int, int), const std::vector<Lane>& lanes) {
    for (const Lane& of : lanes) {
      CAPTURE(of.lane);
      for (size_t i = 0; i < of.elements.size(); ++i) {
        CAPTURE(i);
        const Element e = map(of.lane, static_cast<int>(i));
        CHECK(std::pair(e.row, e.column) == of.elements[i]);
      }
    }
  };
  check(FragmentC, {{0, {{0, 0}, {0, 1}, {8, 0}, {8, 1}}},
                    {13, {{3, 2}, {3, 3}, {11, 2}, {11, 3}}},
                    {31, {{7, 6}, {7, 7}, {15, 6}, {15, 7}}}});
  check(FragmentAHalf, {{0, {{0, 0}, {0, 1}, {8, 0}, {8, 1}, {0, 8}, {0, 9}, {8, 8}, {8, 9}}},
                        {13, {{3, 2}, {3, 3}, {11, 2}, {11, 3}, {3, 10}, {3, 11}, {11, 10}, {11, 11}}},
                        {31, {{7, 6}, {7, 7}, {15, 6}, {15, 7}, {7, 14}, {7, 15}, {15, 14}, {15, 15}}}});
  check(FragmentBHalf, {{0, {{0, 0}, {1, 0}, {8, 0}, {9, 0}}},
                        {13, {{2, 3}, {3, 3}, {10, 3}, {11, 3}}},
                        {31, {{6, 7}, {7, 7}, {14, 7}, {15, 7}}}});
  check(FragmentATf32, {{0, {{0, 0}, {8, 0}, {0, 4}, {8, 4}}},
                        {13, {{3, 1}, {11, 1}, {3, 5}, {11, 5}}},
                        {31, {{7, 3}, {15, 3}, {7, 7}, {15, 7}}}});
  check(FragmentBTf32, {{0, {{0, 0}, {4, 0}}}, {13, {{1, 3}, {5, 3}}}, {31, {{3, 7}, {7, 7}}}});
}

TEST_CASE("matrices are handed out row by row, or column by column") {
  uint16_t matrices[4][8][8];
  uint32_t registers[kLanes][4] = {};
  MatrixLane lanes[kLanes];
  for (int i = 0; i < 4 * 64; ++i) matrices[i / 64][i / 8 % 8][i % 8] = static_cast<uint16_t>(i);
  for (int lane = 0; lane < kLanes; ++lane) lanes[lane] = {matrices[lane / 8][lane % 8], registers[lane]};
  for (const bool transposed : {false, true}) {
    LoadMatrixTiles(lanes, 4, transposed);
    for (int i = 0; i < kLanes * 4 * 2; ++i) {
      const int lane = i / 8, m = i / 2 % 4, a = lane / 4, b = lane % 4 * 2 + i % 2;
      const uint32_t found = registers[lane][m] >> 16 * (i % 2) & 0xffffu;
      CHECK(found == static_cast<uint32_t>(transposed ? m * 64 + b * 8 + a : m * 64 + a * 8 + b));
    }
  }
}

TEST_CASE("reductions know signs") {
  const uint32_t minus = 0xffffffffu;
  CHECK(Reduce(minus, 3, Reduction::kAdd, false) == 2);
  CHECK(Reduce(minus, 3, Reduction::kMin, true) == minus);
  CHECK(Reduce(minus, 3, Reduction::kMin, false) == 3);
  CHECK(Reduce(minus, 3, Reduction::kMax, true) == 3);
  CHECK(Reduce(minus, 3, Reduction::kMax, false) == minus);
  CHECK(Reduce(6, 3, Reduction::kAnd, false) == 2);
  CHECK(Reduce(6, 3, Reduction::kOr, false) == 7);
}

// Of the first warp's factors: the product's four numbers in the first lane.
float SumOfProduct(bool half) {
  uint32_t a[kLanes][4], b[kLanes][2];
  float d[kLanes][4];
  const float zeros[4] = {};
  MultiplyLane lanes[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int i = 0; i < 6; ++i) (i < 4 ? a[lane][i] : b[lane][i - 4]) = CeilingFactor(half, lane, i);
    lanes[lane] = {d[lane], a[lane], b[lane], zeros};
  }
  if (half)
    MultiplyTiles(HalfFactors(lanes), lanes);
  else
    MultiplyTiles(Tf32Factors(lanes), lanes);
  return d[0][0] + d[0][1] + d[0][2] + d[0][3];
}

TEST_CASE("the ceilings do the work that they count") {
  ForEachOrder([] {
    // 64 KiB are 4096 vectors of four ones, a sixteenth of them to a thread of 256, twice.
    CHECK(TryCeiling(Ceiling::kCache) == 2 * 4096 / 256 * 4.0f);
    // Lane 0 adds 1e-3 to each chain, kCeilingSteps times in each of two rounds.
    CHECK(std::fabs(TryCeiling(Ceiling::kFloat) - 1e-3f * kCeilingChains * kCeilingSteps * 2) < 1e-4f);
    // Every tile adds the same product, in two rounds.
    for (const Ceiling tensor : {Ceiling::kHalf, Ceiling::kTf32}) {
      const float expected = 2 * kCeilingTiles * SumOfProduct(tensor == Ceiling::kHalf);
      CHECK(std::fabs(expected) > 0.1f);
      CHECK(std::fabs(TryCeiling(tensor) - expected) < 1e-4f);
    }
  });
  CHECK(CeilingWork(Ceiling::kHalf, 2, 3, 0) == 2.0 * 3 * 8 * 8 * 2048);
  CHECK(CeilingWork(Ceiling::kTf32, 2, 3, 0) == 2.0 * 3 * 8 * 8 * 1024);
  CHECK(CeilingWork(Ceiling::kFloat, 2, 3, 0) == 2.0 * 3 * 256 * 128);
  CHECK(CeilingWork(Ceiling::kCache, 2, 3, 100) == 600.0);
}

}  // namespace
}  // namespace mien::simt
