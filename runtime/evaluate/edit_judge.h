// What a generator draws of codes, and what the networks say of it: scores of the attribute classifier, who it is for
// the face recogniser and, where the model has one, for the recogniser of its own (docs/networks.md, "Evaluation").
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/evaluate/list_engine.h"
#include "runtime/face/face_networks.h"
#include "runtime/face/image.h"

namespace mien {

class EditJudge {
 public:
  // kUsage: the model has no generator or no classifier.
  static Result<EditJudge> Create(const std::shared_ptr<WeightStore>& weights, const RunOptions& run, int batch);

  const std::vector<std::string>& score_names() const { return config_.attributes->outputs; }
  // The place of an attribute among the scores; -1: the classifier does not know it.
  int ScoreOf(const std::string& attribute) const;
  int side() const { return config_.generator->resolution; }
  size_t code_numbers() const { return code_numbers_; }  // L D
  size_t picture_numbers() const { return size_t{3} * static_cast<size_t>(side()) * static_cast<size_t>(side()); }
  int batch() const { return engine_.batch(); }
  bool has_recognizer() const { return config_.recognizer.has_value(); }

  // `count` codes to pictures [3,R,R] as the generator gives them and their scores, shares and angles cut to their
  // range as the public evaluation does.
  Status Draw(size_t count, std::span<const float> codes, std::span<float> pictures, std::span<double> scores);
  // 8 bits, by the rounding of the model's family.
  Result<Image> ToImage(std::span<const float> picture) const;
  // What the model's own recogniser says of a picture.
  Result<std::vector<float>> Recognize(std::span<const float> picture);

  uint64_t multiply_adds() const { return engine_.multiply_adds(0) + engine_.multiply_adds(1); }  // of a picture drawn
  uint64_t bytes() const { return engine_.bytes(); }
  const ListEngine& engine() const { return engine_; }

 private:
  EditJudge(ModelConfig config, ListEngine engine);
  ModelConfig config_;
  ListEngine engine_;
  size_t code_numbers_;
  std::vector<float> small_, raw_;  // what the classifier sees and says
};

}  // namespace mien
