// The op: what every folder kernels/<op>/ provides, and the types its functions speak. An op is a struct of statics:
//
//   struct Op {
//     struct Params {...};                            // plain data
//     static constexpr const char* kName;
//     static Status Infer(const Params&, Shapes in, Shape* out);     // the only place that validates shapes;
//                                                      // writes kOutputs shapes
//     static Cost Count(const Params&, Shapes in);     // multiply-adds and bytes of one call
//     static void Ref(const Params&, Inputs<double>, Outputs<double>);  // reads like the formula
//     static constexpr uint32_t kPacked;               // bit i: input i is a weight the CPU kernel reads only packed
//     static bool SamePacking(const Params& a, Shapes a_in, const Params& b, Shapes b_in);  // whether Pack makes the
//                                                      // same of the same weights, whose shapes are equal
//     static int64_t PackedFloats(const Params&, Shapes in);
//     static void Pack(const Params&, Inputs<float> in, float* packed);   // once, at load
//     static int64_t ScratchFloats(const Params&, Shapes in, int threads);
//     static void Cpu(const Params&, const CpuCall&);   // no allocation; assumes Infer ran
//   };
//
// An op whose output is an image may also compute ranges of its rows, one after the other from row 0 on, from images of
// which a window of rows is in memory:
//
//     static constexpr uint32_t kBanded;               // bit i: input i may be a window
//     static RowGrid Rows(const Params&, Shapes in);
//     static RowRange RowsRead(const Params&, Shapes in, int input, RowRange out);  // of a windowed input, for a range
//     static int64_t CarryFloats(const Params&, Shapes in);  // what Cpu keeps from a range for the next
//     static int64_t RangeScratchFloats(const Params&, Shapes in, int threads);  // instead of ScratchFloats
//
// Where the CPU has a choice of algorithms, `struct CpuParams : Params` says which it may take; the functions from
// Count on but Ref take it then. The op's meaning is in Params alone.
//
// An op with a rule for gradients declares it, and <op>_grad.cc defines it for programs that learn (graph/gradient):
//
//     static void Grad(const Params&, GradCall* call);  // appends the nodes of its derivatives
//     static constexpr uint32_t kConstant;              // bit i: it has none by input i
//
// An absent optional operand has Shape::present() false and View::present() false. Ops never read a dimension of the
// batch to decide on arithmetic: a sample's bits do not depend on its neighbours, nor on the number of threads, nor on
// the range of rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>

#include "base/tensor.h"
#include "base/thread_pool.h"

namespace mien {

using Shapes = std::span<const Shape>;
template <class T>
using Inputs = std::span<const View<const T>>;
template <class T>
using Outputs = std::span<const View<T>>;

struct GradCall;  // graph/gradient/gradient.h

struct Cost {
  int64_t multiply_adds = 0;  // of the direct algorithm
  int64_t bytes = 0;          // inputs read once, outputs written once, fp32
  // Multiplications the CPU executes for them on one thread, empty columns of tiles included; filters and transforms
  // come on top, and what threads that share a layer compute twice.
  int64_t products = 0;
};

struct CpuCall {
  Inputs<float> in;     // weights that are read only packed have null data
  Outputs<float> out;
  const float* packed = nullptr;
  float* scratch = nullptr;  // ScratchFloats(), of ranges RangeScratchFloats(); contents undefined
  ThreadPool* threads = nullptr;
  RowRange rows = {0, std::numeric_limits<int64_t>::max()};  // what to compute of out[0], for ops with kBanded

  float* carry = nullptr;  // CarryFloats(); as the range before left it; null: the range is the whole

  RowRange OutRows() const { return {rows.begin, std::min(rows.end, out[0].shape[2])}; }
};

// Whether a mask of inputs (bit i: input i) has input i. Inputs 32 and up are never in a mask.
constexpr bool HasInput(uint32_t mask, size_t i) { return i < 32 && (mask >> i & 1) != 0; }

// Most ops read their operands as they are and need no scratch: they inherit these statics.
struct NoPacking {
  static constexpr uint32_t kPacked = 0;
  template <class Params>
  static int64_t PackedFloats(const Params&, Shapes) {
    return 0;
  }
  template <class Params>
  static void Pack(const Params&, Inputs<float>, float*) {}
};
struct NoScratch {
  template <class Params>
  static int64_t ScratchFloats(const Params&, Shapes, int /*threads*/) {
    return 0;
  }
};

template <class Op>
struct CpuParamsOf {
  using Type = typename Op::Params;
};
template <class Op>
  requires requires { typename Op::CpuParams; }
struct CpuParamsOf<Op> {
  using Type = typename Op::CpuParams;
};
template <class Op>
using CpuParams = typename CpuParamsOf<Op>::Type;

template <class Op>
concept HasBands = requires { Op::kBanded; };

// Pointwise functions that follow (or precede) a linear map. kLeaky: x >= 0 ? x : slope * x; kPRelu: the slope is a
// per-channel operand of the op.
enum class Activation : uint8_t { kNone, kRelu, kLeaky, kPRelu, kSigmoid };

}  // namespace mien
