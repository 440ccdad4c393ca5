// The fast forms of the convolutional networks: every op by its own cases, what joins a convolution in small
// graphs, and the full-size networks: what they are lowered to, and their largest layers once. Against the
// double reference; small ones in nine thread orders with equal bits, and each sample alone.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <string>

#include "kernels/all_cases.h"
#include "tests/cuda/kernels/lowered.h"
#include "tests/cuda/kernels/support.h"
#include "tests/graph/support.h"

namespace mien::simt {
namespace {

// max|device - reference| / rms(reference), the larger of both precisions (they keep as many digits):
// measured on 2026-11-23 (conv2d 2026-11-29), x 1.5.
template <class Op>
constexpr double kTolerance = 0.0;
template <>
constexpr double kTolerance<Conv2d> = 3.7e-3;
template <>
constexpr double kTolerance<SqueezeExcite> = 2.6e-3;
constexpr double kFullSizeTolerance = 8.4e-3;  // of convolutions of half a million numbers

constexpr Precision kFastPrecisions[] = {Precision::kTf32, Precision::kHalf};
const char* NameOf(Precision precision) { return precision == Precision::kHalf ? "fp16" : "tf32"; }

// more_weights: operands that are tensors of the file, beside the packed ones.
template <class Op>
void TestOp(uint32_t more_weights = 0) {
  for (const Precision precision : kFastPrecisions) {
    double worst = 0.0;
    int cases = 0;
    for (const OpCase<Op>& c : CasesOf<Op>()) {
      if (c.tag == Tag::kModel || Op::Count(c.params, c.in).multiply_adds > 3'000'000) continue;
      worst = std::max(worst, CheckLowered<Op>(c, precision, kTolerance<Op>, more_weights));
      ++cases;
    }
    CHECK(cases > 0);
    std::printf("%-20s %s  error %8.2e  tolerance %8.2e\n", Op::kName, NameOf(precision), worst,
                kTolerance<Op>);
  }
}

TEST_CASE("convolution") { TestOp<Conv2d>(1u << Conv2d::kPrelu); }
constexpr uint32_t kExciteWeights = 1u << SqueezeExcite::kFc1 | 1u << SqueezeExcite::kFc2;
TEST_CASE("squeeze-excite") { TestOp<SqueezeExcite>(kExciteWeights); }

TEST_CASE("squeeze-excite without padding behind the last channel") {
  OpCase<SqueezeExcite> c = CasesOf<SqueezeExcite>()[0];
  c.in = {{2, 16, 3, 5}, {4, 16, 1, 1}, {16, 4, 1, 1}, {2, 16, 3, 5}};
  for (const Precision precision : kFastPrecisions)
    CheckLowered<SqueezeExcite>(c, precision, kTolerance<SqueezeExcite>, kExciteWeights);
}

// --- small graphs

// A graph made of calls, with weights and inputs drawn by their numbers.
class Calls {
 public:
  Calls() { graph_.name = "calls"; }
  ValueId Input(const Shape& shape) {
    graph_.inputs.push_back(Add(Value::Kind::kInput, shape));
    return graph_.inputs.back();
  }
  ValueId Weight(const Shape& shape, const Fill& fill = {}) {
    const ValueId v = Add(Value::Kind::kWeight, shape);
    fills_[graph_.values.back().name] = fill;
    return v;
  }
  template <class Op>
  ValueId Call(const typename Op::Params& params, std::vector<ValueId> in) {
    Node node = {OpCall<Op>{params}, std::move(in), {}};
    Shape shape;
    const Status status = Op::Infer(params, graph_.InputShapes(node), &shape);
    REQUIRE_MESSAGE(status.ok(), std::string(status.message()));
    node.out = {Add(Value::Kind::kComputed, shape)};
    graph_.nodes.push_back(node);
    return node.out[0];
  }
  void Output(ValueId v) { graph_.outputs.push_back({"y" + std::to_string(graph_.outputs.size()), v}); }
  const Shape& ShapeOf(ValueId v) const { return graph_.values[static_cast<size_t>(v)].shape; }

  // A batch norm of trained numbers: gamma, beta, mean, var.
  std::vector<ValueId> Norm(int64_t channels) {
    return {Weight({channels}, Fill::Uniform(0.5, 1.5)), Weight({channels}), Weight({channels}),
            Weight({channels}, Fill::Uniform(0.5, 2))};
  }
  ValueId BatchNorm(ValueId x, float eps = 1e-5f) {
    const std::vector<ValueId> norm = Norm(ShapeOf(x)[1]);
    return Call<mien::BatchNorm>({.eps = eps}, {x, norm[0], norm[1], norm[2], norm[3]});
  }
  ValueId Conv(ValueId x, int64_t outputs, int64_t kernel, const Conv2d::Params& params, bool norm) {
    const int64_t inputs = ShapeOf(x)[1];
    const double deviation = 1 / std::sqrt(static_cast<double>(inputs * kernel * kernel));
    std::vector<ValueId> in(Conv2d::kInputs, kAbsent);
    in[Conv2d::kX] = x;
    in[Conv2d::kWeight] = Weight({outputs, inputs, kernel, kernel}, Fill::Normal(0, deviation));
    in[Conv2d::kBias] = Weight({outputs});
    if (norm) std::ranges::copy(Norm(outputs), in.begin() + Conv2d::kGamma);
    if (params.act == Activation::kPRelu) in[Conv2d::kPrelu] = Weight({outputs}, Fill::Uniform(0.1, 0.4));
    return Call<Conv2d>(params, std::move(in));
  }

  const Graph& graph() const { return graph_; }
  std::vector<float> Numbers(const std::string& name) const {
    const auto id = static_cast<size_t>(std::stoi(name));
    std::vector<float> numbers(static_cast<size_t>(graph_.values[id].shape.elements()));
    const auto fill = fills_.find(name);
    FillValues(fill == fills_.end() ? Fill() : fill->second, 1, static_cast<int>(id), numbers);
    return numbers;
  }

 private:
  ValueId Add(Value::Kind kind, const Shape& shape) {
    graph_.values.push_back({kind, shape, std::to_string(graph_.values.size())});
    return static_cast<ValueId>(graph_.values.size()) - 1;
  }
  Graph graph_;
  std::map<std::string, Fill> fills_;
};

// Every convolution by the tile of this number where it has one.
void UseTile(Executable* graph, int tile) {
  int parts = 0;
  for (Executable::Call& call : graph->calls) {
    FastOp& op = std::get<FastOp>(call.kernel);
    if (auto* conv = std::get_if<FastOpCall<FastConv>>(&op)) {
      const std::vector<int64_t> costs = FastConv::TileCosts(conv->params);
      const auto at = static_cast<size_t>(tile);
      if (at < costs.size() && costs[at] >= 0) conv->params.tile = tile;
      parts = FastConv::Parts(conv->params);
      const ValueId sums = call.out[FastConv::kSums];
      if (sums != kAbsent)
        graph->values[static_cast<size_t>(sums)].bytes = FastResultBytes(op, FastConv::kSums);
    } else if (auto* excite = std::get_if<FastOpCall<FastSqueezeExcite>>(&op)) {
      excite->params.parts = parts;
    }
  }
}

// Both precisions. steps: of the executable, conversions from and to images among them. tile: for all
// convolutions, one run; negative: the cheapest, nine orders.
void TestCalls(const char* name, const Calls& calls, size_t steps, double tolerance, int tile = -1,
               uint8_t most_splits = kEnoughBlocks) {
  CAPTURE(std::string(name));
  const Graph& graph = calls.graph();
  testing::Tensors doubles;
  std::vector<std::vector<float>> inputs;
  for (const ValueId v : graph.inputs) {
    inputs.push_back(calls.Numbers(std::to_string(v)));
    doubles[std::to_string(v)] = {inputs.back().begin(), inputs.back().end()};
  }
  const auto expected = RunReference(graph, doubles, [&](const std::string& weight, std::span<float> out) {
    std::ranges::copy(calls.Numbers(weight), out.begin());
    return Status();
  });
  REQUIRE(expected.ok());
  for (const Precision precision : kFastPrecisions) {
    Result<Executable> device = LowerForDevice(graph, precision);
    REQUIRE(device.ok());
    CHECK(device->calls.size() == steps);
    if (tile >= 0) UseTile(&*device, tile);
    LimitSplits(&*device, most_splits);
    double worst = 0.0;
    std::vector<std::vector<float>> first;
    DeviceRunner runner(*device, [&](const std::string& weight) { return calls.Numbers(weight); });
    const auto run = [&] {
      const auto out = runner.Run(inputs);
      for (size_t i = 0; i < out.size(); ++i) {
        worst = std::max(worst, Compare(out[i], expected->at(graph.outputs[i].name)).largest);
        if (!first.empty()) CHECK_MESSAGE(SameBits(out[i], first[i]), "another order, other bits");
      }
      if (first.empty()) first = out;
    };
    if (tile < 0)
      ForEachOrder(run);
    else
      run();
    CHECK(worst <= tolerance);
    std::printf("%-20s %s  error %8.2e  tolerance %8.2e\n", name, NameOf(precision), worst, tolerance);
  }
}

// Every border class: the norm's shift is several times the result where a tap is missed or counted too
// often.
TEST_CASE("a batch norm before a padded convolution") {
  struct Case {
    int64_t height, width;
    int stride;
  };
  for (const Case& c :
       {Case{7, 9, 1}, Case{7, 10, 2}, Case{2, 2, 2}, Case{1, 1, 1}, Case{1, 5, 1}, Case{3, 1, 2}}) {
    Calls calls;
    const ValueId x = calls.Input({2, 20, c.height, c.width});
    const Conv2d::Params params = {.stride = c.stride, .pad = 1, .act = Activation::kPRelu};
    calls.Output(calls.Conv(calls.BatchNorm(x, 0.5f), 24, 3, params, true));
    const std::string name = "norm before " + std::to_string(c.height) + " " + std::to_string(c.width);
    TestCalls(name.c_str(), calls, 3, 2.4e-3);
  }
}

// Of other networks than those with a trunk. A norm before padding that is not alike on all sides stays a step of its
// own, and a convolution with a clamp a plain one.
TEST_CASE("padding behind, a scale without mean and variance, a clamp") {
  const Shape map = {2, 20, 8, 10};
  const Conv2d::Params half = {.stride = 2, .end_pad = 1};
  Calls behind, normed, scaled, clamped;
  behind.Output(behind.Conv(behind.Input(map), 24, 3, half, true));
  TestCalls("padding behind", behind, 3, 1.8e-3);
  normed.Output(normed.Conv(normed.BatchNorm(normed.Input(map), 0.5f), 24, 3, half, false));
  TestCalls("norm, padding behind", normed, 4, 1.7e-3);
  std::vector<ValueId> in(Conv2d::kInputs, kAbsent);
  in[Conv2d::kX] = scaled.Input(map);
  in[Conv2d::kWeight] = scaled.Weight({24, 20, 3, 3}, Fill::Normal(0, 0.1));
  in[Conv2d::kGamma] = scaled.Weight({24});
  in[Conv2d::kBeta] = scaled.Weight({24});
  scaled.Output(scaled.Call<Conv2d>({.pad = 1}, in));
  TestCalls("a scale", scaled, 3, 4.8e-3);
  clamped.Output(clamped.Conv(clamped.Input(map), 24, 3, {.pad = 1, .clamp = 0.5f}, false));
  TestCalls("a clamp", clamped, 1, 3.8e-6);
}

// A block of the trunk: both convolutions, squeeze-excite, the shortcut read with a stride.
TEST_CASE("a block") {
  for (const bool same_channels : {true, false}) {
    Calls calls;
    const ValueId x = calls.Input({2, 20, 9, 13});
    const int64_t channels = same_channels ? 20 : 36;
    const ValueId shortcut = same_channels ? calls.Call<Subsample>({.stride = 2}, {x})
                                           : calls.Conv(x, channels, 1, {.stride = 2}, true);
    ValueId y = calls.Conv(calls.BatchNorm(x), channels, 3, {.pad = 1, .act = Activation::kPRelu}, false);
    y = calls.Conv(y, channels, 3, {.stride = 2, .pad = 1}, true);
    const ValueId fc1 = calls.Weight({5, channels, 1, 1}), fc2 = calls.Weight({channels, 5, 1, 1});
    calls.Output(calls.Call<SqueezeExcite>({}, {y, fc1, fc2, shortcut}));
    TestCalls("block", calls, same_channels ? 5 : 6, 3.5e-3);
  }
}

// Every kernel there is, its sums over warps and tiles in a squeeze-excite. most_splits: of K.
void TestEveryTile(int64_t inputs, uint8_t most_splits) {
  Calls calls;
  const ValueId x = calls.Input({1, inputs, 9, 17}), pixels = calls.Input({1, inputs, 2, 2});
  const auto excited = [&](ValueId u) {
    const ValueId fc1 = calls.Weight({5, 72, 1, 1}), fc2 = calls.Weight({72, 5, 1, 1});
    calls.Output(calls.Call<SqueezeExcite>({}, {u, fc1, fc2, kAbsent}));
  };
  excited(calls.Conv(calls.BatchNorm(x), 72, 3, {.pad = 1, .act = Activation::kPRelu}, false));
  excited(calls.Conv(x, 72, 3, {.stride = 2, .pad = 1}, true));
  excited(calls.Conv(x, 72, 1, {}, true));
  for (const int kernel : {1, 7})
    calls.Output(calls.Conv(x, 72, kernel, {.stride = 2, .pad = kernel / 2}, true));
  calls.Output(calls.Conv(pixels, 72, 3, {.stride = 2, .pad = 1, .act = Activation::kLeaky}, false));
  for (int tile = 0; tile < 4; ++tile) {
    const std::string name = "tile " + std::to_string(tile) + ", " + std::to_string(inputs) + " inputs";
    TestCalls(name.c_str(), calls, 17, 5.8e-3, tile, most_splits);
  }
}

TEST_CASE("every tile, one chunk of K") { TestEveryTile(12, 1); }
TEST_CASE("every tile, parts of two or three chunks of K and a rest") { TestEveryTile(100, 3); }
TEST_CASE("every tile, three chunks of K and more in one block") { TestEveryTile(72, 1); }

TEST_CASE("a lateral convolution and the coarser map") {
  for (const bool align_corners : {true, false}) {
    Calls calls;
    const ValueId coarse = calls.Input({2, 20, 5, 3}), x = calls.Input({2, 12, 10, 7});
    const ValueId lateral = calls.Conv(x, 20, 1, {}, false);
    calls.Output(
        calls.Call<Resize>({.height = 10, .width = 7, .align_corners = align_corners}, {coarse, lateral}));
    TestCalls("lateral", calls, 4, 2.8e-3);
  }
}

TEST_CASE("linear layers on maps") {
  Calls pooled;
  const ValueId mean = pooled.Call<GlobalAvgPool>({}, {pooled.Input({2, 20, 5, 7})});
  pooled.Output(
      pooled.Call<Linear>({}, {mean, pooled.Weight({9, 20}), pooled.Weight({9}), kAbsent, kAbsent, kAbsent}));
  TestCalls("pool and linear", pooled, 2, 1.1e-3);
  Calls normed;
  ValueId x = normed.BatchNorm(normed.Input({2, 20, 3, 2}), 0.1f);
  const Linear::Params gains = {.weight_gain = 0.5f, .bias_gain = 2.0f};
  x = normed.Call<Linear>(gains, {x, normed.Weight({9, 120}), normed.Weight({9}), kAbsent, kAbsent, kAbsent});
  normed.Output(normed.BatchNorm(x, 0.1f));
  TestCalls("norm, linear, norm", normed, 2, 5.8e-4);
}

// Heads of three lengths on three maps, the last row without one.
void TestHeads(const char* name, int64_t channels, bool independent = false) {
  Calls calls;
  const ValueId maps[] = {calls.Input({2, channels, 3, 3}), calls.Input({2, channels, 5, 5}),
                          calls.Input({2, channels, 10, 10})};
  const int lengths[] = {0, 0, 1, 2, 2};
  std::vector<ValueId> codes = {kAbsent, calls.Weight({6, 10})};
  for (const int length : lengths) {
    ValueId x = maps[length];
    while (calls.ShapeOf(x)[2] > 1)
      x = calls.Conv(x, channels, 3, {.stride = 2, .pad = 1, .act = Activation::kLeaky}, false);
    const ValueId weight = calls.Weight({10, channels}), bias = calls.Weight({10});
    const ValueId code =
        calls.Call<Linear>({.weight_gain = 0.3f}, {x, weight, bias, kAbsent, kAbsent, kAbsent});
    if (codes[0] == kAbsent)
      codes[0] = code;
    else
      codes.push_back(code);
  }
  codes.push_back(kAbsent);
  calls.Output(calls.Call<StackRows>({.rows = 6, .independent = independent}, codes));
  TestCalls(name, calls, 3 + 2 + 2 + 1 + 1 + 1, 1.5e-3);
}

TEST_CASE("style heads") {
  TestHeads("heads", 20);
  TestHeads("independent heads", 20, true);
  TestHeads("full heads", 32);  // no padding behind the last channel
}

// Offsets in a map are 32 bits of bytes; the batch does not count.
TEST_CASE("maps of more than 2 GiB a sample are refused") {
  const auto lowered = [](const Shape& shape, Precision precision) {
    Calls calls;
    calls.Output(calls.Conv(calls.Input(shape), 8, 3, {.pad = 1}, false));
    return LowerForDevice(calls.graph(), precision).status();
  };
  const Status refused = lowered({1, 513, 1024, 1024}, Precision::kTf32);
  CHECK(refused.code() == Code::kUsage);
  const std::string message = refused.message();
  CHECK(message.find("2147483648 bytes a sample expected, 2214592512 found") != std::string::npos);
  CHECK(lowered({1, 1025, 1024, 1024}, Precision::kHalf).code() == Code::kUsage);
  CHECK(lowered({1, 512, 1024, 1024}, Precision::kTf32).ok());
  CHECK(lowered({1, 1024, 1024, 1024}, Precision::kHalf).ok());
  CHECK(lowered({3, 257, 1024, 1024}, Precision::kTf32).ok());
  CHECK(lowered({1, 513, 1024, 1024}, Precision::kFloat).ok());
  Calls up;
  const ValueId x = up.Input({1, 513, 1024, 1024}), style = up.Input({1, 513});
  std::vector<ValueId> in(ModConv::kInputs, kAbsent);
  in[ModConv::kX] = x;
  in[ModConv::kStyle] = style;
  in[ModConv::kWeight] = up.Weight({8, 513, 3, 3});
  up.Output(up.Call<ModConv>({}, in));
  CHECK(LowerForDevice(up.graph(), Precision::kTf32).status().code() == Code::kUsage);
}

// --- the public networks

// As testing::BuildAll, the networks of `config` that this file is about.
std::vector<Result<Graph>> FullNetworks(int batch) {
  std::vector<Result<Graph>> graphs;
  for (const int rows : {18, 14})
    graphs.push_back(BuildEncoder(testing::FullEncoder(rows), {}, {.batch = batch}));
  graphs.push_back(BuildEncoder(testing::FullEncoder(18), {.stages = 5}, {.batch = batch}));
  graphs.push_back(BuildAttributes(testing::FullAttributes(), {}, {.batch = batch}));
  graphs.push_back(BuildRecognizer(testing::FullRecognizer(), {}, {.batch = batch}));
  return graphs;
}

// Taps of a kernel, along one axis, that read anything but padding.
int64_t LiveTaps(int64_t size, int64_t out_size, int64_t kernel, const Conv2d::Params& params) {
  int64_t live = 0;
  for (int64_t tap = 0; tap < kernel; ++tap) {
    bool reads = false;
    for (int64_t i = 0; i < out_size; ++i) {
      const int64_t from = i * params.stride + tap - params.pad;
      reads = reads || (from >= 0 && from < size);
    }
    live += reads ? 1 : 0;
  }
  return live;
}

// The bound of layers whose neighbours are all fused into them, in elements of the precision: a convolution
// reads its map (those that share one read it together), the taps that matter and a residual, and writes a
// map; a squeeze-excite reads two maps and writes one; a resize is part of the lateral convolution and reads
// the coarser map.
int64_t LayerwiseBytes(const Graph& graph, Precision precision) {
  int64_t elements = 0;
  std::set<std::pair<ValueId, int64_t>> read;  // maps, and the kernels of those who read them
  for (const Node& node : graph.nodes) {
    const auto shape = [&](ValueId v) { return graph.values[static_cast<size_t>(v)].shape; };
    const Shape y = shape(node.out[0]);
    if (const auto* conv = std::get_if<OpCall<Conv2d>>(&node.op)) {
      const Shape x = shape(node.in[Conv2d::kX]), w = shape(node.in[Conv2d::kWeight]);
      const int64_t rows = LiveTaps(x[2], y[2], w[2], conv->params),
                    columns = LiveTaps(x[3], y[3], w[3], conv->params);
      elements += w[0] * w[1] * rows * columns + y.elements();
      if (read.insert({node.in[Conv2d::kX], w[2]}).second) elements += x.elements();
      if (node.in[Conv2d::kResidual] != kAbsent) elements += y.elements();
    } else if (std::holds_alternative<OpCall<SqueezeExcite>>(node.op)) {
      elements += 3 * y.elements();
    } else if (std::holds_alternative<OpCall<Resize>>(node.op)) {
      elements += shape(node.in[Resize::kX]).elements();
    } else if (std::holds_alternative<OpCall<Linear>>(node.op)) {
      elements += shape(node.in[Linear::kWeight]).elements();
    }
  }
  return elements * ElementBytes(precision);
}

// Launches beside the reductions of a split K; all bytes, what such a split moves among them.
TEST_CASE("launches and bytes of the public networks") {
  for (const Result<Graph>& graph : FullNetworks(1)) {
    REQUIRE(graph.ok());
    for (const Precision precision : kFastPrecisions) {
      const Result<Executable> device = LowerForDevice(*graph, precision);
      REQUIRE(device.ok());
      int splits = 0;
      for (const Executable::Call& call : device->calls) {
        const auto* conv = std::get_if<FastOpCall<FastConv>>(&call.fast());
        splits += conv != nullptr && FastConv::ScratchBytes(conv->params) > 0;
      }
      const FastCost cost = device->TotalCost();
      const int64_t bound = LayerwiseBytes(*graph, precision);
      std::printf("%-12s %s %3d launches and %d reductions, %5.1f GMAC, %7.1f MB, %7.1f MB layer by layer\n",
                  graph->name.c_str(), NameOf(precision), cost.launches - splits, splits,
                  static_cast<double>(cost.multiply_adds) * 1e-9, static_cast<double>(cost.bytes) * 1e-6,
                  static_cast<double>(bound) * 1e-6);
      CHECK(cost.launches - splits <= 90);
      CHECK(static_cast<double>(cost.bytes) <= 1.15 * static_cast<double>(bound));
    }
  }
}

// One layer of each kind, all channels and pixels.
TEST_CASE("full-size convolutions" * doctest::skip()) {
  for (const Precision precision : kFastPrecisions) {
    for (const OpCase<Conv2d>& c : CasesOf<Conv2d>()) {
      if (c.tag != Tag::kModel) continue;
      CAPTURE(std::string(c.name));
      const Arrays in = DrawInputs(c);
      Arrays out;
      const double worst = CheckLoweredOnce<Conv2d>(c, precision, kFullSizeTolerance, 1u << Conv2d::kPrelu,
                                                    in, RunReference<Conv2d>(c.params, c.in, in), &out);
      std::printf("%-24s %s  error %8.2e\n", c.name, NameOf(precision), worst);
    }
  }
}

}  // namespace
}  // namespace mien::simt
