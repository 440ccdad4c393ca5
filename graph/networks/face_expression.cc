// Seven expressions, before the softmax (networks.md, "Face networks").
#include "graph/networks/face_layers.h"
#include "graph/networks/networks.h"

namespace mien {

Result<Graph> BuildFaceExpression(const ModelConfig& config, const FaceExpressionOptions& options,
                                  const GraphOptions& graph) {
  MIEN_TRY(CheckBuild(config.face_expression.has_value(), "expression network", graph.batch));
  const FaceExpressionConfig& e = *config.face_expression;
  Builder b(NameOf(options), config, graph.trace);
  const Module m(&b, "face_expression.");
  const ValueId image = b.Input("image", {graph.batch, 3, e.input_size, e.input_size});
  const ValueId features = AppendDenseBlocks(m, static_cast<int>(e.channels.size()), image);
  b.Output("logits", AppendFullyConnected(m, "fc", features));
  return b.Finish();
}

}  // namespace mien
