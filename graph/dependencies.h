// Which parts of a graph's inputs every node depends on, directly or through others: what has to be computed
// again when a part changes. A part is a row of an input [N,L,D], for all samples, where nodes read single
// rows of it (w_plus); otherwise it is a whole input.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace mien {

struct InputPart {
  int input;    // of Graph::inputs
  int64_t row;  // -1: the whole input
};

struct Dependencies {
  static constexpr int kMostParts = 63;  // parts 62 and up share the last bit: at worst too much is computed
  std::vector<InputPart> parts;
  std::vector<uint64_t> nodes;  // bit p: depends on part p

  static uint64_t Bit(size_t part) { return uint64_t{1} << (part < kMostParts ? part : kMostParts - 1); }
};

Dependencies FindDependencies(const Graph& graph);

}  // namespace mien
