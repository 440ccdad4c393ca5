// The rules of devices. They look at the nodes in order; the first that knows a pattern takes all its nodes and emits
// the fused step. What no rule takes runs by its plain kernel on fp32 values; maps of more
// than 2 GiB a sample are refused where the fast convolutions would read them.
#pragma once

#include <string>
#include <vector>

#include "graph/lowering/lower.h"

namespace mien {

// What rules work with. Node and value numbers are those of the op graph unless "device" is said.
class Lowering {
 public:
  Lowering(const Graph& graph, Precision precision);

  const Graph& graph() const { return graph_; }
  Precision precision() const { return device_.precision; }
  const Shape& ShapeOf(ValueId value) const { return graph_.values[static_cast<size_t>(value)].shape; }
  // The parameters of node n when it is an Op, else null.
  template <class Op>
  const typename Op::Params* As(int n) const {
    const auto* call = std::get_if<OpCall<Op>>(&graph_.nodes[static_cast<size_t>(n)].op);
    return call == nullptr ? nullptr : &call->params;
  }
  const Node& node(int n) const { return graph_.nodes[static_cast<size_t>(n)]; }
  const std::string& LayerOf(int n) const { return graph_.values[static_cast<size_t>(node(n).out[0])].name; }
  bool IsWeight(ValueId v) const { return graph_.values[static_cast<size_t>(v)].kind == Value::Kind::kWeight; }
  bool IsOutput(ValueId v) const;
  int MakerOf(ValueId v) const { return makers_[static_cast<size_t>(v)]; }  // -1: input or weight
  const std::vector<int>& ReadersOf(ValueId v) const { return readers_[static_cast<size_t>(v)]; }
  bool IsTaken(int n) const { return taken_[static_cast<size_t>(n)]; }
  void Take(int n) { taken_[static_cast<size_t>(n)] = true; }

  // The device value that holds v: in fp32 in v's own layout, or as a map. Converts when only the other is there.
  ValueId Floats(ValueId v);
  ValueId Map(ValueId v);
  void SetFloats(ValueId v, ValueId device) { floats_[static_cast<size_t>(v)] = device; }
  void SetMap(ValueId v, ValueId device) { maps_[static_cast<size_t>(v)] = device; }

  // Appends a step. `in` are device values by operand; where Op has weights, in[Op::kPacked] is set here to what Pack
  // makes of `sources`, weights of the op graph by Op::Source. Answers the device values of its results.
  template <class Op>
  std::vector<ValueId> Emit(const std::string& layer, const typename Op::Params& params, std::vector<ValueId> in,
                            const std::vector<ValueId>& sources = {}) {
    const FastOp op = FastOpCall<Op>{params};
    if constexpr (requires { Op::kPacked; }) in[Op::kPacked] = PackedWeight(op, sources);
    return Append(layer, op, std::move(in));
  }
  // The same for results that are parts of values made before: out by result.
  template <class Op>
  void EmitInto(const std::string& layer, const typename Op::Params& params, std::vector<ValueId> in,
                const std::vector<ValueId>& sources, std::vector<ValueId> out) {
    const FastOp op = FastOpCall<Op>{params};
    if constexpr (requires { Op::kPacked; }) in[Op::kPacked] = PackedWeight(op, sources);
    device_.calls.push_back({op, layer, std::move(in), std::move(out)});
  }
  ValueId NewValue(const std::string& name, uint64_t bytes);

  Result<Executable> Run();

 private:
  ValueId PackedWeight(const FastOp& op, const std::vector<ValueId>& sources);
  ValueId PlainWeight(ValueId v);
  std::vector<ValueId> Append(const std::string& layer, const FastOp& op, std::vector<ValueId> in);
  void EmitPlain(int n);

  const Graph& graph_;
  Executable device_;
  std::vector<int> makers_;
  std::vector<std::vector<int>> readers_;
  std::vector<char> taken_;
  std::vector<ValueId> floats_, maps_;  // device values, by value
};

// Rules (lower_*.cc): true when node n has been taken, alone or with others.
using LoweringRule = bool (*)(Lowering& lowering, int n);
bool TakeFlow(Lowering& lowering, int n);
bool TakeConvolutions(Lowering& lowering, int n);
bool TakeLinear(Lowering& lowering, int n);
bool TakeSynthesis(Lowering& lowering, int n);

}  // namespace mien
