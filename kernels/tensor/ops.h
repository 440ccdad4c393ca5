// The table made from ops.def: a variant of all fast ops and the functions of kernels/tensor/fast.h by table.
#pragma once

#include <variant>
#include <vector>

#include "kernels/ops.h"
#include "kernels/tensor/conv.h"
#include "kernels/tensor/convert_map.h"
#include "kernels/tensor/map_linear.h"
#include "kernels/tensor/mod_conv.h"
#include "kernels/tensor/rows_coupling.h"
#include "kernels/tensor/rows_linear.h"
#include "kernels/tensor/squeeze_excite.h"
#include "kernels/tensor/styles.h"
#include "kernels/tensor/to_rgb.h"

namespace mien {

template <class Op>
struct FastOpCall {
  using Type = Op;
  typename Op::Params params;
  bool operator==(const FastOpCall&) const = default;
};

// One op of kernels/ops.def by its plain kernel (kernels/<op>/<op>.cu): values are fp32 in the op graph's own
// layout, weights are plain floats. in and out: shapes of operands and results.
struct PlainOp {
  AnyOp op;
  std::vector<Shape> in, out;
  bool operator==(const PlainOp&) const = default;
};

using FastOp = std::variant<std::monostate, PlainOp
#define MIEN_FAST_OP(name) , FastOpCall<name>
#include "kernels/tensor/ops.def"
#undef MIEN_FAST_OP
                            >;

const char* FastName(const FastOp& op);
int FastOperands(const FastOp& op);
int FastResults(const FastOp& op);
uint64_t FastResultBytes(const FastOp& op, int result);
FastCost FastCount(const FastOp& op);
uint64_t FastPackedBytes(const FastOp& op);
void FastPack(const FastOp& op, Inputs<float> sources, std::byte* packed);
bool FastSameWeights(const FastOp& a, const FastOp& b);  // the same kind of op with equal Weights

}  // namespace mien
