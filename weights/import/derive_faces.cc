// The configs of the face networks, read off the shapes of their tensors.
#include <algorithm>
#include <string>

#include "weights/import/derive.h"

namespace mien {

Result<FaceDetectorConfig> DeriveFaceDetector(const Settings& file, const std::string& prefix, Notes*) {
  const Keys keys(file, prefix);
  FaceDetectorConfig d;
  d.channels[0] = keys.Dim("conv0/filters", 0);
  for (size_t i = 1; i < d.channels.size(); ++i)
    d.channels[i] = keys.Dim(Join({"conv", std::to_string(i), "/pointwise_filter"}), 0);
  d.boxes = keys.Dim("conv8/bias", 0) / 5;
  return d;
}

Result<FaceDetectorSsdConfig> DeriveFaceDetectorSsd(const Settings& file, const std::string& prefix, Notes*) {
  const Keys keys(file, prefix);
  FaceDetectorSsdConfig d;
  for (size_t i = 0; i < d.channels.size(); ++i)
    d.channels[i] = keys.Dim(Join({"MobilenetV1/Conv2d_", std::to_string(i), "_pointwise/weights"}), 0);
  for (size_t i = 0; i < d.extra_channels.size(); ++i)
    d.extra_channels[i] = keys.Dim(Join({"Prediction/Conv2d_", std::to_string(i), "_pointwise/weights"}), 0);
  for (size_t i = 0; i < d.boxes.size(); ++i) {
    const std::string predictor = Join({"Prediction/BoxPredictor_", std::to_string(i)});
    d.boxes[i] = keys.Dim(predictor + "/BoxEncodingPredictor/biases", 0) / 4;
    if (i == 0) d.classes = keys.Dim(predictor + "/ClassPredictor/biases", 0) / std::max(1, d.boxes[0]);
  }
  return d;
}

namespace {

template <class Config>
Result<Config> DeriveDense(const Settings& file, const std::string& prefix) {
  const Keys keys(file, prefix);
  Config config;
  for (size_t i = 0; i < config.channels.size(); ++i)
    config.channels[i] = keys.Dim(Join({"dense", std::to_string(i), "/conv1/bias"}), 0);
  return config;
}

}  // namespace

Result<FaceLandmarksConfig> DeriveFaceLandmarks(const Settings& file, const std::string& prefix, Notes*) {
  return DeriveDense<FaceLandmarksConfig>(file, prefix);
}

Result<FaceExpressionConfig> DeriveFaceExpression(const Settings& file, const std::string& prefix, Notes*) {
  return DeriveDense<FaceExpressionConfig>(file, prefix);
}

Result<FaceRecognizerConfig> DeriveFaceRecognizer(const Settings& file, const std::string& prefix, Notes*) {
  const Keys keys(file, prefix);
  FaceRecognizerConfig r;
  for (size_t s = 0; s < r.blocks.size(); ++s)
    r.blocks[s] = keys.Count(Join({"conv", std::to_string(r.channels[s]), "_"}), "/conv1/conv/filters", 1);
  r.descriptor = keys.Dim("fc", 0);
  return r;
}

Result<FaceAgeGenderConfig> DeriveFaceAgeGender(const Settings& file, const std::string& prefix, Notes*) {
  const Keys keys(file, prefix);
  FaceAgeGenderConfig a;
  a.channels = {keys.Dim("entry_flow/conv_in/bias", 0), keys.Dim("entry_flow/reduction_block_0/expansion_conv/bias", 0),
                keys.Dim("entry_flow/reduction_block_1/expansion_conv/bias", 0),
                keys.Dim("exit_flow/reduction_block/expansion_conv/bias", 0),
                keys.Dim("exit_flow/separable_conv/bias", 0)};
  a.middle_blocks = keys.Count("middle_flow/main_block_", "/separable_conv0/bias");
  return a;
}

}  // namespace mien
