// Linear maps on rows in their fast forms: the cases of linear through the lowering, in nine thread orders
// with equal bits, each sample alone with equal bits.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>

#include "kernels/all_cases.h"
#include "tests/cuda/kernels/lowered.h"
#include "tests/cuda/kernels/support.h"

namespace mien::simt {
namespace {

// max|device - reference| / rms(reference): measured on 2026-11-23, x 1.5.
double Tolerance(Precision precision) { return precision == Precision::kHalf ? 4.4e-4 : 1.1e-5; }

void TestLinear(Precision precision, const char* name) {
  double worst = 0.0;
  for (const OpCase<Linear>& c : CasesOf<Linear>()) {
    if (Linear::Count(c.params, c.in).multiply_adds <= 100'000) {
      worst = std::max(worst, CheckLowered(c, precision, Tolerance(precision)));
    } else if (!HooksPresent()) {
      CAPTURE(std::string(c.name));
      const Arrays in = DrawInputs(c);
      Arrays out;
      const double error = CheckLoweredOnce<Linear>(c, precision, Tolerance(precision), 0, in,
                                                    RunReference<Linear>(c.params, c.in, in), &out);
      worst = std::max(worst, error);
    }
  }
  std::printf("%-16s %-5s error %8.2e  tolerance %8.2e\n", "rows_linear", name, worst, Tolerance(precision));
}

TEST_CASE("rows_linear in tf32") { TestLinear(Precision::kTf32, "tf32"); }
TEST_CASE("rows_linear in fp16") { TestLinear(Precision::kHalf, "fp16"); }

}  // namespace
}  // namespace mien::simt
