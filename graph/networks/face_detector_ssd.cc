// The stronger detector: MobileNet (arXiv:1704.04861) with boxes predicted on six of its maps, as SSD does
// (arXiv:1512.02325; networks.md, "Face networks").
#include "graph/networks/face_layers.h"
#include "graph/networks/networks.h"

namespace mien {
namespace {

constexpr FaceAct kRelu6 = {.act = Activation::kRelu, .clamp = 6.0f};

ValueId PointwiseConv(const Module& m, const std::string& path, int stride, ValueId x) {
  return AppendConv(m, {.path = path + "_pointwise",
                        .weight = "weights",
                        .bias = "convolution_bn_offset",
                        .stride = stride,
                        .act = kRelu6},
                    x);
}

bool IsDownsampling(size_t layer) { return layer == 2 || layer == 4 || layer == 6 || layer == 12; }

}  // namespace

Result<Graph> BuildFaceDetectorSsd(const ModelConfig& config, const FaceDetectorSsdOptions& options,
                                   const GraphOptions& graph) {
  MIEN_TRY(CheckBuild(config.face_detector_ssd.has_value(), "SSD face detector", graph.batch));
  const FaceDetectorSsdConfig& d = *config.face_detector_ssd;
  Builder b(NameOf(options), config, graph.trace);
  const Module m(&b, "face_detector_ssd.");
  std::vector<ValueId> maps;
  ValueId x = b.Input("image", {graph.batch, 3, d.input_size, d.input_size});
  x = PointwiseConv(m, "MobilenetV1/Conv2d_0", 2, x);
  for (size_t i = 1; i < d.channels.size(); ++i) {
    const std::string path = "MobilenetV1/Conv2d_" + std::to_string(i);
    x = AppendDepthwise(m, {.path = path + "_depthwise",
                            .weight = "depthwise_weights",
                            .stride = IsDownsampling(i) ? 2 : 1,
                            .norm = true,
                            .act = kRelu6},
                        x);
    x = PointwiseConv(m, path, 1, x);
    if (i == 11 || i == 13) maps.push_back(x);
  }
  for (size_t i = 0; i < d.extra_channels.size(); ++i) {
    x = PointwiseConv(m, "Prediction/Conv2d_" + std::to_string(i), i % 2 == 0 ? 1 : 2, x);
    if (i % 2 == 1) maps.push_back(x);
  }
  for (size_t i = 0; i < maps.size(); ++i) {
    const std::string number = std::to_string(i), path = "Prediction/BoxPredictor_" + number;
    const auto predict = [&](const char* what) {
      return AppendConv(m, {.path = path + what, .weight = "weights", .bias = "biases"}, maps[i]);
    };
    b.Output("boxes." + number, predict("/BoxEncodingPredictor"));
    b.Output("classes." + number, predict("/ClassPredictor"));
  }
  return b.Finish();
}

}  // namespace mien
