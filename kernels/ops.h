// The table made from ops.def: OpKind, the variant of all parameter structs, and the functions of kernels/op.h by
// table, so that the rooms above never write a visitor of their own.
#pragma once

#include <variant>

#define MIEN_OP(name, folder) struct name;
namespace mien {
#include "kernels/ops.def"
}
#undef MIEN_OP

#include "kernels/add/add.h"
#include "kernels/affine_coupling/affine_coupling.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/bias_act/bias_act.h"
#include "kernels/broadcast_rows/broadcast_rows.h"
#include "kernels/concat/concat.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/depthwise_conv/depthwise_conv.h"
#include "kernels/flow_norm/flow_norm.h"
#include "kernels/global_avg_pool/global_avg_pool.h"
#include "kernels/l2_normalize/l2_normalize.h"
#include "kernels/linear/linear.h"
#include "kernels/matmul/matmul.h"
#include "kernels/mod_conv/mod_conv.h"
#include "kernels/pixel_norm/pixel_norm.h"
#include "kernels/pointwise/pointwise.h"
#include "kernels/pool2d/pool2d.h"
#include "kernels/repeat_batch/repeat_batch.h"
#include "kernels/resize/resize.h"
#include "kernels/scale_channels/scale_channels.h"
#include "kernels/select_columns/select_columns.h"
#include "kernels/squeeze_excite/squeeze_excite.h"
#include "kernels/stack_rows/stack_rows.h"
#include "kernels/subsample/subsample.h"
#include "kernels/to_rgb/to_rgb.h"
#include "kernels/upsample/upsample.h"
#include "kernels/zero_pad/zero_pad.h"

namespace mien {

enum class OpKind : uint8_t {
#define MIEN_OP(name, folder) k##name,
#include "kernels/ops.def"
#undef MIEN_OP
};

// One alternative per op, tagged with the op itself so that a visitor knows which functions to call.
template <class Op>
struct OpCall {
  using Type = Op;
  typename Op::Params params;
  bool operator==(const OpCall&) const = default;
};
using AnyOp = std::variant<
#define MIEN_OP(name, folder) OpCall<name>,
#include "kernels/ops.def"
#undef MIEN_OP
    std::monostate>;

// The same with how the CPU computes them.
template <class Op>
struct CpuOpCall {
  using Type = Op;
  CpuParams<Op> params;
};
using AnyCpuOp = std::variant<
#define MIEN_OP(name, folder) CpuOpCall<name>,
#include "kernels/ops.def"
#undef MIEN_OP
    std::monostate>;

// The statics of the op that `op` holds (contracts: kernels/op.h). An empty AnyOp (std::monostate) is called "none",
// has no outputs, is refused by OpInfer and does nothing elsewhere.
const char* OpName(const AnyOp& op);
int OpOutputs(const AnyOp& op);
Status OpInfer(const AnyOp& op, Shapes in, Shape* out);
Cost OpCount(const AnyOp& op, Shapes in);
void OpRef(const AnyOp& op, Inputs<double> in, Outputs<double> out);
uint32_t OpPackedMask(const AnyOp& op);
// How the CPU computes it.
const char* OpName(const AnyCpuOp& op);
Cost OpCount(const AnyCpuOp& op, Shapes in);
uint32_t OpPackedMask(const AnyCpuOp& op);
int64_t OpPackedFloats(const AnyCpuOp& op, Shapes in);
void OpPack(const AnyCpuOp& op, Inputs<float> in, float* packed);
// Whether both pack the same weights to the same numbers: kind of op, shapes of what is packed, Op::SamePacking.
bool OpSamePacking(const AnyCpuOp& a, Shapes a_in, const AnyCpuOp& b, Shapes b_in);
int64_t OpScratchFloats(const AnyCpuOp& op, Shapes in, int threads);
void OpCpu(const AnyCpuOp& op, const CpuCall& call);
// Of ops that compute ranges of rows; 0 and nothing of others.
uint32_t OpBandedMask(const AnyCpuOp& op);
RowGrid OpRows(const AnyCpuOp& op, Shapes in);
RowRange OpRowsRead(const AnyCpuOp& op, Shapes in, int input, RowRange out);
int64_t OpCarryFloats(const AnyCpuOp& op, Shapes in);
int64_t OpRangeScratchFloats(const AnyCpuOp& op, Shapes in, int threads);

}  // namespace mien
