#include "kernels/ops.h"

#include <algorithm>

namespace mien {
namespace {

// Calls body.operator()<Op>(params) for the op held, or answers `empty`.
template <class Any, class Answer, class Body>
Answer Dispatch(const Any& op, Answer empty, const Body& body) {
  return std::visit(
      [&](const auto& call) -> Answer {
        using Call = std::decay_t<decltype(call)>;
        if constexpr (std::is_same_v<Call, std::monostate>) {
          return empty;
        } else {
          return body.template operator()<typename Call::Type>(call.params);
        }
      },
      op);
}

struct Nothing {};

}  // namespace

const char* OpName(const AnyOp& op) {
  return Dispatch(op, "none", []<class Op>(const typename Op::Params&) { return Op::kName; });
}

int OpOutputs(const AnyOp& op) {
  return Dispatch(op, 0, []<class Op>(const typename Op::Params&) { return Op::kOutputs; });
}

Status OpInfer(const AnyOp& op, Shapes in, Shape* out) {
  return Dispatch(op, Status::Error(Code::kUsage, "an op expected, none found"),
                  [&]<class Op>(const typename Op::Params& params) { return Op::Infer(params, in, out); });
}

Cost OpCount(const AnyOp& op, Shapes in) {
  return Dispatch(op, Cost(),
                  [&]<class Op>(const typename Op::Params& params) { return Op::Count(CpuParams<Op>{params}, in); });
}

void OpRef(const AnyOp& op, Inputs<double> in, Outputs<double> out) {
  Dispatch(op, Nothing(), [&]<class Op>(const typename Op::Params& params) {
    Op::Ref(params, in, out);
    return Nothing();
  });
}

const char* OpName(const AnyCpuOp& op) {
  return Dispatch(op, "none", []<class Op>(const CpuParams<Op>&) { return Op::kName; });
}

Cost OpCount(const AnyCpuOp& op, Shapes in) {
  return Dispatch(op, Cost(), [&]<class Op>(const CpuParams<Op>& params) { return Op::Count(params, in); });
}

uint32_t OpPackedMask(const AnyOp& op) {
  return Dispatch(op, uint32_t{0}, []<class Op>(const typename Op::Params&) { return uint32_t{Op::kPacked}; });
}

uint32_t OpPackedMask(const AnyCpuOp& op) {
  return Dispatch(op, uint32_t{0}, []<class Op>(const CpuParams<Op>&) { return uint32_t{Op::kPacked}; });
}

int64_t OpPackedFloats(const AnyCpuOp& op, Shapes in) {
  return Dispatch(op, int64_t{0},
                  [&]<class Op>(const CpuParams<Op>& params) { return int64_t{Op::PackedFloats(params, in)}; });
}

void OpPack(const AnyCpuOp& op, Inputs<float> in, float* packed) {
  Dispatch(op, Nothing(), [&]<class Op>(const CpuParams<Op>& params) {
    Op::Pack(params, in, packed);
    return Nothing();
  });
}

bool OpSamePacking(const AnyCpuOp& a, Shapes a_in, const AnyCpuOp& b, Shapes b_in) {
  if (a.index() != b.index()) return false;
  return Dispatch(a, true, [&]<class Op>(const CpuParams<Op>& params) {
    for (size_t i = 0; i < a_in.size(); ++i) {
      if (HasInput(Op::kPacked, i) && !(a_in[i] == b_in[i])) return false;
    }
    if constexpr (Op::kPacked == 0) return true;
    else return Op::SamePacking(params, a_in, std::get<CpuOpCall<Op>>(b).params, b_in);
  });
}

int64_t OpScratchFloats(const AnyCpuOp& op, Shapes in, int threads) {
  return Dispatch(op, int64_t{0}, [&]<class Op>(const CpuParams<Op>& params) {
    return int64_t{Op::ScratchFloats(params, in, threads)};
  });
}

void OpCpu(const AnyCpuOp& op, const CpuCall& call) {
  Dispatch(op, Nothing(), [&]<class Op>(const CpuParams<Op>& params) {
    Op::Cpu(params, call);
    return Nothing();
  });
}

uint32_t OpBandedMask(const AnyCpuOp& op) {
  return Dispatch(op, uint32_t{0}, []<class Op>(const CpuParams<Op>&) -> uint32_t {
    if constexpr (HasBands<Op>) return Op::kBanded;
    return 0;
  });
}

RowGrid OpRows(const AnyCpuOp& op, Shapes in) {
  return Dispatch(op, RowGrid(), [&]<class Op>(const CpuParams<Op>& params) -> RowGrid {
    if constexpr (HasBands<Op>) return Op::Rows(params, in);
    return {};
  });
}

RowRange OpRowsRead(const AnyCpuOp& op, Shapes in, int input, RowRange out) {
  return Dispatch(op, RowRange(), [&]<class Op>(const CpuParams<Op>& params) -> RowRange {
    if constexpr (HasBands<Op>) return Op::RowsRead(params, in, input, out);
    return {};
  });
}

int64_t OpCarryFloats(const AnyCpuOp& op, Shapes in) {
  return Dispatch(op, int64_t{0}, [&]<class Op>(const CpuParams<Op>& params) -> int64_t {
    if constexpr (HasBands<Op>) return Op::CarryFloats(params, in);
    return 0;
  });
}

int64_t OpRangeScratchFloats(const AnyCpuOp& op, Shapes in, int threads) {
  return Dispatch(op, int64_t{0}, [&]<class Op>(const CpuParams<Op>& params) -> int64_t {
    if constexpr (HasBands<Op>) return Op::RangeScratchFloats(params, in, threads);
    return 0;
  });
}

}  // namespace mien
