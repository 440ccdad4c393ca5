// Lets the CPU compute convolutions by Winograd's algorithm wherever it is faster (kernels/gemm/winograd.h):
// less exact than the direct form by a factor of ten, see DESIGN.md, "Bits".
#pragma once

#include "graph/graph.h"

namespace mien {

void UseWinograd(Graph* graph);

}  // namespace mien
