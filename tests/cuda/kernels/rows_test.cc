// Linear maps on rows in their fast forms: the cases of linear through the lowering, in nine thread orders
// with equal bits, each sample alone with equal bits.
#include <doctest/doctest.h>

#include <bit>
#include <cstdio>

#include "kernels/all_cases.h"
#include "tests/cuda/kernels/lowered.h"
#include "tests/cuda/kernels/support.h"

namespace mien::simt {
namespace {

// max|device - reference| / rms(reference): measured on 2026-11-23, x 1.5.
double Tolerance(Precision precision) { return precision == Precision::kHalf ? 4.4e-4 : 1.1e-5; }

std::vector<float> Sample(const std::vector<float>& tensor, int64_t batch, int64_t n) {
  const auto size = static_cast<std::ptrdiff_t>(tensor.size()) / batch;
  return {tensor.begin() + n * size, tensor.begin() + (n + 1) * size};
}

void CheckSamplesAlone(const OpCase<Linear>& c, Precision precision, const Tensors& in, const Tensors& out) {
  const int64_t batch = c.in[Linear::kX][0];
  for (int64_t n = 0; n < batch && batch > 1; ++n) {
    std::vector<Shape> shapes = c.in;
    Tensors tensors = in;
    for (size_t i = 0; i < shapes.size(); ++i) {
      if (!HasInput(c.batched, i)) continue;
      shapes[i].dim[0] = 1;
      tensors[i] = Sample(in[i], batch, n);
    }
    const Tensors alone = RunLowered<Linear>(c.params, shapes, tensors, precision);
    CHECK_MESSAGE(SameBits(alone[0], Sample(out[0], batch, n)), "sample " << n << " alone");
  }
}

void TestLinear(Precision precision, const char* name) {
  double worst = 0.0;
  for (const OpCase<Linear>& c : CasesOf<Linear>()) {
    CAPTURE(std::string(c.name));
    const Tensors in = DrawInputs(c);
    const auto expected = RunReference<Linear>(c.params, c.in, in);
    const bool small = Linear::Count(c.params, c.in).multiply_adds <= 100'000;
    if (!small && HooksPresent()) continue;
    Tensors first;
    const auto run = [&] {
      const Tensors out = RunLowered<Linear>(c.params, c.in, in, precision);
      const double error = RelativeError(out[0], expected[0]);
      CHECK(error <= Tolerance(precision));
      worst = std::max(worst, error);
      if (!first.empty()) CHECK_MESSAGE(SameBits(out[0], first[0]), "another order, other bits");
      if (first.empty()) first = out;
    };
    if (small) {
      ForEachOrder(run);
      CheckSamplesAlone(c, precision, in, first);
    } else {
      run();
    }
  }
  std::printf("%-16s %-5s error %8.2e  tolerance %8.2e\n", "rows_linear", name, worst, Tolerance(precision));
}

TEST_CASE("rows_linear in tf32") { TestLinear(Precision::kTf32, "tf32"); }
TEST_CASE("rows_linear in fp16") { TestLinear(Precision::kHalf, "fp16"); }

}  // namespace
}  // namespace mien::simt
