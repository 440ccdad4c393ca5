// The kernels that are no ops: each wrapper of ptx.cuh answers what it means, in every order of threads; the
// ceilings do the work that they count.
#include "tests/simt/probes.h"

#include <bit>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "tests/simt/cuda_files.h"
#include "tests/simt/support.h"

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

TEST_CASE("the ceilings do the work that they count") {
  ForEachOrder([] {
    // 64 KiB are 4096 vectors of four ones, a sixteenth of them to a thread of 256, twice.
    CHECK(TryCeiling(Ceiling::kCache) == 2 * 4096 / 256 * 4.0f);
    // Lane 0 adds 1e-3 to each chain, kCeilingSteps times in each of two rounds.
    CHECK(std::fabs(TryCeiling(Ceiling::kFloat) - 1e-3f * kCeilingChains * kCeilingSteps * 2) < 1e-4f);
    for (const Ceiling tensor : {Ceiling::kHalf, Ceiling::kTf32}) {
      const float sum = TryCeiling(tensor);
      CHECK(std::isfinite(sum));
      CHECK(sum != 0.0f);
    }
  });
  CHECK(CeilingWork(Ceiling::kHalf, 2, 3, 0) == 2.0 * 3 * 8 * 8 * 2048);
  CHECK(CeilingWork(Ceiling::kTf32, 2, 3, 0) == 2.0 * 3 * 8 * 8 * 1024);
  CHECK(CeilingWork(Ceiling::kFloat, 2, 3, 0) == 2.0 * 3 * 256 * 128);
  CHECK(CeilingWork(Ceiling::kCache, 2, 3, 100) == 600.0);
}

}  // namespace
}  // namespace mien::simt
