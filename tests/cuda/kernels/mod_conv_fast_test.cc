// FastModConv of stride 1 by itself, given the numbers that Styles would make: the cases of mod_conv with an
// image and maps for a next layer besides. Against the double reference, in nine thread orders with equal
// bits, samples alone.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "kernels/all_cases.h"
#include "tests/cuda/kernels/device_runner.h"
#include "tests/cuda/kernels/support.h"
#include "tests/kernels/op_runner.h"

namespace mien::simt {
namespace {

// Root of the mean square error over that of the reference, the largest of all cases: measured on 2026-11-23,
// x 1.5.
constexpr double kGate = 5.3e-4;

constexpr int kNextStyle = ModConv::kInputs, kRgbStyle = kNextStyle + 1, kRgbWeight = kNextStyle + 2,
              kRgbBias = kNextStyle + 3, kSkip = kNextStyle + 4, kRgbFilter = kNextStyle + 5,
              kTensors = kNextStyle + 6;

// A call of mod_conv, then of to_rgb where rgb > 0; operands of mod_conv first, then those above, absent ones
// without shape.
struct Layer {
  ModConv::Params conv;
  ToRgb::Params to_rgb;
  int rgb = 0;
  std::vector<Shape> shapes;
  Arrays tensors;
  uint8_t most_splits = kEnoughBlocks;
};

Layer MakeLayer(const OpCase<ModConv>& c, int rgb, bool skip) {
  Layer layer = {c.params, {.weight_gain = 0.5f, .filter_gain = 4.0f}, rgb, c.in, DrawInputs(c)};
  const Shape &x = c.in[ModConv::kX], none;
  const int64_t outputs = c.in[ModConv::kWeight][0];
  layer.shapes.push_back({x[0], outputs});
  layer.shapes.push_back(rgb > 0 ? Shape{x[0], outputs} : none);
  layer.shapes.push_back(rgb > 0 ? Shape{rgb, outputs, 1, 1} : none);
  layer.shapes.push_back(rgb > 0 ? Shape{rgb} : none);
  layer.shapes.push_back(skip ? Shape{x[0], rgb, x[2] / 2, x[3] / 2} : none);
  layer.shapes.push_back(skip ? Shape{4, 4} : none);
  for (int i = kNextStyle; i < kTensors; ++i) {
    const Shape& shape = layer.shapes[static_cast<size_t>(i)];
    layer.tensors.emplace_back(static_cast<size_t>(shape.elements()));
    FillValues(Fill::Normal(0.5, 1), c.seed, i, layer.tensors.back());
  }
  return layer;
}

// Factors as Styles makes them: gain times demodulation.
std::vector<float> Factors(const Layer& layer) {
  const Shape& weight = layer.shapes[ModConv::kWeight];
  const auto batch = static_cast<size_t>(layer.shapes[ModConv::kX][0]);
  const auto outputs = static_cast<size_t>(weight[0]), inputs = static_cast<size_t>(weight[1]);
  std::vector<float> factors;
  for (size_t n = 0; n < batch; ++n) {
    for (size_t o = 0; o < outputs; ++o) {
      double energy = layer.conv.eps;
      for (size_t k = 0; k < inputs * 9; ++k) {
        const double w = double{layer.conv.weight_gain} *
                         layer.tensors[ModConv::kWeight][o * inputs * 9 + k] *
                         layer.tensors[ModConv::kStyle][n * inputs + k / 9];
        energy += w * w;
      }
      factors.push_back(
          static_cast<float>(layer.conv.weight_gain * (layer.conv.demodulate ? 1 / std::sqrt(energy) : 1)));
    }
  }
  return factors;
}

FastModConv::Params ParamsOf(const Layer& layer, Precision precision) {
  const Shape &x = layer.shapes[ModConv::kX], &noise = layer.shapes[ModConv::kNoise];
  const auto size = [](int64_t n) { return static_cast<int>(n); };
  FastModConv::Params p;
  p.weights = {precision, false, size(x[1]), size(layer.shapes[ModConv::kWeight][0]), layer.rgb};
  p.batch = size(x[0]);
  p.height = size(x[2]);
  p.width = size(x[3]);
  p.factor_stride = p.next_style_stride = p.rgb_style_stride = p.weights.outputs;
  p.noise_stride = noise.present() && noise[0] > 1 ? p.height * p.width : 0;
  p.act = layer.conv.act;
  p.slope = layer.conv.slope;
  p.act_gain = layer.conv.act_gain;
  p.clamp = layer.conv.clamp;
  p.rgb_clamp = layer.to_rgb.clamp;
  p.rgb_filter_gain = layer.to_rgb.filter_gain;
  p.store = p.store_plain = true;
  p.most_splits = layer.most_splits;
  return p;
}

// Import (times the style), convolution, export: the map for the next layer, the plain map, the image.
std::vector<std::vector<float>> Run(const Layer& layer, Precision precision) {
  Executable graph;
  graph.precision = precision;
  std::vector<std::vector<float>> inputs;
  const auto input = [&](std::vector<float> numbers) {
    graph.inputs.push_back(static_cast<ValueId>(graph.values.size()));
    graph.values.push_back({Value::Kind::kInput, numbers.size() * sizeof(float), ""});
    inputs.push_back(std::move(numbers));
    return graph.inputs.back();
  };
  const auto tensor = [&](int i) {
    return layer.shapes[static_cast<size_t>(i)].present() ? input(layer.tensors[static_cast<size_t>(i)])
                                                          : kAbsent;
  };
  const auto computed = [&](uint64_t bytes) {
    if (bytes == 0) return kAbsent;
    graph.values.push_back({Value::Kind::kComputed, bytes, ""});
    return static_cast<ValueId>(graph.values.size()) - 1;
  };
  const FastModConv::Params p = ParamsOf(layer, precision);
  const FastOp conv = FastOpCall<FastModConv>{p};
  WeightForm form = {conv, {}, {}, FastPackedBytes(conv)};
  const int sources[] = {ModConv::kWeight, -1,        ModConv::kNoiseStrength, ModConv::kBias, kRgbWeight,
                         kRgbBias,         kRgbFilter};
  for (const int i : sources) {
    const bool present = i >= 0 && layer.shapes[static_cast<size_t>(i)].present();
    form.tensors.push_back(present ? std::to_string(i) : "");
    form.shapes.push_back(present ? layer.shapes[static_cast<size_t>(i)] : Shape());
  }
  std::vector<float> rgb_style = layer.tensors[kRgbStyle];
  for (float& s : rgb_style) s *= layer.to_rgb.weight_gain;

  const ImportMap::Params import = {{},       precision, p.batch,         p.weights.inputs,
                                    p.height, p.width,   p.weights.inputs};
  const ValueId map = computed(ImportMap::ResultBytes(import, 0));
  graph.calls.push_back(
      {FastOpCall<ImportMap>{import}, "x", {tensor(ModConv::kX), tensor(ModConv::kStyle)}, {map}});
  std::vector<ValueId> in = {map,
                             input(Factors(layer)),
                             tensor(ModConv::kNoise),
                             tensor(kNextStyle),
                             layer.rgb > 0 ? input(rgb_style) : kAbsent,
                             tensor(kSkip)};
  in.push_back(graph.AddWeight(form));
  std::vector<ValueId> out;
  for (int r = 0; r < FastModConv::kResults; ++r) out.push_back(computed(FastResultBytes(conv, r)));
  graph.calls.push_back({conv, "conv", in, out});
  const ExportMap::Params to_image = {{}, precision, p.batch, p.weights.outputs, p.height, p.width};
  for (const auto r : {FastModConv::kY, FastModConv::kPlain}) {
    const ValueId image = computed(ExportMap::ResultBytes(to_image, 0));
    graph.calls.push_back({FastOpCall<ExportMap>{to_image}, "y", {out[r]}, {image}});
    graph.outputs.push_back({"y", image});
  }
  if (layer.rgb > 0) graph.outputs.push_back({"image", out[FastModConv::kImage]});
  const auto source = [&](const std::string& name) {
    return layer.tensors[static_cast<size_t>(std::stoi(name))];
  };
  return DeviceRunner(graph, source).Run(inputs);
}

std::vector<std::vector<double>> Reference(const Layer& layer) {
  const std::vector<Shape> conv_shapes(layer.shapes.begin(), layer.shapes.begin() + ModConv::kInputs);
  const Arrays conv_tensors(layer.tensors.begin(), layer.tensors.begin() + ModConv::kInputs);
  const std::vector<double> plain = RunReference<ModConv>(layer.conv, conv_shapes, conv_tensors)[0];
  const auto& x = layer.shapes[ModConv::kX];
  const auto plane = static_cast<size_t>(x[2] * x[3]);
  std::vector<double> next = plain;
  for (size_t i = 0; i < next.size(); ++i) next[i] *= layer.tensors[kNextStyle][i / plane];
  if (layer.rgb == 0) return {next, plain};
  const std::vector<Shape> shapes = {{x[0], layer.shapes[ModConv::kWeight][0], x[2], x[3]},
                                     layer.shapes[kRgbStyle],
                                     layer.shapes[kRgbWeight],
                                     layer.shapes[kRgbBias],
                                     layer.shapes[kSkip],
                                     layer.shapes[kRgbFilter]};
  const Arrays tensors = {{plain.begin(), plain.end()}, layer.tensors[kRgbStyle], layer.tensors[kRgbWeight],
                           layer.tensors[kRgbBias],      layer.tensors[kSkip],     layer.tensors[kRgbFilter]};
  return {next, plain, RunReference<ToRgb>(layer.to_rgb, shapes, tensors)[0]};
}

double WorstError(const std::vector<std::vector<float>>& out,
                  const std::vector<std::vector<double>>& expected) {
  double worst = 0.0;
  for (size_t i = 0; i < out.size(); ++i) worst = std::max(worst, Compare(out[i], expected[i]).rms);
  CHECK(worst <= kGate);
  return worst;
}

void CheckSamplesAlone(const Layer& layer, Precision precision, const std::vector<std::vector<float>>& out) {
  const int64_t batch = layer.shapes[ModConv::kX][0];
  for (int64_t n = 0; n < batch && batch > 1; ++n) {
    Layer alone = layer;
    for (const int i :
         {int{ModConv::kX}, int{ModConv::kStyle}, int{ModConv::kNoise}, kNextStyle, kRgbStyle, kSkip}) {
      const auto at = static_cast<size_t>(i);
      if (!layer.shapes[at].present() || layer.shapes[at][0] != batch) continue;
      alone.shapes[at].dim[0] = 1;
      alone.tensors[at] = Samples(layer.tensors[at], batch, {n});
    }
    const auto found = Run(alone, precision);
    for (size_t i = 0; i < out.size(); ++i)
      CHECK_MESSAGE(SameBits(found[i], Samples(out[i], batch, {n})), "sample " << n << " alone");
  }
}

double TestLayer(const Layer& layer, Precision precision) {
  const auto expected = Reference(layer);
  std::vector<std::vector<float>> first;
  double worst = 0.0;
  ForEachOrder([&] {
    const auto out = Run(layer, precision);
    worst = std::max(worst, WorstError(out, expected));
    for (size_t i = 0; i < out.size() && !first.empty(); ++i)
      CHECK_MESSAGE(SameBits(out[i], first[i]), "another order, other bits");
    if (first.empty()) first = out;
  });
  CheckSamplesAlone(layer, precision, first);
  return worst;
}

void TestCases(Precision precision, const char* name) {
  double worst = 0.0;
  int cases = 0;
  for (const OpCase<ModConv>& c : CasesOf<ModConv>()) {
    if (c.params.up || c.tag == Tag::kModel || ModConv::Count(c.params, c.in).multiply_adds > 3'000'000)
      continue;
    CAPTURE(std::string(c.name));
    // Every second case with an image: three colours and a skip image, or one without.
    const bool even = c.in[ModConv::kX][2] % 2 == 0 && c.in[ModConv::kX][3] % 2 == 0;
    const Layer layer = MakeLayer(c, cases % 2 == 0 ? 0 : even ? 3 : 1, cases % 2 == 1 && even);
    worst = std::max(worst, TestLayer(layer, precision));
    ++cases;
  }
  CHECK(cases > 0);
  // Many outputs on a small map and no image: a tile and a reduction of their own.
  OpCase<ModConv> many = CasesOf<ModConv>()[0];
  many.in = mod_conv_cases::Operands({2, 40, 7, 9}, 72, false, mod_conv_cases::kAll);
  worst = std::max(worst, TestLayer(MakeLayer(many, 0, false), precision));
  std::printf("fast_mod_conv %s   %2d cases  relative rms %8.2e\n", name, cases + 1, worst);
}

TEST_CASE("modulated convolution in tf32") { TestCases(Precision::kTf32, "tf32"); }
TEST_CASE("modulated convolution in fp16") { TestCases(Precision::kHalf, "fp16"); }

// Every tile, with several chunks of K in a block: all of K, or a third. More outputs than a tile has where it may.
TEST_CASE("modulated convolution, several chunks in a block") {
  struct Case {
    int64_t outputs, height, width;
    bool painted;
  };
  double worst = 0.0;
  for (const Case& k : {Case{24, 18, 20, true}, Case{72, 4, 3, false}, Case{40, 10, 18, true},
                        Case{136, 7, 9, false}, Case{72, 10, 18, true}, Case{136, 16, 17, false}}) {
    for (const Precision precision : {Precision::kTf32, Precision::kHalf}) {
      for (const uint8_t most_splits : {1, 3}) {
        CAPTURE(k.outputs);
        OpCase<ModConv> c = CasesOf<ModConv>()[0];
        c.in = mod_conv_cases::Operands({1, 100, k.height, k.width}, k.outputs, false, mod_conv_cases::kAll);
        Layer layer = MakeLayer(c, k.painted ? 3 : 0, k.painted);
        layer.most_splits = most_splits;
        Configure({.seed = 1});
        worst = std::max(worst, WorstError(Run(layer, precision), Reference(layer)));
        Configure({});
      }
    }
  }
  std::printf("fast_mod_conv, several chunks in a block  relative rms %8.2e\n", worst);
}

// Every layer of stride 1 of the 1024 px generator, whole. Minutes: test_simt --no-skip -tc="*whole*".
TEST_CASE("modulated convolution, whole layers" * doctest::skip()) {
  if (HooksPresent()) return;
  const int64_t sizes[][2] = {{512, 4},   {512, 8},   {512, 16}, {512, 32}, {512, 64},
                              {256, 128}, {128, 256}, {64, 512}, {32, 1024}};
  for (const auto& [channels, side] : sizes) {
    OpCase<ModConv> c = CasesOf<ModConv>()[0];
    c.params.weight_gain = static_cast<float>(1 / std::sqrt(9.0 * static_cast<double>(channels)));
    c.in = mod_conv_cases::Operands({1, channels, side, side}, channels, false, mod_conv_cases::kAll);
    const Layer layer = MakeLayer(c, channels <= 128 ? 3 : 0, channels <= 128);
    const auto expected = Reference(layer);
    for (const Precision precision : {Precision::kTf32, Precision::kHalf}) {
      const FastCost cost = FastModConv::Count(ParamsOf(layer, precision));
      std::printf("%4d channels %4d px  %s  %d launches %6.2f GMAC %7.1f MB  relative rms %8.2e\n",
                  static_cast<int>(channels), static_cast<int>(side),
                  precision == Precision::kHalf ? "fp16" : "tf32", cost.launches,
                  static_cast<double>(cost.multiply_adds) * 1e-9, static_cast<double>(cost.bytes) * 1e-6,
                  WorstError(Run(layer, precision), expected));
      std::fflush(stdout);
    }
  }
}

}  // namespace
}  // namespace mien::simt
