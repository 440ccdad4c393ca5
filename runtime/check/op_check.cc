#include "runtime/check/op_check.h"

#include <algorithm>
#include <cmath>

#include "base/interrupt.h"
#include "kernels/all_cases.h"
#include "kernels/cuda/tolerance.h"
#include "runtime/check/op_call.h"

namespace mien {
namespace {

template <class Op>
void RunOnCpu(Call<Op>* call, ThreadPool* threads) {
  const OpCase<Op>& c = call->c;
  auto views = ViewsOf(call->in, c.in);
  std::vector<float> packed(static_cast<size_t>(Op::PackedFloats(c.params, c.in)));
  Op::Pack(c.params, views, packed.data());
  for (size_t i = 0; i < views.size(); ++i) {
    if (HasInput(Op::kPacked, i)) views[i].data = nullptr;
  }
  std::vector<float> scratch(static_cast<size_t>(Op::ScratchFloats(c.params, c.in, threads->threads())), NAN);
  const auto out = OutputViews(&call->out, call->out_shapes);
  Op::Cpu(c.params, {views, out, packed.data(), scratch.data(), threads});
}

// All cases of one op in one form: run(call) fills its outputs; measure(errors) is what tolerance(case) limits.
template <class Op, class Run, class Measure, class Tolerance>
Result<OpCheck> CheckCases(const char* form, bool quick, const Run& run, const Measure& measure,
                           const Tolerance& tolerance) {
  OpCheck check = {Op::kName, form, 0, 0.0, 0.0, ""};
  double nearest = -1.0;
  for (const OpCase<Op>& c : CasesOf<Op>()) {
    if (quick && (c.tag == Tag::kModel || Op::Count(c.params, c.in).multiply_adds > 1'000'000)) continue;
    MIEN_TRY(CheckInterrupt());
    Call<Op> call = {c, std::vector<Shape>(Op::kOutputs), {}, {}, {}};
    MIEN_TRY(Prepare(&call));
    if (const Status ran = run(&call); !ran.ok()) return ran.Within("%s %s", Op::kName, c.name);
    ++check.cases;
    for (size_t i = 0; i < call.out.size(); ++i) {
      const double error = measure(Compare(call.out[i], call.exact[i])), limit = tolerance(c);
      const double share = error <= limit ? (limit > 0.0 ? error / limit : 0.0) : error / std::max(limit, 1e-30);
      if (share <= nearest) continue;
      nearest = share;
      check.error = error;
      check.tolerance = limit;
      check.nearest = c.name;
    }
  }
  return check;
}

template <class Op>
Status CheckOnDevice(const Device& device, bool quick, std::vector<OpCheck>* checks) {
  for (const DeviceForm& form : kDeviceForms) {
    const bool plain = form.precision == Precision::kFloat;
    MIEN_ASSIGN(OpCheck check,
                CheckCases<Op>(
                    form.name, quick,
                    [&](Call<Op>* call) {
                      return RunOnDevice(GraphOf(*call), device, form.precision, call->in, &call->out);
                    },
                    [&](const Errors& errors) { return plain ? errors.largest : errors.rms; },
                    [&](const OpCase<Op>&) { return plain ? kTolerance<Op> : form.gate; }));
    checks->push_back(std::move(check));
  }
  return {};
}

}  // namespace

Result<std::vector<OpCheck>> CheckOpsOnCpu(int threads, bool quick) {
  MIEN_ASSIGN(const auto pool, ThreadPool::Create(threads > 0 ? threads : DefaultThreads()));
  std::vector<OpCheck> checks;
#define MIEN_OP(name, folder)                                                                   \
  {                                                                                             \
    const auto run = [&](Call<name>* call) { return RunOnCpu(call, pool.get()), Status(); };         \
    const auto largest = [](const Errors& errors) { return errors.largest; };                   \
    const auto tolerance = [](const OpCase<name>& c) { return c.tolerance; };                   \
    MIEN_ASSIGN(OpCheck check, CheckCases<name>("cpu", quick, run, largest, tolerance));        \
    checks.push_back(std::move(check));                                                         \
  }
#include "kernels/ops.def"
#undef MIEN_OP
  return checks;
}

Result<std::vector<OpCheck>> CheckOpsOnDevice(const Device& device, bool quick) {
  std::vector<OpCheck> checks;
#define MIEN_OP(name, folder) MIEN_TRY(CheckOnDevice<name>(device, quick, &checks));
#include "kernels/ops.def"
#undef MIEN_OP
  return checks;
}

}  // namespace mien
