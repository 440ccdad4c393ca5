#include "kernels/tensor/ops.h"

namespace mien {
namespace {

// Calls fast.operator()<Op>(params) for a fast op, plain(op) for a plain one; `empty` for none.
template <class Answer, class Fast, class Plain>
Answer Dispatch(const FastOp& op, Answer empty, const Fast& fast, const Plain& plain) {
  return std::visit(
      [&](const auto& call) -> Answer {
        using Call = std::decay_t<decltype(call)>;
        if constexpr (std::is_same_v<Call, std::monostate>) {
          return empty;
        } else if constexpr (std::is_same_v<Call, PlainOp>) {
          return plain(call);
        } else {
          return fast.template operator()<typename Call::Type>(call.params);
        }
      },
      op);
}

struct Nothing {};

}  // namespace

const char* FastName(const FastOp& op) {
  return Dispatch(
      op, "none", []<class Op>(const typename Op::Params&) { return Op::kName; },
      [](const PlainOp& plain) { return OpName(plain.op); });
}

int FastOperands(const FastOp& op) {
  return Dispatch(
      op, 0, []<class Op>(const typename Op::Params&) { return int{Op::kOperands}; },
      [](const PlainOp& plain) { return static_cast<int>(plain.in.size()); });
}

int FastResults(const FastOp& op) {
  return Dispatch(
      op, 0, []<class Op>(const typename Op::Params&) { return int{Op::kResults}; },
      [](const PlainOp& plain) { return static_cast<int>(plain.out.size()); });
}

uint64_t FastResultBytes(const FastOp& op, int result) {
  return Dispatch(
      op, uint64_t{0}, [&]<class Op>(const typename Op::Params& params) { return Op::ResultBytes(params, result); },
      [&](const PlainOp& plain) {
        return sizeof(float) * static_cast<uint64_t>(plain.out[static_cast<size_t>(result)].elements());
      });
}

FastCost FastCount(const FastOp& op) {
  return Dispatch(
      op, FastCost(), []<class Op>(const typename Op::Params& params) { return Op::Count(params); },
      [](const PlainOp& plain) {
        const Cost cost = OpCount(plain.op, plain.in);
        return FastCost{1, cost.multiply_adds, cost.bytes};
      });
}

uint64_t FastPackedBytes(const FastOp& op) {
  return Dispatch(
      op, uint64_t{0},
      []<class Op>(const typename Op::Params& params) { return Op::PackedBytes(params.weights); },
      [](const PlainOp&) { return uint64_t{0}; });
}

void FastPack(const FastOp& op, Inputs<float> sources, std::byte* packed) {
  Dispatch(
      op, Nothing(),
      [&]<class Op>(const typename Op::Params& params) {
        Op::Pack(params.weights, sources, packed);
        return Nothing();
      },
      [](const PlainOp&) { return Nothing(); });
}

bool FastSameWeights(const FastOp& a, const FastOp& b) {
  if (a.index() != b.index()) return false;
  return Dispatch(
      a, true,
      [&]<class Op>(const typename Op::Params& params) {
        return params.weights == std::get<FastOpCall<Op>>(b).params.weights;
      },
      [](const PlainOp&) { return false; });
}

}  // namespace mien
