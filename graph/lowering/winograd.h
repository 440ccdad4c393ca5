// Lets the CPU compute convolutions by Winograd's algorithm wherever it is faster (kernels/cpu/conv/winograd.h):
// less exact than the direct form by a factor of ten, see DESIGN.md, "Bits". With `late_weights` those of many
// channels are transformed at every use: the same bits in a quarter of their memory, in more time.
#pragma once

#include "graph/graph.h"

namespace mien {

void UseWinograd(Graph* graph, bool late_weights);

}  // namespace mien
