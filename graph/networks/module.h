// A component of a model as its builders see it: tensor names under one prefix, traces under act/<module
// path>, and the layers that several networks share. Every layer exists once, in its fused and in its traced
// (unfused) form.
#pragma once

#include <string>

#include "graph/builder.h"

namespace mien {

// Convolution, then batch norm, then addition of a residual, then activation; each of the last three may be
// missing.
struct ConvLayer {
  std::string conv;                    // path of the convolution: <conv>.weight
  bool bias = false;                   // <conv>.bias
  std::string norm;                    // path of the batch norm; empty: none
  int stride = 1;                      // the padding is (k - 1) / 2
  Activation act = Activation::kNone;  // kLeaky: slope 0.01
  std::string act_path;                // path of the activation; kPRelu: its slopes are <act_path>.weight
};

class Module {
 public:
  // `prefix`: of the tensors in the model file, "encoder.".
  Module(Builder* builder, std::string prefix) : builder_(*builder), prefix_(std::move(prefix)) {}

  Builder& builder() const { return builder_; }
  bool tracing() const { return builder_.tracing(); }
  ValueId Weight(const std::string& path) const { return builder_.Weight(prefix_ + path); }
  ValueId Weight(const std::string& path, const Shape& as) const {
    return builder_.Weight(prefix_ + path, as);
  }
  void Trace(const std::string& path, ValueId value) const { builder_.Trace("act/" + path, value); }

  ValueId Conv(const ConvLayer& layer, ValueId x, ValueId residual = kAbsent) const;
  // torch BatchNorm: <path>.weight, .bias, .running_mean, .running_var.
  ValueId Norm(const std::string& path, ValueId x, const BatchNorm::Params& params = {}) const;
  // <path>.weight, <path>.bias.
  ValueId FullyConnected(const std::string& path, ValueId x, const Linear::Params& params = {}) const;

 private:
  ValueId TracedConv(const ConvLayer& layer, const Conv2d::Params& params, ValueId x, ValueId residual) const;

  Builder& builder_;
  std::string prefix_;
};

// What every network checks before it is built: the component is there and the batch is at least 1.
Status CheckBuild(bool has_component, const char* component, int batch);

}  // namespace mien
