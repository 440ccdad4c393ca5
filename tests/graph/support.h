// Helpers of the graph tests: configs of the public networks and of small ones, made-up weights, recorded
// tensors.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/networks.h"
#include "graph/reference.h"

namespace mien::testing {

ModelConfig FullGenerator(int resolution);  // rosinality, config-f
ModelConfig FullConditionalGenerator();     // NVIDIA, 256 pixels, labels, clamp
ModelConfig FullEncoder(int rows);          // e4e
ModelConfig FullFlow();
ModelConfig FullAttributes();
ModelConfig FullRecognizer();

ModelConfig SmallGenerator();             // rosinality, 16 pixels
ModelConfig SmallConditionalGenerator();  // NVIDIA, 16 pixels, labels, clamp that bites
ModelConfig SmallEncoder(int rows);       // 32 pixels
ModelConfig SmallFlow(bool additive, bool norm_within, bool norm_between);  // odd number of features
ModelConfig SmallAttributes();
ModelConfig SmallRecognizer();

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
std::map<std::string, DoubleTensor> MadeUpInputs(const Graph& graph);

// All tensors of a recorded file (tests/data/golden/<name>), as doubles.
std::map<std::string, DoubleTensor> Golden(const std::string& name);

double MaxAbsDifference(const DoubleTensor& a, const DoubleTensor& b);  // infinite where the sizes differ
double Rms(const DoubleTensor& a);

}  // namespace mien::testing
