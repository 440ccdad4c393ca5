#include "tests/support/hashgen.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>

#include "base/split_mix.h"

namespace mien::hashgen {
namespace {

bool StartsWith(const std::string& s, const char* prefix) { return s.rfind(prefix, 0) == 0; }
bool EndsWith(const std::string& s, const char* suffix) {
  size_t n = std::strlen(suffix);
  return s.size() >= n && s.compare(s.size() - n, n, suffix) == 0;
}
bool Contains(const std::string& s, const char* part) { return s.find(part) != std::string::npos; }

struct Scale {
  double scale, offset = 0.0;
};

double FanIn(const Shape& shape) {
  double fan_in = 1;
  for (int i = 1; i < shape.rank; ++i) fan_in *= static_cast<double>(shape[i]);
  return fan_in;
}

Scale GeneratorScale(const std::string& key) {
  if (StartsWith(key, "style.") && EndsWith(key, "weight")) return {100 * std::sqrt(3.0)};
  if (StartsWith(key, "style.") && EndsWith(key, "bias")) return {10};
  if (EndsWith(key, "modulation.weight")) return {std::sqrt(3.0)};
  if (EndsWith(key, "modulation.bias")) return {0.3, 1};
  if (EndsWith(key, "conv.weight")) return {std::sqrt(3.0)};
  if (EndsWith(key, "noise.weight") || EndsWith(key, ".bias")) return {0.2};
  return {std::sqrt(3.0)};  // noises.*, input.input
}

Scale NvidiaScale(const std::string& key) {
  if (StartsWith(key, "mapping.fc") && EndsWith(key, "weight")) return {100 * std::sqrt(3.0)};
  if (StartsWith(key, "mapping.fc") && EndsWith(key, "bias")) return {10};
  if (EndsWith(key, "affine.weight")) return {std::sqrt(3.0)};
  if (EndsWith(key, "affine.bias")) return {0.3, 1};
  if (EndsWith(key, "noise_strength") || EndsWith(key, "bias")) return {0.2};
  if (EndsWith(key, "w_avg")) return {0.5};
  return {std::sqrt(3.0)};  // weights of convolutions and of the label's embedding, const, noise_const
}

Scale IrSeScale(const std::string& key, const Shape& shape) {
  if (shape.rank == 4) return {0.7 * std::sqrt(6 / FanIn(shape))};
  if (shape.rank == 2) return {Contains(key, ".linear.") ? std::sqrt(3.0) : 0.7 * std::sqrt(6 / FanIn(shape))};
  if (key == "input_layer.2.weight" || EndsWith(key, "res_layer.2.weight")) return {0.1, 0.25};
  if (EndsWith(key, "running_mean")) return {0.2};
  if (EndsWith(key, "running_var")) return {0.5, 1};
  if (EndsWith(key, ".bias")) return {0.2};
  return {0.2, 1};
}

Scale FlowScale(const std::string& key, const Shape& shape) {
  if (EndsWith(key, "unconstrained_weight")) return {0.3, 0.5413};
  if (EndsWith(key, "running_mean")) return {0.3};
  if (EndsWith(key, "running_var")) return {0.6, 1};
  if (Contains(key, "batch_norm_layers.") && EndsWith(key, "weight")) return {0.2, 1};  // nets with inner norms
  if (shape.rank == 2) {
    bool half = Contains(key, "linear_layers.1.") || Contains(key, "final_layer.");
    return {std::sqrt(3 / static_cast<double>(shape[1])) * (half ? 0.5 : 1.0)};
  }
  if (Contains(key, "transform_net")) return {0.1};
  return {0.2};
}

Scale ResNetScale(const std::string& key, const Shape& shape) {
  if (shape.rank == 4) return {0.8 * std::sqrt(6 / FanIn(shape))};
  if (key == "linear.weight") return {std::sqrt(3 / static_cast<double>(shape[1]))};
  if (key == "linear.bias") return {0.1};
  if (EndsWith(key, "running_mean")) return {0.2};
  if (EndsWith(key, "running_var")) return {0.5, 1};
  if (EndsWith(key, ".bias")) return {0.2};
  return {0.2, 1};
}

Scale ScaleOf(Rule rule, const Tensor& tensor) {
  switch (rule) {
    case Rule::kGenerator: return GeneratorScale(tensor.key);
    case Rule::kNvidia: return NvidiaScale(tensor.key);
    case Rule::kIrSe: return IrSeScale(tensor.key, tensor.shape);
    case Rule::kFlow: return FlowScale(tensor.key, tensor.shape);
    case Rule::kResNet: return ResNetScale(tensor.key, tensor.shape);
  }
  return {0};
}

// outer([1,3,3,1],[1,3,3,1]) summing to `sum`: the stored filters of both public codes.
std::vector<float> Filter(float sum) {
  constexpr float kTaps[4] = {1, 3, 3, 1};
  std::vector<float> values;
  for (float a : kTaps) {
    for (float b : kTaps) values.push_back(a * b / 64 * sum);
  }
  return values;
}

uint64_t Fnv1a(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (unsigned char c : text) hash = (hash ^ c) * 0x100000001b3ull;
  return hash;
}

// Index buffers of a coupling: transformed columns are the odd ones in even couplings (nflows' alternating mask).
std::vector<int64_t> MaskColumns(const Tensor& tensor, int64_t features, int coupling) {
  bool transform = EndsWith(tensor.key, "transform_features");
  int64_t first = (coupling % 2 == 0) == transform ? 1 : 0;
  std::vector<int64_t> columns;
  for (int64_t i = first; i < features; i += 2) columns.push_back(i);
  return columns;
}

// The int64 values of an integer tensor. Couplings are counted by their identity_features, in file order.
std::vector<int64_t> IntegerValues(const Tensor& tensor, const std::vector<Tensor>& all) {
  if (!EndsWith(tensor.key, "_features")) return std::vector<int64_t>(static_cast<size_t>(tensor.shape.elements()), 0);
  std::string prefix = tensor.key.substr(0, tensor.key.rfind('.') + 1);
  int64_t features = 0;
  int coupling = 0;
  bool before = true;
  for (const Tensor& t : all) {
    if (t.key == prefix + "identity_features") before = false;
    if (before && EndsWith(t.key, "identity_features")) ++coupling;
    if (StartsWith(t.key, prefix.c_str()) && EndsWith(t.key, "_features")) features += t.shape.elements();
  }
  return MaskColumns(tensor, features, coupling);
}

void AddNorm(std::vector<Tensor>& out, const std::string& prefix, int64_t channels) {
  for (const char* part : {"weight", "bias", "running_mean", "running_var"}) {
    out.push_back({prefix + "." + part, {channels}});
  }
  out.push_back({prefix + ".num_batches_tracked", Shape(std::initializer_list<int64_t>{})});
}

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

Result<Rule> RuleByName(const std::string& name) {
  if (name == "G") return Rule::kGenerator;
  if (name == "IR") return Rule::kIrSe;
  if (name == "FLOW") return Rule::kFlow;
  if (name == "RN") return Rule::kResNet;
  if (name == "NV") return Rule::kNvidia;
  return Status::Error(Code::kUsage, "rule: expected G, IR, FLOW, RN or NV, found %s", name.c_str());
}

std::vector<Tensor> GeneratorTensors(int size, int channel_multiplier, int mapping_layers) {
  auto channels = [&](int resolution) { return std::min(512, 16384 * channel_multiplier / resolution); };
  constexpr int64_t kWidth = 512;
  std::vector<Tensor> out;
  for (int i = 1; i <= mapping_layers; ++i) {
    out.push_back({"style." + std::to_string(i) + ".weight", {kWidth, kWidth}});
    out.push_back({"style." + std::to_string(i) + ".bias", {kWidth}});
  }
  out.push_back({"input.input", {1, channels(4), 4, 4}});
  auto add_modulated = [&](const std::string& prefix, int64_t o, int64_t i, int64_t k) {
    out.push_back({prefix + ".conv.weight", {1, o, i, k, k}});
    out.push_back({prefix + ".conv.modulation.weight", {i, kWidth}});
    out.push_back({prefix + ".conv.modulation.bias", {i}});
  };
  auto add_conv = [&](const std::string& prefix, int64_t o, int64_t i, bool up) {
    add_modulated(prefix, o, i, 3);
    if (up) out.push_back({prefix + ".conv.blur.kernel", {4, 4}});
    out.push_back({prefix + ".noise.weight", {1}});
    out.push_back({prefix + ".activate.bias", {o}});
  };
  auto add_rgb = [&](const std::string& prefix, int64_t i, bool up) {
    out.push_back({prefix + ".bias", {1, 3, 1, 1}});
    if (up) out.push_back({prefix + ".upsample.kernel", {4, 4}});
    add_modulated(prefix, 3, i, 1);
  };
  add_conv("conv1", channels(4), channels(4), false);
  add_rgb("to_rgb1", channels(4), false);
  out.push_back({"noises.noise_0", {1, 1, 4, 4}});
  for (int j = 0, r = 8; r <= size; ++j, r *= 2) {
    add_conv("convs." + std::to_string(2 * j), channels(r), channels(r / 2), true);
    add_conv("convs." + std::to_string(2 * j + 1), channels(r), channels(r), false);
    add_rgb("to_rgbs." + std::to_string(j), channels(r), true);
    out.push_back({"noises.noise_" + std::to_string(2 * j + 1), {1, 1, r, r}});
    out.push_back({"noises.noise_" + std::to_string(2 * j + 2), {1, 1, r, r}});
  }
  return out;
}

std::vector<Tensor> EncoderTensors(int rows, int input_size) {
  std::vector<Tensor> out;
  out.push_back({"input_layer.0.weight", {64, 3, 3, 3}});
  AddNorm(out, "input_layer.1", 64);
  out.push_back({"input_layer.2.weight", {64}});
  constexpr int kChannels[4] = {64, 128, 256, 512}, kBlocks[4] = {3, 4, 14, 3};
  int64_t in = 64;
  for (int stage = 0, block = 0; stage < 4; ++stage) {
    const int64_t depth = kChannels[stage];
    for (int i = 0; i < kBlocks[stage]; ++i, ++block, in = depth) {
      std::string prefix = "body." + std::to_string(block) + ".";
      if (in != depth) {
        out.push_back({prefix + "shortcut_layer.0.weight", {depth, in, 1, 1}});
        AddNorm(out, prefix + "shortcut_layer.1", depth);
      }
      AddNorm(out, prefix + "res_layer.0", in);
      out.push_back({prefix + "res_layer.1.weight", {depth, in, 3, 3}});
      out.push_back({prefix + "res_layer.2.weight", {depth}});
      out.push_back({prefix + "res_layer.3.weight", {depth, depth, 3, 3}});
      AddNorm(out, prefix + "res_layer.4", depth);
      out.push_back({prefix + "res_layer.5.fc1.weight", {depth / 16, depth, 1, 1}});
      out.push_back({prefix + "res_layer.5.fc2.weight", {depth, depth / 16, 1, 1}});
    }
  }
  for (int i = 0; i < rows; ++i) {
    std::string prefix = "styles." + std::to_string(i) + ".";
    int spatial = input_size / (i < 3 ? 16 : i < 7 ? 8 : 4);
    for (int k = 0; spatial > 1; ++k, spatial /= 2) {
      out.push_back({prefix + "convs." + std::to_string(2 * k) + ".weight", {512, 512, 3, 3}});
      out.push_back({prefix + "convs." + std::to_string(2 * k) + ".bias", {512}});
    }
    out.push_back({prefix + "linear.weight", {512, 512}});
    out.push_back({prefix + "linear.bias", {512}});
  }
  out.push_back({"latlayer1.weight", {512, 256, 1, 1}});
  out.push_back({"latlayer1.bias", {512}});
  out.push_back({"latlayer2.weight", {512, 128, 1, 1}});
  out.push_back({"latlayer2.bias", {512}});
  return out;
}

std::vector<Tensor> FlowTensors(int features, int hidden, int contexts, int layers, int blocks) {
  std::vector<Tensor> out;
  for (int l = 0; l < layers; ++l) {
    std::string coupling = "_transform._transforms." + std::to_string(2 * l) + ".";
    std::string norm = "_transform._transforms." + std::to_string(2 * l + 1) + ".";
    // Odd feature counts: even columns are one more.
    int64_t transform = l % 2 == 0 ? features / 2 : features - features / 2;
    out.push_back({coupling + "identity_features", {features - transform}});
    out.push_back({coupling + "transform_features", {transform}});
    auto add_linear = [&](const std::string& name, int64_t o, int64_t i) {
      out.push_back({coupling + "transform_net." + name + ".weight", {o, i}});
      out.push_back({coupling + "transform_net." + name + ".bias", {o}});
    };
    add_linear("initial_layer", hidden, features - transform + contexts);
    for (int b = 0; b < blocks; ++b) {
      std::string block = "blocks." + std::to_string(b) + ".";
      add_linear(block + "context_layer", hidden, contexts);
      add_linear(block + "linear_layers.0", hidden, hidden);
      add_linear(block + "linear_layers.1", hidden, hidden);
    }
    add_linear("final_layer", 2 * transform, hidden);
    for (const char* part : {"unconstrained_weight", "bias", "running_mean", "running_var"}) {
      out.push_back({norm + part, {features}});
    }
  }
  return out;
}

std::vector<Tensor> ResNetTensors() {
  std::vector<Tensor> out;
  out.push_back({"conv1.weight", {64, 3, 7, 7}});
  AddNorm(out, "bn1", 64);
  int64_t in = 64;
  for (int stage = 1; stage <= 4; ++stage) {
    const int64_t depth = 32 << stage;
    for (int i = 0; i < 2; ++i, in = depth) {
      std::string prefix = "layer" + std::to_string(stage) + "." + std::to_string(i) + ".";
      out.push_back({prefix + "conv1.weight", {depth, in, 3, 3}});
      AddNorm(out, prefix + "bn1", depth);
      out.push_back({prefix + "conv2.weight", {depth, depth, 3, 3}});
      AddNorm(out, prefix + "bn2", depth);
      if (in != depth) {
        out.push_back({prefix + "shortcut.0.weight", {depth, in, 1, 1}});
        AddNorm(out, prefix + "shortcut.1", depth);
      }
    }
  }
  out.push_back({"linear.weight", {9, 512}});
  out.push_back({"linear.bias", {9}});
  return out;
}

std::vector<float> Values(const std::string& name, int64_t n, double scale, double offset) {
  const uint64_t hash = Fnv1a(name);
  std::vector<float> values(static_cast<size_t>(n));
  for (size_t i = 0; i < values.size(); ++i) {
    const uint64_t z = SplitMix(hash + (i + 1) * kSplitMixStep);
    double v = 2 * (static_cast<double>(z >> 40) * 0x1p-24) - 1;
    values[i] = static_cast<float>(offset + scale * v);
  }
  return values;
}

bool IsInteger(const Tensor& tensor) {
  return EndsWith(tensor.key, "_features") || EndsWith(tensor.key, "num_batches_tracked");
}

std::vector<float> WeightValues(const std::string& tag, const Tensor& tensor, Rule rule) {
  if (EndsWith(tensor.key, ".kernel")) return Filter(4);
  if (EndsWith(tensor.key, "resample_filter")) return Filter(1);
  Scale s = ScaleOf(rule, tensor);
  return Values(tag + "/" + tensor.key, tensor.shape.elements(), s.scale, s.offset);
}

Status WriteWeights(const std::string& path, const std::string& tag, Rule rule, const std::vector<Tensor>& tensors,
                    const std::vector<NamedFloats>& extra) {
  std::string header = "{";
  uint64_t end = 0;
  auto declare = [&](const std::string& name, const Shape& shape, bool integer) {
    uint64_t begin = end;
    end += static_cast<uint64_t>(shape.elements()) * (integer ? 8 : 4);
    header += (header.size() > 1 ? ",\"" : "\"") + name + "\":{\"dtype\":\"" + (integer ? "I64" : "F32") +
              "\",\"shape\":" + shape.ToString() + ",\"data_offsets\":[" + std::to_string(begin) + "," +
              std::to_string(end) + "]}";
  };
  for (const Tensor& t : tensors) declare(t.key, t.shape, IsInteger(t));
  for (const NamedFloats& t : extra) declare(t.name, t.shape, false);
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');

  std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "wb"));
  if (!file) return Status::Error(Code::kFailure, "%s: cannot be created", path.c_str());
  bool good = true;
  auto write = [&](const void* data, size_t bytes) {
    good = good && std::fwrite(data, 1, bytes, file.get()) == bytes;
  };
  const uint64_t header_bytes = header.size();
  write(&header_bytes, sizeof(header_bytes));
  write(header.data(), header.size());
  for (const Tensor& t : tensors) {
    if (IsInteger(t)) {
      std::vector<int64_t> values = IntegerValues(t, tensors);
      write(values.data(), values.size() * sizeof(int64_t));
    } else {
      std::vector<float> values = WeightValues(tag, t, rule);
      write(values.data(), values.size() * sizeof(float));
    }
  }
  for (const NamedFloats& t : extra) write(t.values.data(), t.values.size() * sizeof(float));
  good = std::fflush(file.get()) == 0 && good;
  return good ? Status() : Status::Error(Code::kFailure, "%s: cannot be written", path.c_str());
}

std::vector<std::string> GoldenKinds() { return {"g256", "g1024", "e4e", "flow512", "rn18"}; }

Status WriteGolden(const std::string& kind, const std::string& weights, const std::string& inputs) {
  const std::string tag = "sh_" + kind;
  auto input = [&](const std::string& name, const std::string& key, const Shape& shape, double scale) {
    return NamedFloats{name, shape, Values(tag + "/" + key, shape.elements(), scale)};
  };
  std::vector<NamedFloats> in;
  if (kind == "g256" || kind == "g1024") {
    const int size = kind == "g256" ? 256 : 1024;
    in.push_back(input("w_plus", "in/wplus", {1, size == 256 ? 14 : 18, 512}, 1.4));
    in.push_back(input("z", "in/z", {1, 512}, std::sqrt(3.0)));
    MIEN_TRY(WriteWeights(weights, tag, Rule::kGenerator, GeneratorTensors(size, 2), {}));
  } else if (kind == "e4e") {
    MIEN_TRY(WriteWeights(weights, tag, Rule::kIrSe, EncoderTensors(18, 256),
                          {input("latent_avg", "latent_avg", {18, 512}, 0.5)}));
  } else if (kind == "flow512") {
    in.push_back(input("w_plus", "in/x", {1, 18, 512}, 1.4));
    MIEN_TRY(WriteWeights(weights, tag, Rule::kFlow, FlowTensors(512, 512, 18, 10, 2), {}));
  } else if (kind == "rn18") {
    MIEN_TRY(WriteWeights(weights, tag, Rule::kResNet, ResNetTensors(), {}));
  } else {
    return Status::Error(Code::kUsage, "kind: expected g256, g1024, e4e, flow512 or rn18, found %s", kind.c_str());
  }
  return in.empty() ? Status() : WriteWeights(inputs, tag, Rule::kGenerator, {}, in);
}

}  // namespace mien::hashgen
