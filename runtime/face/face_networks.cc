#include "runtime/face/face_networks.h"

#include <algorithm>
#include <cmath>

#include "runtime/weight_store.h"

namespace mien {
namespace {

// Shares that sum to one.
std::vector<float> Softmax(std::span<const float> logits) {
  std::vector<float> shares(logits.begin(), logits.end());
  const float most = *std::max_element(shares.begin(), shares.end());
  float sum = 0.0f;
  for (float& share : shares) sum += share = std::exp(share - most);
  for (float& share : shares) share /= sum;
  return shares;
}

// From the part's own pixels to those of the photo.
std::vector<Box> Moved(std::vector<Box> boxes, const Part& part) {
  for (Box& box : boxes) {
    box.x += part.x;
    box.y += part.y;
  }
  return boxes;
}

std::vector<SsdMap> MapsOf(const Engine& engine, int program, const FaceDetectorSsdConfig& config) {
  std::vector<SsdMap> maps;
  const Graph& graph = engine.graph(program);
  for (size_t i = 0; i < config.boxes.size(); ++i) {  // outputs boxes.0, classes.0, boxes.1, ...
    const int boxes = static_cast<int>(2 * i);
    const ValueId value = graph.outputs[2 * i].value;
    maps.push_back({engine.output(program, boxes), engine.output(program, boxes + 1), config.boxes[i],
                    static_cast<int>(graph.values[static_cast<size_t>(value)].shape[2])});
  }
  return maps;
}

}  // namespace

Result<std::unique_ptr<FaceNetworks>> FaceNetworks::Create(std::shared_ptr<const ModelFile> model,
                                                           const FaceNetworksOptions& options) {
  std::unique_ptr<FaceNetworks> faces(new FaceNetworks);
  EngineOptions wanted = {options, 1, {}};
  const auto add = [&](bool asked, const NetworkOptions& network, int* program) {
    if (!asked) return;
    *program = static_cast<int>(wanted.programs.size());
    wanted.programs.push_back({network});
  };
  faces->cell_sizes_ = options.cell_sizes;
  for (const int size : options.cell_sizes) wanted.programs.push_back({FaceDetectorOptions{size}});
  add(options.ssd, FaceDetectorSsdOptions{}, &faces->ssd_);
  add(options.landmarks, FaceLandmarksOptions{}, &faces->landmarks_);
  add(options.descriptor, FaceRecognizerOptions{}, &faces->descriptor_);
  add(options.expression, FaceExpressionOptions{}, &faces->expression_);
  add(options.age_gender, FaceAgeGenderOptions{}, &faces->age_gender_);
  MIEN_ASSIGN(faces->engine_, Engine::Create(std::make_shared<WeightStore>(model), wanted));
  if (options.ssd) {
    faces->anchors_.resize(static_cast<size_t>(4 * model->config().face_detector_ssd->anchors()));
    MIEN_TRY(model->ReadFloats("face_detector_ssd.Output/extra_dim", faces->anchors_));
  }
  faces->model_ = std::move(model);
  return faces;
}

Status FaceNetworks::Run(int i, const Image& photo, const Part& part, InSquare place, const FaceScale& scale) {
  if (i < 0) return Status::Error(Code::kUsage, "a face network that was not asked for");
  const Graph& graph = engine_->graph(i);
  const Shape& shape = graph.values[static_cast<size_t>(graph.inputs[0])].shape;
  input_.resize(static_cast<size_t>(shape.elements()));
  ToSquare(photo, part, place, static_cast<int>(shape[2]), scale, input_);
  const std::span<const float> inputs[] = {input_};
  return engine_->Run(i, inputs, std::vector<std::span<float>>(graph.outputs.size()));
}

Result<std::vector<Box>> FaceNetworks::FindByCells(const Image& photo, const Part& part, int size) {
  const auto found = std::find(cell_sizes_.begin(), cell_sizes_.end(), size);
  const int program = found == cell_sizes_.end() ? -1 : static_cast<int>(found - cell_sizes_.begin());
  MIEN_TRY(Run(program, photo, part, InSquare::kCorner, kCellScale));
  return Moved(BoxesOfCells(engine_->output(program, 0), {part.width, part.height, size}, kLeastFaceScore), part);
}

Result<std::vector<Box>> FaceNetworks::FindBySsd(const Image& photo, const Part& part) {
  MIEN_TRY(Run(ssd_, photo, part, InSquare::kCorner, kSsdScale));
  const FaceDetectorSsdConfig& config = *model_->config().face_detector_ssd;
  const DetectorView view = {part.width, part.height, config.input_size};
  return Moved(BoxesOfMaps(MapsOf(*engine_, ssd_, config), config.classes, anchors_, view, kLeastFaceScore), part);
}

Result<Landmarks> FaceNetworks::FindLandmarks(const Image& photo, const Part& part) {
  MIEN_TRY(Run(landmarks_, photo, part, InSquare::kMiddle, kCropScale));
  return RelativeLandmarks(engine_->output(landmarks_, 0), model_->config().face_landmarks->input_size, part);
}

Result<std::vector<float>> FaceNetworks::Describe(const Image& photo, const Part& part) {
  MIEN_TRY(Run(descriptor_, photo, part, InSquare::kMiddle, kCropScale));
  const std::span<const float> descriptor = engine_->output(descriptor_, 0);
  return std::vector<float>(descriptor.begin(), descriptor.end());
}

Result<std::vector<float>> FaceNetworks::Expressions(const Image& photo, const Part& part) {
  MIEN_TRY(Run(expression_, photo, part, InSquare::kMiddle, kCropScale));
  return Softmax(engine_->output(expression_, 0));
}

Result<AgeAndGender> FaceNetworks::AgeOf(const Image& photo, const Part& part) {
  MIEN_TRY(Run(age_gender_, photo, part, InSquare::kMiddle, kCropScale));
  const double age = engine_->output(age_gender_, 0)[0];
  return AgeAndGender{age, Softmax(engine_->output(age_gender_, 1))[0]};
}

Result<std::optional<FoundFace>> LocateFace(FaceNetworks& networks, const Image& photo, const Box& box) {
  FoundFace face;
  face.box = box;
  face.part = PartOf(box, photo.width, photo.height);
  if (face.part.empty()) return std::optional<FoundFace>();
  MIEN_ASSIGN(const Landmarks relative, networks.FindLandmarks(photo, face.part));
  face.landmarks = LandmarksIn(relative, face.part, box);
  face.aligned = BoxAround(face.landmarks);
  face.aligned.score = box.score;
  if (PartOf(face.aligned, photo.width, photo.height).empty()) return std::optional<FoundFace>();
  return std::optional<FoundFace>(face);
}

}  // namespace mien
