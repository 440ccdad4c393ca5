#include "graph/winograd.h"

namespace mien {

void UseWinograd(Graph* graph) {
  for (Node& node : graph->nodes) {
    if (auto* conv = std::get_if<OpCall<ModConv>>(&node.op)) conv->params.winograd = true;
    if (auto* conv = std::get_if<OpCall<Conv2d>>(&node.op)) conv->params.winograd = true;
  }
}

}  // namespace mien
