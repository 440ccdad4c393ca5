// Every op by its plain kernel, all its small cases: against the double reference, in nine thread orders
// with equal bits, each sample alone with equal bits. Outputs and scratch start as NaN, which no later value
// can hide.
#include "kernels/executor/ops.cuh"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <string>

#include "kernels/all_cases.h"
#include "kernels/cuda/tolerance.h"
#include "tests/cuda/kernels/cuda_files.h"
#include "tests/cuda/kernels/device_runner.h"
#include "tests/cuda/kernels/support.h"
#include "tests/kernels/op_runner.h"

namespace mien::simt {
namespace {

template <class Op>
Arrays RunOnRunner(const typename Op::Params& params, const std::vector<Shape>& shapes,
                    const Arrays& tensors) {
  std::vector<GlobalArray<float>> in, out;
  std::vector<View<const float>> in_views;
  for (size_t i = 0; i < shapes.size(); ++i) {
    in.emplace_back(tensors[i].size());
    std::copy(tensors[i].begin(), tensors[i].end(), in.back().begin());
    in_views.push_back({shapes[i].present() ? in.back().data() : nullptr, shapes[i]});
  }
  std::vector<View<float>> out_views;
  for (const Shape& shape : OutputShapes<Op>(params, shapes)) {
    out.emplace_back(static_cast<size_t>(shape.elements()));
    PoisonGlobal(out.back().data());
    out_views.push_back({out.back().data(), shape});
  }
  GlobalArray<float> scratch(static_cast<size_t>(GpuScratchFloats<Op>(params, shapes)));
  PoisonGlobal(scratch.data());
  const Status status = RunGpu<Op>(params, {in_views, out_views, scratch.data(), Stream()});
  CHECK_MESSAGE(status.ok(), std::string(status.message()));
  Arrays values;
  for (const auto& tensor : out) values.emplace_back(tensor.begin(), tensor.end());
  return values;
}

// Calls that are small enough for nine runs. The hooks cost most and find the same in any case of a kernel.
template <class Op>
bool IsSmall(const OpCase<Op>& c) {
  return c.tag != Tag::kModel &&
         Op::Count(c.params, c.in).multiply_adds <= (HooksPresent() ? 150'000 : 3'000'000);
}

template <class Op>
void TestOp() {
  double worst = 0.0;
  int cases = 0;
  for (const OpCase<Op>& c : CasesOf<Op>()) {
    if (!IsSmall(c)) continue;
    CAPTURE(std::string(c.name));
    ++cases;
    const Arrays in = DrawInputs(c);
    const auto expected = RunReference<Op>(c.params, c.in, in);
    Arrays first;
    ForEachOrder([&] {
      const Arrays out = RunOnRunner<Op>(c.params, c.in, in);
      for (size_t i = 0; i < out.size(); ++i) {
        const double error = Compare(out[i], expected[i]).largest;
        CHECK_MESSAGE(error <= kTolerance<Op>,
                      "error " << error << ", at most " << kTolerance<Op> << " expected");
        worst = std::max(worst, error);
        if (!first.empty()) CHECK_MESSAGE(SameBits(out[i], first[i]), "another order, other bits");
      }
      if (first.empty()) first = out;
    });
    CheckSamplesAlone(c, in, first, [&](const std::vector<Shape>& shapes, const Arrays& arrays) {
      return RunOnRunner<Op>(c.params, shapes, arrays);
    });
  }
  CHECK_MESSAGE(cases > 0, std::string(Op::kName) << " has no small cases");
  std::printf("%-16s %2d cases  error %8.2e  tolerance %8.2e\n", Op::kName, cases, worst, kTolerance<Op>);
}

#define MIEN_OP(name, file) \
  TEST_CASE(#name) { TestOp<name>(); }
#include "kernels/ops.def"
#undef MIEN_OP

// Its square would be infinite if it were not the largest.
TEST_CASE("L2Normalize where only the last number is not zero") {
  std::vector<float> x(40, 0.0f);
  x.back() = 1e25f;
  CHECK(RunOnRunner<L2Normalize>({}, {{1, 40}}, {x})[0].back() == 1.0f);
}

bool IsLaunched(const std::string& kernel) {
  const auto& launched = LaunchedKernels();
  const auto first = launched.lower_bound(kernel + "<");
  return launched.contains(kernel) || (first != launched.end() && first->first.starts_with(kernel + "<"));
}

// Cases run in the order of their files and lines, so this sees the launches of all the above; kernels of no op are
// tested in instructions_test.cc.
TEST_CASE("every kernel has been launched") {
  const std::string mark = "__global__", before_name = "void ";
  int kernels = 0;
  for (const auto& [path, text] : CudaFiles("kernels")) {
    const std::string code = WithoutComments(text);
    for (size_t at = code.find(mark); at != std::string::npos; at = code.find(mark, at + 1)) {
      const size_t name = code.find(before_name, at) + before_name.size();
      const std::string kernel = code.substr(name, code.find('(', name) - name);
      ++kernels;
      CHECK_MESSAGE(IsLaunched(kernel), path << ": " << kernel << " was never launched");
    }
  }
  CHECK(kernels > 0);
}

// The third is the first that comes after the halo's two places have both been used. Kernels of 7x7 have one place.
TEST_CASE("every convolution has taken three chunks of K in one block") {
  int kernels = 0;
  for (const auto& entry : LaunchedKernels()) {
    const std::string& kernel = entry.first;
    if (!kernel.starts_with("ImplicitGemm<")) continue;
    ++kernels;
    const bool one_halo = kernel.find("Window<7, 7") != std::string::npos;
    const int chunks = MostChunks()[kernel];
    CHECK_MESSAGE((one_halo ? chunks == 1 : chunks >= 3), kernel << ": " << chunks);
  }
  CHECK(kernels > 0);
}

}  // namespace
}  // namespace mien::simt
