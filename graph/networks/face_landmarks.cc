// 68 landmarks of a face that fills the picture (networks.md, "Face networks").
#include "graph/networks/face_layers.h"
#include "graph/networks/networks.h"

namespace mien {

Result<Graph> BuildFaceLandmarks(const ModelConfig& config, const FaceLandmarksOptions& options,
                                 const GraphOptions& graph) {
  MIEN_TRY(CheckBuild(config.face_landmarks.has_value(), "landmark network", graph.batch));
  const FaceLandmarksConfig& l = *config.face_landmarks;
  Builder b(NameOf(options), config, graph.trace);
  const Module m(&b, "face_landmarks.");
  const ValueId image = b.Input("image", {graph.batch, 3, l.input_size, l.input_size});
  const ValueId features = AppendDenseBlocks(m, static_cast<int>(l.channels.size()), image);
  b.Output("landmarks", AppendFullyConnected(m, "fc", features));
  return b.Finish();
}

}  // namespace mien
