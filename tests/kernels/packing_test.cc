// What Pack makes depends on what Op::Packing holds, and on nothing else of a call: calls that agree in it pack the same
// weights to the same bytes.
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

// Pairs of calls that differ and share what they pack.
template <class Op>
int CheckPairs() {
  int shared = 0;
  const std::vector<OpCase<Op>> cases = CasesOf<Op>();
  for (const OpCase<Op>& a : cases) {
    for (const OpCase<Op>& b : cases) {
      if (&a == &b || a.tag == Tag::kModel || b.tag == Tag::kModel) continue;
      if (!OpSamePacking(OpCall<Op>{a.params}, a.in, OpCall<Op>{b.params}, b.in)) continue;
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
  CHECK(CheckPairs<Conv2d>() > 0);
  CHECK(CheckPairs<ModConv>() > 0);
}

}  // namespace
}  // namespace mien
