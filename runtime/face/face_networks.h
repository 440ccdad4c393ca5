// The face networks on photos: who finds which faces, where their landmarks are, and what the other networks say of
// each.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engine.h"
#include "runtime/face/face_input.h"

namespace mien {

// Scores below are no faces.
constexpr double kLeastFaceScore = 0.3;

struct AgeAndGender {
  double age = 0.0, male = 0.0;  // years; 0..1
};

struct FaceNetworksOptions : RunOptions {
  std::vector<int> cell_sizes = {};  // inputs of the small detector that will be asked for
  bool ssd = false;             // the stronger detector will be
  bool landmarks = false;
  bool descriptor = false, expression = false, age_gender = false;
};

// Each network is there when the options have it. Errors are those of the engine.
class FaceNetworks {
 public:
  // kUsage: the model lacks a network that is asked for.
  static Result<std::unique_ptr<FaceNetworks>> Create(std::shared_ptr<const ModelFile> model,
                                                      const FaceNetworksOptions& options);

  const Engine& engine() const { return *engine_; }

  // Faces in a part of the photo, best first, in pixels of the photo. Size: of the small detector's input.
  Result<std::vector<Box>> FindByCells(const Image& photo, const Part& part, int size);
  Result<std::vector<Box>> FindBySsd(const Image& photo, const Part& part);

  // Of a part of the photo that a face fills; landmarks as fractions of the part.
  Result<Landmarks> FindLandmarks(const Image& photo, const Part& part);
  Result<std::vector<float>> Describe(const Image& photo, const Part& part);
  Result<std::vector<float>> Expressions(const Image& photo, const Part& part);  // shares, in the order of kExpressions
  Result<AgeAndGender> AgeOf(const Image& photo, const Part& part);

 private:
  FaceNetworks() = default;
  // Runs program `i` on the part; its outputs stay in the engine until the next run.
  Status Run(int i, const Image& photo, const Part& part, InSquare place, const FaceScale& scale);

  std::shared_ptr<const ModelFile> model_;
  std::unique_ptr<Engine> engine_;
  std::vector<int> cell_sizes_;
  int ssd_ = -1, landmarks_ = -1, descriptor_ = -1, expression_ = -1, age_gender_ = -1;  // programs
  std::vector<float> anchors_, input_;
};

// A face and where the other networks looked at it.
struct FoundFace {
  Box box;              // of the detector
  Part part;            // what of it the landmarks come from
  Landmarks landmarks;  // in the photo
  Box aligned;          // around the landmarks: what expressions, age and gender are told from
};
// Its landmarks and what follows from them; nothing where too little of the box lies in the photo.
Result<std::optional<FoundFace>> LocateFace(FaceNetworks& networks, const Image& photo, const Box& box);

}  // namespace mien
