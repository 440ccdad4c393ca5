// How FastModConv cuts its work and where its packed numbers are: what Pack, Count and the kernels agree on.
#pragma once

#include "kernels/tensor/mod_conv.h"
#include "kernels/tensor/tile.h"

namespace mien {

// Calls body.operator()<Tile>() with the tile of a stride-1 layer. A fused image needs all outputs in one
// tile.
template <class Body>
auto WithModConvTile(const FastModConv::Params& p, const Body& body) {
  using Row = Window<3, 3>;
  using Tap = Window<3, 3, 1, 1>;
  const int outputs = GemmOutputs(p.weights.outputs), pixels = p.height * p.width;
  if (outputs == 32) return body.template operator()<GemmTile<Tap, 16, 16, 32, 4, 1, 3, 3>>();
  if (p.weights.rgb == 0 && pixels <= 16) return body.template operator()<GemmTile<Row, 4, 4, 64, 1, 4, 3>>();
  if (outputs == 64) return body.template operator()<GemmTile<Tap, 8, 16, 64, 2, 2, 3, 3>>();
  if (p.weights.rgb == 0 && pixels <= 256)
    return body.template operator()<GemmTile<Row, 8, 8, 128, 1, 4, 3, 2>>();
  return body.template operator()<GemmTile<Tap, 8, 16, 128, 2, 2, 2, 2>>();
}

// Tile: of either form.
template <class Tile>
GemmGrid ModConvGrid(const FastModConv::Params& p) {
  return GridOf<Tile>(p.height, p.width, GemmOutputs(p.weights.outputs),
                      GemmChunks(p.weights.precision, p.weights.inputs), p.most_splits);
}

// Offsets in the packed bytes: weights by PackGemm (taps in the order of the window), then floats. Absent ones
// are zero.
struct ModConvPacked {
  explicit constexpr ModConvPacked(const FastModConv::Weights& w)
      : strength(GemmWeightBytes(w.precision, w.inputs, w.outputs, 9)),
        bias(strength + 4),
        rgb_weight(bias + 4 * static_cast<uint64_t>(w.outputs)),
        rgb_bias(rgb_weight + 4 * static_cast<uint64_t>(w.rgb * w.outputs)),
        rgb_filter(rgb_bias + 4 * static_cast<uint64_t>(w.rgb)),
        filter(rgb_filter + (w.rgb > 0 ? 64 : 0)),
        end(filter + (w.up ? 64 : 0)) {}
  uint64_t strength, bias, rgb_weight, rgb_bias, rgb_filter, filter, end;
};

// What the transposed form (up_conv.cc) answers for ScratchBytes and Count.
uint64_t UpConvScratchBytes(const FastModConv::Params& params);
FastCost UpConvCount(const FastModConv::Params& params);

// Bytes of everything a call reads and writes once, but for scratch.
int64_t ModConvOperandBytes(const FastModConv::Params& params);

}  // namespace mien
