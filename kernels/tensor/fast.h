// The fast forms on the device: tensor cores, channels-last feature maps, everything fused that the mathematics lets
// one fuse. graph/lowering/lower.h turns a graph of ops (kernels/ops.def) into calls of these; their formulas are
// those of the ops they stand for, so they need no reference of their own. A fast op is a struct of statics:
//
//   struct Op {
//     struct Weights {...};            // what Pack depends on: shapes and flags, never the batch
//     struct Params { Weights weights; Precision precision; ... };   // plain data with operator==
//     enum Source {..., kSources};     // tensors that Pack reads; absent where View::present() is false
//     enum Operand {..., kOperands};   // pointers of a call; kPacked is what Pack made
//     enum Result {..., kResults};
//     static constexpr const char* kName;
//     static uint64_t PackedBytes(const Weights&);            // 0: no weights
//     static void Pack(const Weights&, Inputs<float> sources, std::byte* packed);   // on the host, once, at load
//     static uint64_t ResultBytes(const Params&, int result); // 0: this result is not made
//     static uint64_t ScratchBytes(const Params&);
//     static FastCost Count(const Params&);
//   };
//   template <> Status RunFast<Op>(const Op::Params&, const FastCall&);   // kernels/tensor/<op>.cu
//
// Forms of values between fast ops:
//   rows    fp32, the op graph's own layout ([N,D], [N,L,D])
//   image   fp32 planar [N,C,H,W]: inputs and outputs of programs, the skip of ToRGB
//   map     [N,H,W,Cs] of the precision's element, Cs = MapChannels(C); channels from C on are zero.
//           tf32 maps hold floats that are rounded to tf32 where they are written, so that kernels never convert.
// A sample's bits do not depend on its neighbours: tiles never span samples, sums have an order given by the op's own
// shape.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/op.h"

namespace mien {

enum class Precision : uint8_t { kFloat, kTf32, kHalf };  // kFloat: the plain kernels

constexpr int ElementBytes(Precision precision) { return precision == Precision::kHalf ? 2 : 4; }
constexpr int64_t MapChannels(int64_t channels) { return (channels + 15) / 16 * 16; }
inline uint64_t MapBytes(Precision precision, int64_t n, int64_t height, int64_t width, int64_t channels) {
  return static_cast<uint64_t>(n * height * width * MapChannels(channels) * ElementBytes(precision));
}

constexpr uint8_t kEnoughBlocks = 128;  // for a large device to be busy; layers with fewer split their sums over K

struct FastCost {
  int launches = 0;
  int64_t multiply_adds = 0;  // executed, tiles' margins included
  int64_t bytes = 0;          // modelled DRAM traffic: every operand read once, every result written once, per launch
  Precision unit = Precision::kFloat;  // who multiplies: fmaf, or the tensor cores on tf32 or halves
  FastCost& operator+=(const FastCost& other) {
    launches += other.launches;
    multiply_adds += other.multiply_adds;
    bytes += other.bytes;
    return *this;
  }
};

// Fast ops without weights inherit this.
struct NoWeights {
  struct Weights {
    bool operator==(const Weights&) const = default;
  };
  enum Source { kSources };
  static uint64_t PackedBytes(const Weights&) { return 0; }
  static void Pack(const Weights&, Inputs<float>, std::byte*) {}
};

}  // namespace mien
