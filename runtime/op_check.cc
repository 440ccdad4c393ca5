#include "runtime/op_check.h"

#include <cmath>

#include "kernels/all_cases.h"
#include "kernels/cuda/tolerance.h"
#include "runtime/device_program.h"
#include "runtime/interrupt.h"

namespace mien {
namespace {

using Arrays = std::vector<std::vector<float>>;
using Doubles = std::vector<std::vector<double>>;

struct Errors {
  double largest = 0.0, rms = 0.0;  // both over the rms of the exact values
};

// Whatever is not finite makes both infinite.
Errors Compare(const std::vector<float>& found, const std::vector<double>& exact) {
  double largest = 0.0, error = 0.0, squares = 0.0;
  for (size_t i = 0; i < exact.size(); ++i) {
    if (!std::isfinite(found[i])) return {INFINITY, INFINITY};
    const double difference = found[i] - exact[i];
    largest = std::max(largest, std::fabs(difference));
    error += difference * difference;
    squares += exact[i] * exact[i];
  }
  const auto count = static_cast<double>(exact.size());
  const double rms = std::max(std::sqrt(squares / count), 1e-30);
  return {largest / rms, std::sqrt(error / count) / rms};
}

template <class Op>
struct Call {
  const OpCase<Op>& c;
  std::vector<Shape> out_shapes;
  Arrays in, out;
  Doubles exact;
};

template <class T, class Elements>
std::vector<View<T>> ViewsOf(std::vector<std::vector<Elements>>& arrays, const std::vector<Shape>& shapes) {
  std::vector<View<T>> views;
  for (size_t i = 0; i < shapes.size(); ++i)
    views.push_back({shapes[i].present() ? arrays[i].data() : nullptr, shapes[i]});
  return views;
}

// Draws the inputs, computes the reference; outputs are NaN.
template <class Op>
Status Prepare(Call<Op>* call) {
  const OpCase<Op>& c = call->c;
  MIEN_TRY(Op::Infer(c.params, c.in, call->out_shapes.data()));
  Doubles in;
  for (size_t i = 0; i < c.in.size(); ++i) {
    call->in.emplace_back(static_cast<size_t>(c.in[i].elements()));
    FillValues(i < c.fill.size() ? c.fill[i] : Fill(), c.seed, static_cast<int>(i), call->in.back());
    in.emplace_back(call->in.back().begin(), call->in.back().end());
  }
  for (const Shape& shape : call->out_shapes) {
    call->out.emplace_back(static_cast<size_t>(shape.elements()), NAN);
    call->exact.emplace_back(static_cast<size_t>(shape.elements()), NAN);
  }
  Op::Ref(c.params, ViewsOf<const double>(in, c.in), ViewsOf<double>(call->exact, call->out_shapes));
  return {};
}

template <class Op>
void RunOnCpu(Call<Op>* call, ThreadPool* threads) {
  const OpCase<Op>& c = call->c;
  auto views = ViewsOf<const float>(call->in, c.in);
  std::vector<float> packed(static_cast<size_t>(Op::PackedFloats(c.params, c.in)));
  Op::Pack(c.params, views, packed.data());
  for (size_t i = 0; i < views.size(); ++i) {
    if (Op::kPacked >> i & 1) views[i].data = nullptr;
  }
  std::vector<float> scratch(static_cast<size_t>(Op::ScratchFloats(c.params, c.in, threads->threads())), NAN);
  const auto out = ViewsOf<float>(call->out, call->out_shapes);
  Op::Cpu(c.params, {views, out, packed.data(), scratch.data(), threads});
}

// A graph of this one node. What the batch does not change is a weight named by its operand, as in the networks.
template <class Op>
Graph GraphOf(const Call<Op>& call) {
  Graph graph;
  graph.name = Op::kName;
  Node node = {OpCall<Op>{call.c.params}, {}, {}};
  const auto add = [&](Value::Kind kind, const Shape& shape, const std::string& name) {
    graph.values.push_back({kind, shape, name});
    return static_cast<ValueId>(graph.values.size()) - 1;
  };
  for (size_t i = 0; i < call.c.in.size(); ++i) {
    const bool present = call.c.in[i].present();
    const bool weight = (Op::kPacked >> i & 1) != 0 || (call.c.batched != 0 && (call.c.batched >> i & 1) == 0);
    node.in.push_back(!present ? kAbsent
                               : add(weight ? Value::Kind::kWeight : Value::Kind::kInput, call.c.in[i],
                                     std::to_string(i)));
    if (present && !weight) graph.inputs.push_back(node.in.back());
  }
  for (const Shape& shape : call.out_shapes) {
    node.out.push_back(add(Value::Kind::kComputed, shape, Op::kName));
    graph.outputs.push_back({std::string("y").append(std::to_string(graph.outputs.size())), node.out.back()});
  }
  graph.nodes.push_back(std::move(node));
  return graph;
}

// `in` by operand; inputs and weights of the graph are named by their operands.
Status RunOnDevice(Graph one, const Device& device, void* stream, Precision precision, const Arrays& in, Arrays* out) {
  const DeviceApi& api = device.api();
  MIEN_ASSIGN(DeviceProgram program, DeviceProgram::Create(std::move(one), precision, *device.executor));
  DeviceWeights weights([&](const std::string& operand, std::span<float> floats) {
    const std::vector<float>& values = in[static_cast<size_t>(std::stoi(operand))];
    std::copy(values.begin(), values.end(), floats.begin());
    return Status();
  });
  uint64_t largest = 0;
  for (const DeviceValue& value : program.device_graph().values) largest = std::max(largest, value.bytes);
  MIEN_ASSIGN(const DeviceHandle packing, AllocatePinned(api, largest, "pinned memory of weights"));
  MIEN_ASSIGN(const DeviceHandle staging, AllocatePinned(api, program.staging_bytes(), "pinned memory"));
  MIEN_ASSIGN(const DeviceHandle arena, AllocateOnDevice(api, program.plan().arena_bytes, "activations"));
  MIEN_TRY(program.Load(device, &weights, packing.get(), stream));
  program.Bind(device, stream, arena.get(), staging.get());
  const Graph& graph = program.graph();
  for (size_t k = 0; k < graph.inputs.size(); ++k) {
    const auto operand = static_cast<size_t>(std::stoi(graph.values[static_cast<size_t>(graph.inputs[k])].name));
    std::copy(in[operand].begin(), in[operand].end(), program.input(static_cast<int>(k)).begin());
  }
  MIEN_TRY(program.Run());
  MIEN_TRY(program.Capture());
  MIEN_TRY(program.Run());
  for (size_t k = 0; k < out->size(); ++k) {
    const auto found = program.output(static_cast<int>(k));
    (*out)[k].assign(found.begin(), found.end());
  }
  return {};
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
Status CheckOnDevice(const Device& device, void* stream, bool quick, std::vector<OpCheck>* checks) {
  struct Form {
    const char* name;
    Precision precision;
    double gate;  // of the relative rms; 60 dB and 50 dB
  };
  for (const Form& form : {Form{"fp32", Precision::kFloat, 0.0}, Form{"tf32", Precision::kTf32, 1e-3},
                           Form{"fp16", Precision::kHalf, 3.2e-3}}) {
    const bool plain = form.precision == Precision::kFloat;
    MIEN_ASSIGN(OpCheck check,
                CheckCases<Op>(
                    form.name, quick,
                    [&](Call<Op>* call) {
                      return RunOnDevice(GraphOf(*call), device, stream, form.precision, call->in, &call->out);
                    },
                    [&](const Errors& errors) { return plain ? errors.largest : errors.rms; },
                    [&](const OpCase<Op>&) { return plain ? kTolerance<Op> : form.gate; }));
    checks->push_back(std::move(check));
  }
  return {};
}

}  // namespace

Result<std::vector<OpCheck>> CheckOpsOnCpu(int threads, bool quick) {
  ThreadPool pool(threads > 0 ? threads : DefaultThreads());
  std::vector<OpCheck> checks;
#define MIEN_OP(name, folder)                                                                   \
  {                                                                                             \
    const auto run = [&](Call<name>* call) { return RunOnCpu(call, &pool), Status(); };         \
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
  MIEN_ASSIGN(const DeviceHandle stream, CreateStream(device.api()));
#define MIEN_OP(name, folder) MIEN_TRY(CheckOnDevice<name>(device, stream.get(), quick, &checks));
#include "kernels/ops.def"
#undef MIEN_OP
  return checks;
}

}  // namespace mien
