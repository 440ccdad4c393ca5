// Weights and inputs made from a hash instead of being stored: the recipe with which the recorded outputs of the
// full-size networks were made (tests/data/golden/README.md, "Generated weights"). A tensor is its name: the values
// follow from FNV-1a of "tag/key", scaled by the first matching line of the network's rule.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/tensor.h"

namespace mien::hashgen {

// kGenerator..kResNet are the rules G, IR, FLOW and RN of the golden README; kNvidia is rule G under NVIDIA's names.
enum class Rule { kGenerator, kIrSe, kFlow, kResNet, kNvidia };
Result<Rule> RuleByName(const std::string& name);  // "G", "IR", "FLOW", "RN", "NV"

struct Tensor {
  std::string key;  // of the public state dict
  Shape shape;
};

// State dicts of the public networks at any size.
std::vector<Tensor> GeneratorTensors(int size, int channel_multiplier, int mapping_layers = 8);
std::vector<Tensor> EncoderTensors(int rows, int input_size);
std::vector<Tensor> FlowTensors(int features, int hidden, int contexts, int layers, int blocks);
std::vector<Tensor> ResNetTensors();

// offset + scale * v(name), n values.
std::vector<float> Values(const std::string& name, int64_t n, double scale, double offset = 0.0);
// The values of a weight, filter constants included; for index buffers (FLOW "*_features") and counters see IsInteger.
std::vector<float> WeightValues(const std::string& tag, const Tensor& tensor, Rule rule);
bool IsInteger(const Tensor& tensor);  // stored as int64

struct NamedFloats {
  std::string name;
  Shape shape;
  std::vector<float> values;
};
// Writes an ordinary safetensors file, one tensor in memory at a time: the hash weights of `tensors`, then `extra`.
Status WriteWeights(const std::string& path, const std::string& tag, Rule rule, const std::vector<Tensor>& tensors,
                    const std::vector<NamedFloats>& extra);

// The networks of the golden files: g256, g1024, e4e, flow512, rn18. Writes `weights` as above and the inputs that
// the recipe generates (w_plus, z, x) under the names of `mien run` into `inputs`. Images come from the golden files.
Status WriteGolden(const std::string& kind, const std::string& weights, const std::string& inputs);
std::vector<std::string> GoldenKinds();

}  // namespace mien::hashgen
