// Lets the CPU compute convolutions by Winograd's algorithm wherever it is faster (kernels/cpu/conv/winograd.h), which
// rounds about four times as much as the direct form (DESIGN.md, "Winograd, where the caller allows it"). With
// `late_weights` those of many channels are transformed at every use: the same bits in a quarter of their memory, in
// more time.
#pragma once

#include "graph/graph.h"

namespace mien {

void UseWinograd(Graph* graph, bool late_weights);

}  // namespace mien
