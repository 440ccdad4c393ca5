// What the functions that derive a network's config from a foreign file share: the tensors under one prefix, and the
// functions of the face networks (derive_faces.cc). The other networks' are in derive.cc.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "weights/import/detect.h"
#include "weights/layout.h"

namespace mien {

using Notes = std::vector<std::string>;

// The tensors and settings of a file whose names begin with a prefix.
class Keys {
 public:
  Keys(const Settings& settings, std::string prefix) : settings_(settings), prefix_(std::move(prefix)) {}

  // Also what was not read: it is demanded then, and refused with the reason.
  bool Has(const std::string& name) const {
    const ForeignFile& file = settings_.file();
    return file.Find(prefix_ + name) != nullptr || file.unread.count(prefix_ + name) > 0;
  }
  // One dimension of a tensor; 0 when it is not there, which no config accepts.
  int Dim(const std::string& name, int axis) const {
    const ForeignTensor* tensor = settings_.file().Find(prefix_ + name);
    return tensor == nullptr || axis >= tensor->shape.rank ? 0 : static_cast<int>(tensor->shape[axis]);
  }
  // How many of before0after, before1after, ... are there in a row.
  int Count(const std::string& before, const std::string& after, int first = 0, int step = 1) const {
    int count = 0;
    while (count < kMaxCount && Has(before + std::to_string(first + count * step) + after)) ++count;
    return count;
  }
  const Settings& settings() const { return settings_; }
  const std::string& prefix() const { return prefix_; }

 private:
  static constexpr int kMaxCount = 4096;

  const Settings& settings_;
  std::string prefix_;
};

inline std::string Join(std::initializer_list<std::string> parts) {
  std::string text;
  for (const std::string& part : parts) text += part;
  return text;
}

// The face networks have TensorFlow's names, and their shapes say all there is to say.
Result<FaceDetectorConfig> DeriveFaceDetector(const Settings& file, const std::string& prefix, Notes* notes);
Result<FaceDetectorSsdConfig> DeriveFaceDetectorSsd(const Settings& file, const std::string& prefix, Notes* notes);
Result<FaceLandmarksConfig> DeriveFaceLandmarks(const Settings& file, const std::string& prefix, Notes* notes);
Result<FaceExpressionConfig> DeriveFaceExpression(const Settings& file, const std::string& prefix, Notes* notes);
Result<FaceRecognizerConfig> DeriveFaceRecognizer(const Settings& file, const std::string& prefix, Notes* notes);
Result<FaceAgeGenderConfig> DeriveFaceAgeGender(const Settings& file, const std::string& prefix, Notes* notes);

}  // namespace mien
