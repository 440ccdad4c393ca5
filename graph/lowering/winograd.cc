#include "graph/lowering/winograd.h"

namespace mien {

void UseWinograd(Graph* graph, bool late_weights) {
  for (Node& node : graph->nodes) {
    const auto allow = [&](auto* conv) {
      if (conv == nullptr) return;
      conv->params.winograd = true;
      conv->params.late_weights = late_weights;
    };
    allow(std::get_if<OpCall<ModConv>>(&node.op));
    allow(std::get_if<OpCall<Conv2d>>(&node.op));
  }
}

}  // namespace mien
