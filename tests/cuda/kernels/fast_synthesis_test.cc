// The fast forms of synthesis: mod_conv and to_rgb by their own cases, a network of 64 pixels as a whole, and
// what the generator of 1024 pixels costs. Those marked skip are for a campaign: they take minutes.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <optional>

#include "kernels/all_cases.h"
#include "tests/cuda/kernels/lowered.h"
#include "tests/graph/support.h"

namespace mien::simt {
namespace {

using testing::FullGenerator;

const char* NameOf(Precision precision) { return precision == Precision::kHalf ? "fp16" : "tf32"; }

// max|device - reference| / rms(reference), tf32 and half: measured on 2026-11-23, x 1.5.
struct Tolerances {
  double tf32, half;
};
constexpr Tolerances kModConv = {4.2e-3, 4.5e-3}, kToRgb = {1.6e-3, 1.6e-3};

constexpr uint32_t kModConvWeights = 1u << ModConv::kNoiseStrength | 1u << ModConv::kBias;
constexpr uint32_t kToRgbWeights = 1u << ToRgb::kWeight | 1u << ToRgb::kBias | 1u << ToRgb::kFilter;

template <class Op>
void TestOp(const Tolerances& tolerances, uint32_t more_weights) {
  for (const Precision precision : {Precision::kTf32, Precision::kHalf}) {
    const double tolerance = precision == Precision::kHalf ? tolerances.half : tolerances.tf32;
    double worst = 0.0;
    int cases = 0;
    for (const OpCase<Op>& c : CasesOf<Op>()) {
      if (c.tag == Tag::kModel ||
          Op::Count(c.params, c.in).multiply_adds > (HooksPresent() ? 150'000 : 3'000'000))
        continue;
      worst = std::max(worst, CheckLowered(c, precision, tolerance, more_weights));
      ++cases;
    }
    CHECK(cases > 0);
    std::printf("%-16s %s %2d cases  error %8.2e  tolerance %8.2e\n", Op::kName, NameOf(precision), cases,
                worst, tolerance);
  }
}

TEST_CASE("mod_conv, lowered") { TestOp<ModConv>(kModConv, kModConvWeights); }

// Both tiles of the transposed form: all of K in one block, or a third of it.
TEST_CASE("mod_conv up, lowered, several chunks in a block") {
  double worst = 0.0;
  for (const int64_t side : {9, 17}) {
    OpCase<ModConv> c = CasesOf<ModConv>()[0];
    c.params.up = true;
    c.in = mod_conv_cases::Operands({1, 100, side, side}, 40, true, mod_conv_cases::kAll);
    const Arrays in = DrawInputs(c);
    const auto expected = RunReference<ModConv>(c.params, c.in, in);
    for (const Precision precision : {Precision::kTf32, Precision::kHalf}) {
      for (const uint8_t most_splits : {1, 3}) {
        CAPTURE(side);
        CAPTURE(std::string(NameOf(precision)));
        CAPTURE(int{most_splits});
        const Arrays out = RunLowered<ModConv>(c.params, c.in, in, precision, kModConvWeights, most_splits);
        const double error = Compare(out[0], expected[0]).largest;
        CHECK(error <= (precision == Precision::kHalf ? kModConv.half : kModConv.tf32));
        worst = std::max(worst, error);
      }
    }
  }
  std::printf("mod_conv up, several chunks in a block  error %8.2e\n", worst);
}

TEST_CASE("to_rgb, lowered") { TestOp<ToRgb>(kToRgb, kToRgbWeights); }

// Blocks from the 33rd on, of every sample: those of many pixels.
TEST_CASE("to_rgb of more than 1024 pixels, lowered") {
  constexpr uint32_t kBatched = 1u << ToRgb::kX | 1u << ToRgb::kStyle | 1u << ToRgb::kSkip;
  const std::vector<Shape> in = {{2, 9, 34, 32}, {2, 9}, {3, 9, 1, 1}, {3}, {2, 3, 17, 16}, {4, 4}};
  const OpCase<ToRgb> c = {"many pixels", Tag::kTiny, {}, in, 0.0, {}, kBatched};
  CheckLowered(c, Precision::kTf32, kToRgb.tf32, kToRgbWeights);
  CheckLowered(c, Precision::kHalf, kToRgb.half, kToRgbWeights);
}

// As many as the kernel can do.
TEST_CASE("to_rgb of four colours, lowered") {
  const std::vector<Shape> in = {{2, 9, 3, 2}, {2, 9}, {4, 9, 1, 1}, {4}, Shape(), Shape()};
  const OpCase<ToRgb> c = {"four", Tag::kTiny, {}, in, 0.0, {}, 1u << ToRgb::kX | 1u << ToRgb::kStyle};
  CheckLowered(c, Precision::kTf32, kToRgb.tf32, kToRgbWeights);
  CheckLowered(c, Precision::kHalf, kToRgb.half, kToRgbWeights);
}

// The largest style, which all are divided by, lies with the last warp of a block.
TEST_CASE("a modulated convolution whose last style is the largest, lowered") {
  constexpr int kInputs = 256;  // threads of a block
  OpCase<ModConv> c = CasesOf<ModConv>()[0];
  c.in = mod_conv_cases::Operands({1, kInputs, 2, 3}, 8, false, mod_conv_cases::kAll);
  Arrays in = DrawInputs(c), out;
  in[ModConv::kStyle].back() = 50.0f;
  const auto expected = RunReference<ModConv>(c.params, c.in, in);
  CheckLoweredOnce<ModConv>(c, Precision::kTf32, kModConv.tf32, kModConvWeights, in, expected, &out);
}

// 64 pixels; so many channels at the first that ToRGB stands alone there, and two splits of K.
ModelConfig TinyGenerator() {
  ModelConfig config = FullGenerator(64);
  GeneratorConfig& g = *config.generator;
  g.z_dim = g.w_dim = 24;
  g.mapping_layers = 2;
  g.channels = {144, 72, 40, 32, 16};
  return config;
}

// A graph on the host runner, weights made up.
class Network {
 public:
  Network(const ModelConfig& config, const Graph& graph, Precision precision)
      : graph_(graph), device_(LowerForDevice(graph, precision)) {
    REQUIRE(device_.ok());
    const WeightSource weights = testing::MadeUpWeights(config);
    runner_.emplace(*device_, [&](const std::string& tensor) {
      for (const mien::Value& value : graph_.values) {
        if (value.kind != mien::Value::Kind::kWeight || value.name != tensor) continue;
        std::vector<float> floats(static_cast<size_t>(value.shape.elements()));
        REQUIRE(weights(tensor, floats).ok());
        return floats;
      }
      FAIL("no weight " << tensor);
      return std::vector<float>();
    });
  }
  std::vector<float> Run(const testing::Tensors& inputs) {
    std::vector<std::vector<float>> in;
    for (const ValueId v : graph_.inputs) {
      const DoubleTensor& from = inputs.at(graph_.values[static_cast<size_t>(v)].name);
      in.emplace_back(from.begin(), from.end());
    }
    return runner_->Run(in)[0];
  }

 private:
  const Graph& graph_;
  Result<Executable> device_;
  std::optional<DeviceRunner> runner_;
};

// Of images between -1 and 1; negative where anything is not finite.
double Psnr(const std::vector<float>& image, const DoubleTensor& exact) {
  double largest = 0.0, squares = 0.0;
  for (const double v : exact) largest = std::max(largest, std::abs(v));
  for (size_t i = 0; i < exact.size(); ++i) {
    if (!std::isfinite(image[i])) return -INFINITY;
    squares += (image[i] - exact[i]) * (image[i] - exact[i]);
  }
  return 20 * std::log10(2 * largest) - 10 * std::log10(squares / static_cast<double>(exact.size()));
}

TEST_CASE("synthesis of 64 pixels") {
  const ModelConfig config = TinyGenerator();
  const Result<Graph> graph = BuildSynthesis(config, {}, {.batch = HooksPresent() ? 1 : 2});
  REQUIRE(graph.ok());
  const testing::Tensors inputs = testing::MadeUpInputs(*graph);
  const DoubleTensor exact = testing::Run(graph, inputs, testing::MadeUpWeights(config)).at("image");
  for (const Precision precision : {Precision::kTf32, Precision::kHalf}) {
    const double psnr = Psnr(Network(config, *graph, precision).Run(inputs), exact);
    CHECK(psnr >= (precision == Precision::kHalf ? 84.0 : 84.9));  // measured on 2026-11-29, errors x 1.5
    std::printf("synthesis of 64 pixels, %s: PSNR %.1f dB\n", NameOf(precision), psnr);
  }
}

// What fusing within layers leaves at the least: the maps of every convolution read once and written once, its weights,
// and every image written and read by the next, all in elements of the precision.
int64_t LayerwiseBytes(const Graph& graph, Precision precision) {
  int64_t elements = 0;
  for (const Node& node : graph.nodes) {
    const auto size = [&](ValueId v) { return graph.values[static_cast<size_t>(v)].shape.elements(); };
    if (std::holds_alternative<OpCall<ModConv>>(node.op))
      elements += size(node.in[ModConv::kX]) + size(node.in[ModConv::kWeight]) + size(node.out[0]);
    if (std::holds_alternative<OpCall<ToRgb>>(node.op)) elements += 2 * size(node.out[0]);
  }
  return elements * ElementBytes(precision);
}

TEST_CASE("launches and bytes of the generator of 1024 pixels") {
  const Result<Graph> graph = BuildSynthesis(FullGenerator(1024), {});
  REQUIRE(graph.ok());
  for (const Precision precision : {Precision::kTf32, Precision::kHalf}) {
    const Result<Executable> device = LowerForDevice(*graph, precision);
    REQUIRE(device.ok());
    int splits = 0;
    for (const Executable::Call& call : device->calls) {
      CHECK_FALSE(std::holds_alternative<PlainOp>(call.fast()));
      if (std::holds_alternative<FastOpCall<FastModConv>>(call.fast())) splits += FastCount(call.fast()).launches - 1;
    }
    const FastCost cost = device->TotalCost();
    const int64_t bound = LayerwiseBytes(*graph, precision);
    CHECK(cost.launches - splits <= 25);
    CHECK(static_cast<double>(cost.bytes) <= 1.15 * static_cast<double>(bound));
    std::printf(
        "1024 pixels, %s: %d launches and %d reductions, %.1f GMAC, %.0f MB, %.0f MB layer by layer\n",
        NameOf(precision), cost.launches - splits, splits, 1e-9 * static_cast<double>(cost.multiply_adds),
        1e-6 * static_cast<double>(cost.bytes), 1e-6 * static_cast<double>(bound));
  }
}

TEST_CASE("full-size layers" * doctest::skip()) {
  const auto graph = BuildSynthesis(FullGenerator(1024), {});
  REQUIRE(graph.ok());
  for (const Node& node : graph->nodes) {
    const auto* call = std::get_if<OpCall<ModConv>>(&node.op);
    if (call == nullptr || !call->params.up) continue;
    OpCase<ModConv> c = {
        "", Tag::kModel, {call->params}, graph->InputShapes(node), 0.0, {Fill(), Fill::Normal(1, 0.4)}};
    const Arrays in = DrawInputs(c);
    const auto expected = RunReference<ModConv>(c.params, c.in, in);
    for (const Precision precision : {Precision::kTf32, Precision::kHalf}) {
      const Arrays out = RunLowered<ModConv>(c.params, c.in, in, precision, kModConvWeights);
      const double error = Compare(out[0], expected[0]).largest;
      CHECK(error <= (precision == Precision::kHalf ? kModConv.half : kModConv.tf32));
      std::printf("%s %s: error %8.2e\n", c.in[ModConv::kX].ToString().c_str(), NameOf(precision), error);
    }
  }
}

// Styles far from their mean, as no latent makes them, and nothing leaves the range of halves.
TEST_CASE("no overflow in half precision" * doctest::skip()) {
  const ModelConfig config = TinyGenerator();
  constexpr int kBatch = 8, kBatches = 125;
  const Result<Graph> graph = BuildSynthesis(config, {}, {.batch = kBatch});
  REQUIRE(graph.ok());
  Network network(config, *graph, Precision::kHalf);
  testing::Tensors inputs = testing::MadeUpInputs(*graph);
  DoubleTensor& w_plus = inputs.at("w_plus");
  std::vector<float> drawn(w_plus.size());
  int64_t bad = 0;
  for (int i = 0; i < kBatches; ++i) {
    FillValues(Fill::Normal(0, 1), static_cast<uint64_t>(i), 0, drawn);
    w_plus.assign(drawn.begin(), drawn.end());
    for (const float v : network.Run(inputs)) bad += std::isfinite(v) ? 0 : 1;
  }
  CHECK(bad == 0);
  std::printf("%d latents in fp16: %lld numbers are not finite\n", kBatch * kBatches,
              static_cast<long long>(bad));
}

}  // namespace
}  // namespace mien::simt
