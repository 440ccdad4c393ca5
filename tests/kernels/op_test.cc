// Every op of ops.def, all its cases: the CPU kernel against the double reference; the same bits again, for
// any number of threads, for a sample alone and for samples in another order; every SIMD target this machine
// can run. An op without cases fails. Prints what was measured. The cases of full-size networks are test cases of
// their own, left out where a processor is emulated (tests/aarch64.sh).
#include <doctest/doctest.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <type_traits>

#include "kernels/all_cases.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/simd.h"
#include "kernels/ops.h"
#include "tests/kernels/op_runner.h"

namespace mien {
namespace {

// Of any op against float64, beside the tolerance of each case.
constexpr double kMostRelativeRms = 1e-5;

ThreadPool* Pool(int threads) {
  static std::map<int, std::unique_ptr<ThreadPool>> pools;
  auto& pool = pools[threads];
  if (pool == nullptr) pool = std::move(*ThreadPool::Create(threads));
  return pool.get();
}

// Makes Highway choose this target; destroyed, its own choice again.
class UseTarget {
 public:
  explicit UseTarget(int64_t target) { Set(target); }
  ~UseTarget() { Set(0); }

 private:
  static void Set(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

template <class Op>
double WorstError(const Arrays& out, const std::vector<std::vector<double>>& expected) {
  double worst = 0.0;
  for (size_t i = 0; i < out.size(); ++i) worst = std::max(worst, Compare(out[i], expected[i]).largest);
  return worst;
}

template <class Op>
void CheckBatch(const OpCase<Op>& c, const Arrays& in, const Arrays& out) {
  const auto run = [&](const std::vector<Shape>& shapes, const Arrays& arrays) {
    return RunCpu<Op>(c.params, shapes, arrays, Pool(2));
  };
  CheckSamplesAlone(c, in, out, run);
  std::vector<int64_t> reversed;
  for (int64_t n = 0; n < BatchOf(c); ++n) reversed.insert(reversed.begin(), n);
  if (reversed.size() > 1) CheckSamples(c, in, out, reversed, "the batch reversed", run);
}

// Ranges of one, two, three, ... steps of rows, one after the other, have the bits of the whole.
template <class Op>
void CheckRows(const OpCase<Op>& c, const Arrays& in, const std::vector<float>& whole) {
  const Shape shape = OutputShapes<Op>(c.params, c.in)[0];
  std::vector<float> packed(static_cast<size_t>(Op::PackedFloats(c.params, c.in)));
  Op::Pack(c.params, ViewsOf(in, c.in), packed.data());
  const RowGrid grid = Op::Rows(c.params, c.in);
  for (int threads : {1, 3}) {
    CAPTURE(threads);
    Guarded carry(Op::CarryFloats(c.params, c.in));
    int64_t steps = 0, taken = 0;
    for (RowRange rows = {0, 0}; rows.end < shape[2]; rows.begin = rows.end) {
      steps += ++taken;
      rows.end = std::min(shape[2], grid.step * steps - grid.lag);
      CAPTURE(rows.begin);
      CAPTURE(rows.end);
      Guarded expected = CutRows(whole, shape, rows);
      CHECK_MESSAGE(
          SameBits(RunRows<Op>(c.params, c.in, in, packed, rows, &carry, Pool(threads)), expected.Values()),
          "a range of rows");
    }
  }
}

template <class Op>
void CheckCost(const OpCase<Op>& c, const Arrays& in, const Arrays& out, int64_t executed_products) {
  const Cost cost = Op::Count(c.params, c.in);
  int64_t elements = 0;
  for (const auto& tensor : in) elements += static_cast<int64_t>(tensor.size());
  for (const auto& tensor : out) elements += static_cast<int64_t>(tensor.size());
  CHECK(cost.bytes == elements * 4);
  CHECK(cost.multiply_adds >= 0);
  constexpr bool kOnMatrixProduct = std::is_same_v<Op, Conv2d> || std::is_same_v<Op, Linear> ||
                                    std::is_same_v<Op, ModConv> || std::is_same_v<Op, MatMul>;
  CHECK(executed_products == (kOnMatrixProduct ? cost.products : 0));
}

// Weights that are transformed at every use, where that changes anything, give the bits of those transformed when
// packed, in less memory.
template <class Op>
void CheckLateWeights(OpCase<Op> c, const Arrays& in, const Arrays& out) {
  const int64_t packed = Op::PackedFloats(c.params, c.in), products_before = gemm::ExecutedProducts();
  c.params.on_the_fly = true;
  const int64_t late = Op::PackedFloats(c.params, c.in);
  if (late == packed) return;
  CHECK(late < packed / 2);
  CheckSameBits(RunCpu<Op>(c.params, c.in, in, Pool(1)), out, "weights transformed late");
  CheckCost(c, in, out, gemm::ExecutedProducts() - products_before);
  for (int threads : {2, 3, 7}) {
    CAPTURE(threads);
    CheckSameBits(RunCpu<Op>(c.params, c.in, in, Pool(threads)), out, "weights transformed late");
  }
  CheckBatch(c, in, out);
  if constexpr (HasBands<Op>) CheckRows(c, in, out[0]);
}

template <class Op>
void TestCase(const OpCase<Op>& c) {
  CAPTURE(std::string(c.name));
  const Arrays in = DrawInputs(c);
  const auto expected = RunReference<Op>(c.params, c.in, in);
  const int64_t products_before = gemm::ExecutedProducts();
  const Arrays out = RunCpu<Op>(c.params, c.in, in, Pool(1));
  CheckCost(c, in, out, gemm::ExecutedProducts() - products_before);
  const double error = WorstError<Op>(out, expected);
  CHECK_MESSAGE(error <= c.tolerance, "error " << error << ", at most " << c.tolerance << " expected");

  for (size_t i = 0; i < out.size(); ++i) CHECK(Compare(out[i], expected[i]).rms <= kMostRelativeRms);

  CheckSameBits(RunCpu<Op>(c.params, c.in, in, Pool(1)), out, "run again");
  for (int threads : {2, 3, 7}) {
    CAPTURE(threads);
    CheckSameBits(RunCpu<Op>(c.params, c.in, in, Pool(threads)), out, "another number of threads");
  }
  CheckBatch(c, in, out);
  if constexpr (HasBands<Op>) CheckRows(c, in, out[0]);
  if constexpr (requires { c.params.on_the_fly; }) CheckLateWeights(c, in, out);

  double worst_target = 0.0;
  for (int64_t target : hwy::SupportedAndGeneratedTargets()) {
    if (c.tag == Tag::kModel) break;
    CAPTURE(std::string(hwy::TargetName(target)));
    const UseTarget use(target);
    REQUIRE(SimdTarget() == hwy::TargetName(target));
    const Arrays other = RunCpu<Op>(c.params, c.in, in, Pool(1));
    const double other_error = WorstError<Op>(other, expected);
    worst_target = std::max(worst_target, other_error);
    CHECK_MESSAGE(other_error <= c.tolerance,
                  "error " << other_error << ", at most " << c.tolerance << " expected");
    CheckSameBits(RunCpu<Op>(c.params, c.in, in, Pool(3)), other, "another number of threads");
    CheckBatch(c, in, other);
    if constexpr (HasBands<Op>) CheckRows(c, in, other[0]);
    if constexpr (requires { c.params.on_the_fly; }) CheckLateWeights(c, in, other);
  }
  std::printf("%-16s %-28s error %8.2e  all targets %8.2e  tolerance %8.2e\n", Op::kName, c.name, error,
              worst_target, c.tolerance);
}

template <class Op>
void TestCases(std::initializer_list<Tag> tags) {
  const auto cases = CasesOf<Op>();
  for (const Tag tag : tags) {
    bool found = false;
    for (const auto& c : cases) {
      if (c.tag != tag) continue;
      found = true;
      TestCase(c);
    }
    CHECK_MESSAGE(found, std::string(Op::kName) << " needs cases of every tag");
  }
}

template <class Op>
void TestWrongShapes() {
  auto cases = WrongCasesOf<Op>();
  CHECK_MESSAGE(!cases.empty(), std::string(Op::kName) << " needs shapes that are refused");
  const auto right = CasesOf<Op>().at(0);
  const std::string operands = std::to_string(right.in.size()) + " operands",
                    more = std::to_string(right.in.size() + 1);
  cases.push_back({right.params, right.in, operands.c_str(), more.c_str()});
  cases.back().in.push_back(Shape());
  for (const auto& c : cases) {
    Shape out[Op::kOutputs];
    const Status status = Op::Infer(c.params, c.in, out);
    const std::string message = status.message();
    CAPTURE(message);
    CAPTURE(std::string(c.expected));
    CAPTURE(std::string(c.found));
    CHECK((status.code() == Code::kUsage || status.code() == Code::kRefused));
    CHECK(message.find(std::string(c.expected) + " expected") != std::string::npos);
    CHECK(message.find(std::string(c.found) + " found") != std::string::npos);
    CHECK(message.find(Op::kName) != std::string::npos);
  }
}

#define MIEN_OP(name, folder) \
  TEST_CASE(#folder) { TestCases<name>({Tag::kTiny, Tag::kEdge}); }
#include "kernels/ops.def"
#undef MIEN_OP

#define MIEN_OP(name, folder) \
  TEST_CASE(#folder ": full size") { TestCases<name>({Tag::kModel}); }
#include "kernels/ops.def"
#undef MIEN_OP

#define MIEN_OP(name, folder) \
  TEST_CASE(#folder ": wrong shapes") { TestWrongShapes<name>(); }
#include "kernels/ops.def"
#undef MIEN_OP

TEST_CASE("what runs of the SIMD targets") {
  const int64_t here = hwy::SupportedTargets();
  std::string best;
  for (int64_t left = HWY_TARGETS; left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    const bool runs = (here & target) != 0;
    if (runs && best.empty()) best = hwy::TargetName(target);
    std::printf("SIMD target %-8s %s\n", hwy::TargetName(target),
                runs ? "run" : "compiled, NOT RUN: this processor lacks it");
  }
  CHECK(SimdTarget() == best);
#if HWY_ARCH_X86
  CHECK((HWY_TARGETS & (HWY_AVX3 | HWY_AVX2)) == (HWY_AVX3 | HWY_AVX2));
  // What every x86-64 processor runs: SCALAR in Highway 1.0.3, SSE2 in later ones.
  CHECK((HWY_TARGETS & here & HWY_STATIC_TARGET) != 0);
#elif HWY_ARCH_ARM_A64
  CHECK((HWY_TARGETS & here & HWY_NEON) != 0);
#endif
}

TEST_CASE("the table knows every op") {
  const AnyOp none = std::monostate();
  Shape out;
  CHECK(std::string(OpName(none)) == "none");
  CHECK(!OpInfer(none, {}, &out).ok());
  int kinds = 0;
#define MIEN_OP(name, folder)                                  \
  {                                                            \
    const AnyOp op = OpCall<name>{};                           \
    CHECK(std::string(OpName(op)) == #folder);                 \
    CHECK(OpOutputs(op) == name::kOutputs);                    \
    CHECK(op.index() == static_cast<size_t>(OpKind::k##name)); \
    ++kinds;                                                   \
  }
#include "kernels/ops.def"
#undef MIEN_OP
  CHECK(kinds == static_cast<int>(std::variant_size_v<AnyOp>) - 1);
}

}  // namespace
}  // namespace mien
