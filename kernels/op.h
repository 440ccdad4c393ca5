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
//     static int64_t PackedFloats(const Params&, Shapes in);
//     static void Pack(const Params&, Inputs<float> in, float* packed);   // once, at load
//     static int64_t ScratchFloats(const Params&, Shapes in, int threads);
//     static void Cpu(const Params&, const CpuCall&);   // no allocation; assumes Infer ran
//   };
//
// An absent optional operand has Shape::present() false and View::present() false. Ops never read a dimension of the
// batch to decide on arithmetic: a sample's bits do not depend on its neighbours, nor on the number of threads.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/base/tensor.h"
#include "runtime/base/thread_pool.h"

namespace mien {

using Shapes = std::span<const Shape>;
template <class T>
using Inputs = std::span<const View<const T>>;
template <class T>
using Outputs = std::span<const View<T>>;

struct Cost {
  int64_t multiply_adds = 0;  // of the direct algorithm
  int64_t bytes = 0;          // inputs read once, outputs written once, fp32
  int64_t products = 0;       // multiplications the CPU executes for them; filters and transforms come on top
};

struct CpuCall {
  Inputs<float> in;     // weights that are read only packed have null data
  Outputs<float> out;
  const float* packed = nullptr;
  float* scratch = nullptr;  // ScratchFloats(); contents undefined
  ThreadPool* threads = nullptr;
};

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

// Pointwise functions that follow (or precede) a linear map. kLeaky: x >= 0 ? x : slope * x; kPRelu: the slope is a
// per-channel operand of the op.
enum class Activation : uint8_t { kNone, kRelu, kLeaky, kPRelu, kSigmoid };

}  // namespace mien
