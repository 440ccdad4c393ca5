// Runs an executable of a device on the host runner, every value in an array of its own between guard zones and full of
// NaN, so that nothing is read that was not written. What programs do with one planned arena, without the plan.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "graph/lowering/lower.h"
#include "kernels/device/simt/runner.h"
#include "kernels/executor/executor.h"
#include "kernels/tensor/conv_tiles.h"
#include "kernels/tensor/mod_conv_plan.h"
#include "kernels/tensor/up_conv.h"

namespace mien::simt {

// The floats of a tensor of the model file.
using TensorSource = std::function<std::vector<float>(const std::string& name)>;

// Chunks of K that pass through one block of a convolution, at the most so far, by KernelName.
inline std::map<std::string, int>& MostChunks() {
  static std::map<std::string, int> most;
  return most;
}

// Notes them of an op; to be alive while it is launched.
class ChunksNote {
 public:
  explicit ChunksNote(const FastOp& op) {
    if (const auto* conv = std::get_if<FastOpCall<FastConv>>(&op))
      chunks_ = WithConvTile(conv->params, [&]<class Tile>() { return ConvGrid<Tile>(conv->params).split_chunks; });
    if (const auto* conv = std::get_if<FastOpCall<FastModConv>>(&op)) {
      const FastModConv::Params& p = conv->params;
      const auto chunks = [&]<class Tile>() { return ModConvGrid<Tile>(p).split_chunks; };
      chunks_ = p.weights.up ? WithUpConvTile(p, chunks) : WithModConvTile(p, chunks);
    }
    if (chunks_ > 0) before_ = Launches();
  }
  ~ChunksNote() {
    if (chunks_ == 0) return;
    for (const auto& [kernel, launches] : Launches()) {
      if (before_[kernel] < launches) MostChunks()[kernel] = std::max(MostChunks()[kernel], chunks_);
    }
  }

 private:
  static std::map<std::string, uint64_t> Launches() {
    std::map<std::string, uint64_t> launches;
    const auto& all = LaunchedKernels();
    for (auto k = all.lower_bound("ImplicitGemm<"); k != all.end() && k->first.starts_with("ImplicitGemm<"); ++k)
      launches[k->first] = k->second.launches;
    return launches;
  }

  int chunks_ = 0;
  std::map<std::string, uint64_t> before_;
};

class DeviceRunner {
 public:
  DeviceRunner(const Executable& executable, const TensorSource& tensors) : executable_(executable), tensors_(tensors) {
    for (const Executable::Value& value : executable.values) {
      values_.emplace_back((value.bytes + 3) / 4, ElementBytes(executable.precision));
      if (value.kind == Value::Kind::kWeight) Load(executable.forms[static_cast<size_t>(value.form)], values_.back());
    }
  }

  // Outputs in the order of the graph. Every value that is computed is NaN before.
  std::vector<std::vector<float>> Run(const std::vector<std::vector<float>>& inputs) {
    for (size_t v = 0; v < values_.size(); ++v) {
      if (executable_.values[v].kind == Value::Kind::kComputed)
        PoisonGlobal(values_[v].data());
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      const GlobalArray<float>& place = values_[static_cast<size_t>(executable_.inputs[i])];
      REQUIRE(place.size() == inputs[i].size());
      std::copy(inputs[i].begin(), inputs[i].end(), place.begin());
    }
    for (const Executable::Call& call : executable_.calls) RunCall(call);
    std::vector<std::vector<float>> outputs;
    for (const NamedValue& output : executable_.outputs) {
      const GlobalArray<float>& value = values_[static_cast<size_t>(output.value)];
      outputs.emplace_back(value.begin(), value.end());
    }
    return outputs;
  }

 private:
  void Load(const WeightForm& form, const GlobalArray<float>& place) {
    std::vector<std::vector<float>> floats;
    std::vector<View<const float>> views;
    for (const std::string& name : form.tensors)
      floats.push_back(name.empty() ? std::vector<float>() : tensors_(name));
    for (size_t i = 0; i < floats.size(); ++i)
      views.push_back({floats[i].empty() ? nullptr : floats[i].data(), form.shapes[i]});
    if (form.plain())
      std::copy(floats[0].begin(), floats[0].end(), place.begin());
    else
      form.Pack(views, reinterpret_cast<std::byte*>(place.data()));
  }

  void RunCall(const Executable::Call& call) {
    const auto pointers = [&](const std::vector<ValueId>& ids) {
      std::vector<void*> list;
      for (const ValueId v : ids) list.push_back(v == kAbsent ? nullptr : values_[static_cast<size_t>(v)].data());
      return list;
    };
    GlobalArray<float> scratch((TheExecutor().scratch_bytes(call.fast()) + 3) / 4, ElementBytes(executable_.precision));
    PoisonGlobal(scratch.data());
    const std::vector<void*> in = pointers(call.in), out = pointers(call.out);
    const ChunksNote note(call.fast());
    const Status status = TheExecutor().run(call.fast(), in, out, scratch.data(), Stream());
    INFO(call.layer << ": " << FastName(call.fast()));
    REQUIRE_MESSAGE(status.ok(), std::string(status.message()));
    if (const auto* conv = std::get_if<FastOpCall<FastModConv>>(&call.fast())) {
      for (const ValueId v : {call.out[FastModConv::kY], call.out[FastModConv::kPlain]})
        if (v != kAbsent) CheckPadding(v, conv->params.weights.outputs);
    }
  }

  // Of a map: what lies behind its channels is zero, so that whatever it is multiplied by adds nothing.
  void CheckPadding(ValueId map, int64_t channels) {
    const int64_t bytes = ElementBytes(executable_.precision), stored = MapChannels(channels);
    const std::vector<std::byte> zeros(static_cast<size_t>((stored - channels) * bytes));
    const auto* pixel = reinterpret_cast<const std::byte*>(values_[static_cast<size_t>(map)].data());
    const auto* end = pixel + executable_.values[static_cast<size_t>(map)].bytes;
    int wrong = 0;
    for (; pixel < end; pixel += stored * bytes)
      wrong += std::memcmp(pixel + channels * bytes, zeros.data(), zeros.size()) != 0;
    CHECK_MESSAGE(wrong == 0, "pixels whose padding is not zero: " << wrong);
  }

  const Executable& executable_;
  TensorSource tensors_;
  std::vector<GlobalArray<float>> values_;
};

}  // namespace mien::simt
