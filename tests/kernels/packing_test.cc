// Calls that SamePacking holds for equal pack the same weights to the same bytes, whatever else differs.
#include <doctest/doctest.h>

#include <cstring>

#include "kernels/all_cases.h"
#include "kernels/ops.h"

namespace mien {
namespace {

// Of weights drawn as case `drawn` does.
template <class Op>
std::vector<float> Packed(const OpCase<Op>& c, const OpCase<Op>& drawn) {
  std::vector<std::vector<float>> numbers(c.in.size());
  std::vector<View<const float>> views(c.in.size());
  for (size_t i = 0; i < c.in.size(); ++i) {
    views[i].shape = c.in[i];
    if (!HasInput(Op::kPacked, i) || !c.in[i].present()) continue;
    numbers[i].resize(static_cast<size_t>(c.in[i].elements()));
    FillValues(i < drawn.fill.size() ? drawn.fill[i] : Fill(), drawn.seed, static_cast<int>(i), numbers[i]);
    views[i].data = numbers[i].data();
  }
  std::vector<float> packed(static_cast<size_t>(Op::PackedFloats(c.params, c.in)), 0.0f);
  Op::Pack(c.params, views, packed.data());
  return packed;
}

bool SameBytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Other calls of the same weights.
template <class Op>
std::vector<OpCase<Op>> Variants(const OpCase<Op>& c) {
  std::vector<OpCase<Op>> variants(4, c);
  if constexpr (requires { c.params.act; }) {
    variants[0].params.act = Activation::kLeaky;
    variants[0].params.slope = 0.3f;
  }
  if constexpr (requires { c.params.relu; }) variants[0].params.relu = !c.params.relu;
  if constexpr (requires { c.params.weight_gain; }) variants[1].params.weight_gain *= 2.0f;
  if constexpr (requires { c.params.eps; }) variants[1].params.eps *= 2.0f;
  variants[2].in[0].dim[0] += 1;
  if (c.in[0].rank == 4) variants[3].in[0].dim[2] *= 4;
  return variants;
}

// Pairs of calls that differ and share what they pack.
template <class Op>
int CheckPairs() {
  int shared = 0;
  std::vector<OpCase<Op>> cases;
  for (const OpCase<Op>& c : CasesOf<Op>()) {
    const std::vector<OpCase<Op>> variants = Variants(c);
    if (c.tag != Tag::kModel) cases.insert(cases.end(), variants.begin(), variants.end());
  }
  for (const OpCase<Op>& a : cases) {
    for (const OpCase<Op>& b : cases) {
      if (&a == &b) continue;
      if (!OpSamePacking(CpuOpCall<Op>{a.params}, a.in, CpuOpCall<Op>{b.params}, b.in)) continue;
      if (a.params == b.params && a.in == b.in) continue;
      CAPTURE(std::string(a.name));
      CAPTURE(std::string(b.name));
      CHECK(SameBytes(Packed(a, a), Packed(b, a)));
      ++shared;
    }
  }
  return shared;
}

TEST_CASE("calls that agree in what Pack depends on pack the same bytes") {
  CHECK(CheckPairs<Linear>() > 0);
  CHECK(CheckPairs<BatchNorm>() > 0);
  CHECK(CheckPairs<FlowNorm>() > 0);
  CHECK(CheckPairs<Conv2d>() > 0);
  CHECK(CheckPairs<DepthwiseConv>() > 0);
  CHECK(CheckPairs<ModConv>() > 0);
}

}  // namespace
}  // namespace mien
