// Every network at its public size: shapes, multiply-adds, errors that name the layer; fused against unfused.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "graph/lowering/lower.h"
#include "tests/graph/support.h"

namespace mien::testing {
namespace {

template <class Op>
int64_t MultiplyAdds(const Graph& graph) {
  int64_t sum = 0;
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<OpCall<Op>>(node.op)) {
      sum += OpCount(node.op, graph.InputShapes(node)).multiply_adds;
    }
  }
  return sum;
}

std::string ShapeOf(const Graph& graph, const std::string& name) {
  for (const NamedValue& output : graph.outputs) {
    if (output.name == name) return graph.values[static_cast<size_t>(output.value)].shape.ToString();
  }
  for (ValueId id : graph.inputs) {
    const Value& value = graph.values[static_cast<size_t>(id)];
    if (value.name == name) return value.shape.ToString();
  }
  return "missing";
}

Graph Built(const Result<Graph>& graph) {
  INFO(graph.status().message());
  REQUIRE(graph.ok());
  return *graph;
}

// Multiply-adds from the layer tables of the public networks, by hand: 3x3 convolutions, 16 filter taps per
// upsampled number, one per weight pair for demodulation.
TEST_CASE("synthesis 1024: multiply-adds and shapes") {
  const Graph graph = Built(BuildSynthesis(FullGenerator(1024), {}));
  CHECK(MultiplyAdds<ModConv>(graph) == 74063020032 + 1051197440 + 2620416);
  CHECK(MultiplyAdds<ToRgb>(graph) == 197124096 + 16776960);
  CHECK(MultiplyAdds<Linear>(graph) == 4653056);
  CHECK(ShapeOf(graph, "w_plus") == "[1,18,512]");
  CHECK(ShapeOf(graph, "image") == "[1,3,1024,1024]");
}

// The kernels count what they multiply, and tests/kernels holds OpCount to that.
TEST_CASE("synthesis 1024: multiplications executed") {
  const Graph graph = Built(BuildSynthesis(FullGenerator(1024), {}));
  CHECK(LowerForCpu(graph, {.exact = true})->TotalCost().multiply_adds > 70'000'000'000);
  CHECK(LowerForCpu(graph, {})->TotalCost().multiply_adds < 26'500'000'000);
}

TEST_CASE("synthesis 256: multiply-adds scale with the batch") {
  const Graph graph = Built(BuildSynthesis(FullConditionalGenerator(), {.noise = NoiseMode::kInput}, {.batch = 3}));
  CHECK(MultiplyAdds<ModConv>(graph) == 3 * (45071990784 + 245891072 + 2605056));
  CHECK(MultiplyAdds<ToRgb>(graph) == 3 * (46129152 + 1048320));
  CHECK(graph.inputs.size() == 14);
  CHECK(ShapeOf(graph, "w_plus") == "[3,14,512]");
  CHECK(ShapeOf(graph, "noise.0") == "[1,1,4,4]");
  CHECK(ShapeOf(graph, "noise.12") == "[1,1,256,256]");
  CHECK(ShapeOf(graph, "image") == "[3,3,256,256]");
}

TEST_CASE("mapping") {
  const Graph graph = Built(BuildMapping(FullGenerator(1024), {}));
  CHECK(MultiplyAdds<Linear>(graph) == 8 * 512 * 512);
  CHECK(ShapeOf(graph, "w_plus") == "[1,18,512]");
  const Graph conditional = Built(BuildMapping(FullConditionalGenerator(), {}));
  CHECK(MultiplyAdds<Linear>(conditional) == 9 * 512 * 512 + 10 * 512);
  CHECK(ShapeOf(conditional, "label") == "[1,10]");
}

TEST_CASE("encoder: 18 and 14 rows, stages") {
  const Graph graph = Built(BuildEncoder(FullEncoder(18), {}));
  CHECK(MultiplyAdds<Conv2d>(graph) == 32828817408 + 402653184 + 39244529664);
  CHECK(MultiplyAdds<Linear>(graph) == 18 * 512 * 512);
  CHECK(ShapeOf(graph, "image") == "[1,3,256,256]");
  CHECK(ShapeOf(graph, "w_plus") == "[1,18,512]");
  const Graph rows14 = Built(BuildEncoder(FullEncoder(14), {}));
  CHECK(MultiplyAdds<Conv2d>(rows14) == 32828817408 + 402653184 + 26362773504);
  CHECK(ShapeOf(rows14, "w_plus") == "[1,14,512]");
  const Graph base = Built(BuildEncoder(FullEncoder(18), {.stages = 0}));
  CHECK(MultiplyAdds<Linear>(base) == 512 * 512);
  CHECK(ShapeOf(base, "w_plus") == "[1,18,512]");
}

TEST_CASE("flow, attributes, recognizer") {
  const Graph flow = Built(BuildFlow(FullFlow(), {}));
  CHECK(MultiplyAdds<Linear>(flow) == 18 * 10 * (256 * 512 + 5 * 512 * 512));
  CHECK(ShapeOf(flow, "latent") == "[1,18,512]");
  CHECK(ShapeOf(flow, "logabsdet") == "[1,18]");
  const Graph inverse = Built(BuildFlowInverse(FullFlow(), {}));
  CHECK(inverse.name == "flow_inverse");
  CHECK(ShapeOf(inverse, "w_plus") == "[1,18,512]");
  const Graph attributes = Built(BuildAttributes(FullAttributes(), {}));
  CHECK(MultiplyAdds<Conv2d>(attributes) == 9012510720);
  CHECK(ShapeOf(attributes, "scores") == "[1,9]");
  const Graph recognizer = Built(BuildRecognizer(FullRecognizer(), {}));
  CHECK(MultiplyAdds<Conv2d>(recognizer) == 6283640832);
  CHECK(ShapeOf(recognizer, "embedding") == "[1,512]");
}

// By hand from the layer tables: pixels of the output times the taps of all channels.
TEST_CASE("face networks") {
  const ModelConfig faces = FullFaces();
  const Graph detector = Built(BuildFaceDetector(faces, {}));
  CHECK(ShapeOf(detector, "image") == "[1,3,416,416]");
  CHECK(ShapeOf(detector, "cells") == "[1,25,13,13]");
  CHECK(MultiplyAdds<Conv2d>(detector) == int64_t{414 * 414} * 27 * 16 + int64_t{207 * 207} * 16 * 32 +
                                              int64_t{104 * 104} * 32 * 64 + int64_t{52 * 52} * 64 * 128 +
                                              int64_t{26 * 26} * 128 * 256 + int64_t{13 * 13} * (256 * 512 + 512 * 25));
  CHECK(ShapeOf(Built(BuildFaceDetector(faces, {.size = 224})), "cells") == "[1,25,7,7]");
  const Graph ssd = Built(BuildFaceDetectorSsd(faces, {}));
  CHECK(ShapeOf(ssd, "boxes.0") == "[1,12,32,32]");
  CHECK(ShapeOf(ssd, "classes.5") == "[1,18,1,1]");
  CHECK(faces.face_detector_ssd->anchors() == 5118);
  CHECK(ShapeOf(Built(BuildFaceLandmarks(faces, {})), "landmarks") == "[1,136]");
  CHECK(ShapeOf(Built(BuildFaceExpression(faces, {})), "logits") == "[1,7]");
  const Graph age = Built(BuildFaceAgeGender(faces, {}));
  CHECK(ShapeOf(age, "age") == "[1,1]");
  CHECK(ShapeOf(age, "gender") == "[1,2]");
  const Graph recognizer = Built(BuildFaceRecognizer(faces, {}, {.batch = 2}));
  CHECK(ShapeOf(recognizer, "image") == "[2,3,150,150]");
  CHECK(ShapeOf(recognizer, "descriptor") == "[2,128]");
}

// Each tensor of the file is used by at least one graph, and every graph is in single assignment, in order.
TEST_CASE("graphs are well formed and use every tensor") {
  for (const NamedConfig& named : SmallConfigs()) {
    INFO(named.name);
    std::set<std::string> unused;
    for (const TensorSpec& spec : ExpectedTensors(named.config)) unused.insert(spec.name);
    for (const Result<Graph>& result : BuildAll(named.config, 2, false)) {
      const Graph graph = Built(result);
      std::set<ValueId> ready(graph.inputs.begin(), graph.inputs.end());
      for (size_t v = 0; v < graph.values.size(); ++v) {
        if (graph.values[v].kind != Value::Kind::kWeight) continue;
        ready.insert(static_cast<ValueId>(v));
        unused.erase(graph.values[v].name);
      }
      for (const Node& node : graph.nodes) {
        for (ValueId id : node.in) CHECK((id == kAbsent || ready.count(id) == 1));
        for (ValueId id : node.out) CHECK(ready.insert(id).second);
      }
      for (const NamedValue& output : graph.outputs) CHECK(ready.count(output.value) == 1);
    }
    for (const std::string& name : unused) {
      // Filters are stored on every NVIDIA layer and needed by the upsampling ones only; laterals are in
      // every encoder. The anchors of a detector are for who makes boxes of what it gives.
      const bool spare = name.find("resample_filter") != std::string::npos ||
                         (named.name == "e4e, 1 row" && name.find("latlayer") != std::string::npos) ||
                         name.ends_with("Output/extra_dim");
      CHECK_MESSAGE(spare, name);
    }
  }
}

TEST_CASE("the fused graph and the traced graph agree") {
  for (const NamedConfig& named : SmallConfigs()) {
    const WeightSource weights = MadeUpWeights(named.config);
    const auto fused = BuildAll(named.config, 2, false), traced = BuildAll(named.config, 2, true);
    REQUIRE(fused.size() == traced.size());
    for (size_t i = 0; i < fused.size(); ++i) {
      INFO(named.name, ": ", Built(fused[i]).name);
      const auto inputs = MadeUpInputs(*fused[i]);
      const auto a = RunReference(*fused[i], inputs, weights),
                 b = RunReference(Built(traced[i]), inputs, weights);
      REQUIRE(a.ok());
      REQUIRE(b.ok());
      std::set<std::string> names;
      for (const NamedValue& output : traced[i]->outputs) CHECK(names.insert(output.name).second);
      for (const auto& [name, tensor] : *a) {
        INFO(name);
        REQUIRE(b->count(name) == 1);
        CHECK(Rms(tensor) > 1e-6);
        CHECK(MaxAbsDifference(tensor, b->at(name)) < 1e-12 * std::max(1.0, Rms(tensor)));
      }
    }
  }
}

TEST_CASE("the inverse flow undoes the flow") {
  for (const NamedConfig& named : SmallConfigs()) {
    if (!named.config.flow) continue;
    INFO(named.name);
    const WeightSource weights = MadeUpWeights(named.config);
    const auto graphs = BuildAll(named.config, 2, false);
    const auto inputs = MadeUpInputs(*graphs[0]);
    const auto forward = RunReference(*graphs[0], inputs, weights);
    REQUIRE(forward.ok());
    const auto back = RunReference(*graphs[1], {{"latent", forward->at("latent")}}, weights);
    REQUIRE(back.ok());
    CHECK(MaxAbsDifference(back->at("w_plus"), inputs.at("w_plus")) < 1e-11);
    DoubleTensor negated = back->at("logabsdet");
    for (double& value : negated) value = -value;
    CHECK(MaxAbsDifference(negated, forward->at("logabsdet")) < 1e-11);
  }
}

TEST_CASE("errors name the layer and the shapes") {
  Builder b("test", FullAttributes(), false);
  const ValueId x = b.Input("x", {2, 3, 8, 8});
  b.Call<Conv2d>("first", {},
                 {x, b.Weight("attributes.layer1.0.conv1.weight"), kAbsent, kAbsent, kAbsent, kAbsent,
                  kAbsent, kAbsent, kAbsent});
  b.Call<Subsample>("second", {}, {x});
  const auto graph = b.Finish();
  REQUIRE(!graph.ok());
  const std::string message = graph.status().message();
  for (const char* part : {"first", "[2,3,8,8]", "[64,64,3,3]"})
    CHECK(message.find(part) != std::string::npos);
  CHECK(message.find("second") == std::string::npos);

  Builder view("test", FullAttributes(), false);
  view.Weight("attributes.linear.bias", {3, 4});
  CHECK(std::string(view.Finish().status().message()).find("[9] cannot be read as [3,4]") !=
        std::string::npos);
  Builder missing("test", FullAttributes(), false);
  missing.Weight("attributes.fc.bias");
  CHECK(std::string(missing.Finish().status().message()).find("attributes.fc.bias") != std::string::npos);
}

TEST_CASE("without noise maps the noise of the file is none") {
  ModelConfig plain = SmallGenerator();
  plain.generator->has_noise_maps = false;
  const Graph constant = Built(BuildSynthesis(plain, {})),
              none = Built(BuildSynthesis(plain, {.noise = NoiseMode::kNone}));
  CHECK(constant.values.size() == none.values.size());
  CHECK(constant.values.size() < Built(BuildSynthesis(SmallGenerator(), {})).values.size());
}

TEST_CASE("a network is found by its name, which is its graph's") {
  std::vector<std::string> found;
  for (const auto& small : SmallConfigs()) {
    for (const NetworkOptions& network : NetworksOf(small.config)) {
      const std::string name = NameOf(network);
      CAPTURE(name);
      CHECK(NetworkNamed(name)->index() == network.index());
      CHECK(Built(BuildGraph(small.config, network)).name == name);
      found.push_back(name);
    }
  }
  for (const std::string& name : GraphNames()) CHECK(std::ranges::count(found, name) > 0);
  const Result<NetworkOptions> unknown = NetworkNamed("flows");
  REQUIRE_FALSE(unknown.ok());
  CHECK(unknown.status().code() == Code::kUsage);
  CHECK(std::string(unknown.status().message()).find("flow, flow_inverse") != std::string::npos);
}

TEST_CASE("options out of range are usage errors") {
  const auto usage = [](const Result<Graph>& graph) {
    return !graph.ok() && graph.status().code() == Code::kUsage;
  };
  ModelConfig plain = SmallGenerator();
  plain.generator->has_latent_avg = false;
  plain.generator->has_noise_maps = false;
  CHECK(BuildMapping(plain, {}).ok());
  CHECK(usage(BuildMapping(plain, {.psi = 0.5f})));
  CHECK(usage(BuildMapping(SmallGenerator(), {.psi = std::numeric_limits<float>::quiet_NaN()})));
  CHECK(usage(BuildMapping(SmallGenerator(), {.psi = 0.5f, .cutoff = 99})));
  CHECK(usage(BuildMapping(SmallGenerator(), {}, {.batch = 0})));
  CHECK(usage(BuildMapping(FullFlow(), {})));
  CHECK(usage(BuildSynthesis(FullGenerator(1024), {}, {.batch = 1 << 16})));
  CHECK(usage(BuildSynthesis(FullGenerator(1024), {}, {.batch = 1 << 30})));
  CHECK(usage(BuildEncoder(SmallEncoder(3), {.stages = -2})));
  CHECK(usage(BuildEncoder(SmallPsp(), {.stages = 3})));
  for (const int size : {-32, 31, 48, 2080}) CHECK(usage(BuildFaceDetector(SmallFaces(), {.size = size})));
  CHECK(usage(BuildFaceLandmarks(FullFlow(), {})));
}

}  // namespace
}  // namespace mien::testing
