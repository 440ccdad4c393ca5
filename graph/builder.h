// Builds a graph by calling functions: every call infers shapes at once, so the first error names the layer
// and all operand shapes. After an error the builder ignores further calls; Finish reports it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "weights/schema.h"

namespace mien {

class Builder {
 public:
  // Weights are looked up in the schema of `config`. `trace`: values named by Trace() become outputs of the
  // graph.
  Builder(std::string name, const ModelConfig& config, bool trace);

  ValueId Input(const std::string& name, const Shape& shape);
  // The tensor `name` of the model file; `as`: viewed with another shape of as many elements.
  ValueId Weight(const std::string& name);
  ValueId Weight(const std::string& name, const Shape& as);
  // Floats of the caller that a step of training may change between two runs (Value::Kind::kParameter). Without a shape
  // it is that of the tensor `name` in the model file.
  ValueId Parameter(const std::string& name);
  ValueId Parameter(const std::string& name, const Shape& shape);

  // What is made of the constant `of`, a weight or an input, before any run: a weight or input as well, named
  // `NAME|what[shape]`. Who reads the weights makes it (graph/gradient/derived_weights.h).
  ValueId Derived(ValueId of, const std::string& what, const Shape& shape);

  // Appends a call of Op; the layer's name appears in errors and names the results. One result per
  // Op::kOutputs.
  template <class Op>
  ValueId Call(const std::string& layer, const typename Op::Params& params, std::vector<ValueId> in) {
    return Append(layer, OpCall<Op>{params}, std::move(in))[0];
  }
  template <class Op>
  std::vector<ValueId> CallAll(const std::string& layer, const typename Op::Params& params,
                               std::vector<ValueId> in) {
    return Append(layer, OpCall<Op>{params}, std::move(in));
  }

  bool tracing() const { return trace_; }
  void Output(const std::string& name, ValueId value);
  void Trace(const std::string& name, ValueId value);  // Output when tracing, nothing otherwise
  const Shape& ShapeOf(ValueId value) const;           // absent for kAbsent and after an error
  const Graph& graph() const { return graph_; }        // as far as it is built

  bool ok() const { return status_.ok(); }
  void Fail(Status status);  // the first one is kept
  Result<Graph> Finish();

 private:
  std::vector<ValueId> Append(const std::string& layer, AnyOp op, std::vector<ValueId> in);
  ValueId AddValue(Value::Kind kind, const std::string& name, const Shape& shape);
  Status CheckPacked(const Node& node) const;

  Graph graph_;
  bool trace_;
  Status status_;
  std::map<std::string, Shape> schema_;
  std::map<std::string, ValueId> weights_;     // by name and shape
  std::map<std::string, ValueId> parameters_;  // by name
};

}  // namespace mien
