// Which tile (tile.h) a convolution is computed with, and where its packed weights lie.
#pragma once

#include <algorithm>

#include "kernels/tensor/conv.h"
#include "kernels/tensor/pack.h"
#include "kernels/tensor/tile.h"

namespace mien {

template <class... Tiles>
struct TileList {
  static constexpr int kSize = sizeof...(Tiles);
};

template <int kTaps, int kStride>
struct ConvTiles;
template <class W, int kHeight, int kWidth, int kOutputs, int kWarpsM, int kWarpsN>
using ConvTile = GemmTile<W, kHeight, kWidth, kOutputs, kWarpsM, kWarpsN>;
template <>
struct ConvTiles<3, 1> {
  using W = Window<3, 3>;
  using List = TileList<ConvTile<W, 8, 16, 128, 2, 4>, ConvTile<W, 8, 16, 64, 4, 2>,
                        ConvTile<W, 8, 8, 64, 2, 2>, ConvTile<W, 4, 4, 64, 1, 4>>;
};
// Each warp has all pixels of a large tile, so that weights that it reads serve eight products.
template <>
struct ConvTiles<3, 2> {
  using W = Window<3, 3, 2>;
  using List =
      TileList<ConvTile<W, 8, 8, 128, 1, 4>, ConvTile<W, 8, 8, 64, 1, 2>, ConvTile<W, 4, 4, 64, 1, 4>>;
};
template <>
struct ConvTiles<1, 1> {
  using W = Window<1, 1>;
  using List = TileList<ConvTile<W, 8, 16, 128, 2, 4>, ConvTile<W, 8, 8, 64, 2, 2>>;
};
template <>
struct ConvTiles<1, 2> {
  using List = TileList<ConvTile<Window<1, 1, 2>, 8, 8, 64, 2, 2>>;
};
template <>
struct ConvTiles<2, 1> {  // what is left of the last convolution of a style head
  using List = TileList<ConvTile<Window<2, 2>, 4, 4, 64, 1, 4>>;
};
template <>
struct ConvTiles<7, 2> {
  using List = TileList<ConvTile<Window<7, 7, 2>, 4, 8, 64, 2, 2>>;
};

// The GEMMs of a layer. Groups that share their input are one.
constexpr int GemmGroups(const FastConv::Weights& w) { return w.shared_input ? 1 : w.groups; }
constexpr int GroupChannels(const FastConv::Weights& w) {  // that are stored
  return static_cast<int>(MapChannels(w.outputs)) * (w.shared_input ? w.groups : 1);
}
constexpr int GroupOutputs(const FastConv::Weights& w) { return GemmOutputs(std::max(64, GroupChannels(w))); }

// Time on a large device, in arbitrary units: rounds of blocks, each bound by products or by what it reads.
template <class Tile>
int64_t TileCost(const FastConv::Params& p) {
  constexpr int kProcessors = 128, kProductsPerByte = 40;
  const int outputs = GroupOutputs(p.weights);
  if (outputs % Tile::kOutputs != 0) return -1;
  const int64_t blocks = int64_t{DivideUp(p.out_height, Tile::kHeight)} *
                         DivideUp(p.out_width, Tile::kWidth) * GemmGroups(p.weights) *
                         (outputs / Tile::kOutputs);
  const int products = Tile::kPixels * Tile::kOutputs / kProductsPerByte,
            bytes = Tile::kPixels + Tile::kOutputs;
  return (blocks + kProcessors - 1) / kProcessors * std::max(products, bytes);
}

template <class Body, class Tile, class... More>
auto WithTile(int tile, const Body& body, TileList<Tile, More...>) {
  if constexpr (sizeof...(More) > 0) {
    if (tile > 0) return WithTile(tile - 1, body, TileList<More...>());
  }
  return body.template operator()<Tile>();
}

// Calls body.operator()<List>() with the list of the tiles that do.
template <class Body>
auto WithConvTiles(const FastConv::Params& p, const Body& body) {
  switch (p.weights.taps * 10 + p.stride) {
    case 31:
      return body.template operator()<ConvTiles<3, 1>::List>();
    case 32:
      return body.template operator()<ConvTiles<3, 2>::List>();
    case 11:
      return body.template operator()<ConvTiles<1, 1>::List>();
    case 12:
      return body.template operator()<ConvTiles<1, 2>::List>();
    case 72:
      return body.template operator()<ConvTiles<7, 2>::List>();
    default:
      return body.template operator()<ConvTiles<2, 1>::List>();
  }
}

// Calls body.operator()<Tile>() with the tile of number p.tile.
template <class Body>
auto WithConvTile(const FastConv::Params& p, const Body& body) {
  return WithConvTiles(p, [&]<class List>() { return WithTile(p.tile, body, List()); });
}

constexpr int ConvChunks(const FastConv::Weights& w) { return GemmChunks(w.precision, w.inputs); }
template <class Tile>
GemmGrid ConvGrid(const FastConv::Params& p) {
  return GridOf<Tile>(p.out_height, p.out_width, GemmGroups(p.weights) * GroupOutputs(p.weights),
                      ConvChunks(p.weights), p.most_splits);
}

// Packed: bias[class][output] and with prelu slopes[output] as floats, the outputs of all GEMMs; then their
// weights.
constexpr int kBorderClasses = 16;  // bit 0: first row of taps in the padding, 1: last; 2 and 3: columns
constexpr int BiasFloats(const FastConv::Weights& w) {
  return (w.border ? kBorderClasses : 1) * GemmGroups(w) * GroupOutputs(w);
}
constexpr uint64_t TableBytes(const FastConv::Weights& w) {
  return BiasBytes(BiasFloats(w) + (w.prelu ? GemmGroups(w) * GroupOutputs(w) : 0));
}

}  // namespace mien
