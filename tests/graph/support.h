// Helpers of the graph tests: configs of the public networks and of small ones, made-up weights, recorded
// tensors.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "graph/networks/networks.h"
#include "graph/reference.h"
#include "kernels/tensor/fast.h"
#include "tests/support/hashgen.h"

namespace mien::testing {

ModelConfig FullGenerator(int resolution);  // rosinality, config-f
ModelConfig FullConditionalGenerator();     // NVIDIA, 256 pixels, labels, clamp
ModelConfig FullEncoder(int rows);          // e4e
ModelConfig FullFlow();
ModelConfig FullAttributes();
ModelConfig FullRecognizer();
ModelConfig FullFaces();  // all face networks

ModelConfig SmallGenerator();             // rosinality, 16 pixels
ModelConfig SmallConditionalGenerator();  // NVIDIA, 16 pixels, labels, clamp that bites
ModelConfig SmallEncoder(int rows);       // e4e, 32 pixels
ModelConfig SmallPsp();                   // 32 pixels, 9 rows
ModelConfig SmallFlow(bool additive, bool norm_within, bool norm_between);  // odd number of features
ModelConfig SmallAttributes();
ModelConfig SmallRecognizer();
ModelConfig SmallFaces();  // the face networks, 32 to 112 pixels

using Tensors = std::map<std::string, DoubleTensor>;

struct NamedConfig {
  std::string name;
  ModelConfig config;
};
std::vector<NamedConfig> FullConfigs();
std::vector<NamedConfig> SmallConfigs();

// Every graph that the components of `config` allow, flow in both directions.
std::vector<Result<Graph>> BuildAll(const ModelConfig& config, int batch, bool trace);

// Numbers that follow from the tensor's name: index lists alternate as in real masks, variances are positive.
WeightSource MadeUpWeights(const ModelConfig& config);
// Inputs of a graph, from their names.
Tensors MadeUpInputs(const Graph& graph);

// Weights and inputs by the recipe of the golden README ("Generated weights"): tensor "flow.x" is the tag's
// x.
WeightSource HashWeights(const ModelConfig& config, const std::string& component, const std::string& tag,
                         hashgen::Rule rule);
DoubleTensor HashInput(const std::string& name, int64_t n, double scale);

// Stored elements as doubles (F64, F32, I64, U8).
DoubleTensor Numbers(std::span<const std::byte> bytes, DType type);
// All tensors of a recorded file, tests/data/<path>, as doubles.
Tensors Recorded(const std::string& path);
inline Tensors Golden(const std::string& name) { return Recorded("golden/" + name); }

// The outputs of a graph in double; an error fails the test.
Tensors Run(const Result<Graph>& graph, const Tensors& inputs, const WeightSource& weights);
// Recorded float32 results of float32 arithmetic have an error of their own, 2e-5 of the tensor's size. Where
// a float64 evaluation is recorded (f64/...), only our float32 parameters (gains such as 0.01/sqrt(512))
// differ.
void CheckClose(const Tensors& ours, const std::string& name, const Tensors& recorded,
                const std::string& key);

double MaxAbsDifference(const DoubleTensor& a, const DoubleTensor& b);  // infinite where the sizes differ
double Rms(const DoubleTensor& a);

// What root of the mean square error over that of the exact values a network may have on a device, at most 3.2e-3
// (50 dB). tf32 has as many digits as fp16, so the networks that read images are as far from the exact values in both.
struct DeviceGate {
  const char* network;
  double plain, tf32, half;
};
double GateOf(std::span<const DeviceGate> gates, Precision precision, const std::string& network);  // has to be there

}  // namespace mien::testing
