// The small detector: separable convolutions on a grid of cells of 32 pixels, five boxes in each (networks.md, "Face
// networks").
#include "graph/networks/face_layers.h"
#include "graph/networks/networks.h"

namespace mien {

Result<Graph> BuildFaceDetector(const ModelConfig& config, const FaceDetectorOptions& options,
                                const GraphOptions& graph) {
  MIEN_TRY(CheckBuild(config.face_detector.has_value(), "face detector", graph.batch));
  const int size = options.size == 0 ? config.face_detector->input_size : options.size;
  if (size < kFaceCell || size > kMaxFaceSize || size % kFaceCell != 0) {
    return Status::Error(Code::kUsage, "face_detector: size %d, a multiple of %d up to %d expected", size, kFaceCell,
                         kMaxFaceSize);
  }
  constexpr FaceAct kLeaky = {.act = Activation::kLeaky, .slope = 0.1f};
  const size_t layers = config.face_detector->channels.size();
  Builder b(NameOf(options), config, graph.trace);
  const Module m(&b, "face_detector.");
  ValueId x = b.Input("image", {graph.batch, 3, size, size});
  x = AppendConv(m, {.path = "conv0", .padding = Padding::kValid, .act = kLeaky}, x);
  for (size_t i = 1; i < layers; ++i) {
    x = AppendMaxPool(m, "pool" + std::to_string(i - 1), 2, 2, Padding::kSame, x);
    x = AppendSeparable(m, {.path = "conv" + std::to_string(i), .act = kLeaky}, x);
  }
  x = AppendMaxPool(m, "pool" + std::to_string(layers - 1), 2, 1, Padding::kSame, x);
  b.Output("cells", AppendConv(m, {.path = "conv8"}, x));
  return b.Finish();
}

}  // namespace mien
