#include "runtime/evaluate/edit_judge.h"

#include <algorithm>
#include <array>

#include "runtime/evaluate/measures.h"
#include "runtime/face/attribute_scores.h"

namespace mien {
namespace {

enum Network : int { kSynthesis, kAttributes, kRecognizer };

// e4e averages pictures to this side and takes this part of them for the recogniser.
constexpr int kRecognizerPicture = 256, kRecognizerTop = 35, kRecognizerLeft = 32, kRecognizerPart = 188;

}  // namespace

EditJudge::EditJudge(ModelConfig config, ListEngine engine)
    : config_(std::move(config)),
      engine_(std::move(engine)),
      code_numbers_(static_cast<size_t>(config_.generator->rows()) * static_cast<size_t>(config_.generator->w_dim)) {}

Result<EditJudge> EditJudge::Create(const std::shared_ptr<WeightStore>& weights, const RunOptions& run, int batch) {
  const ModelConfig& config = weights->config();
  if (!config.generator || !config.attributes) {
    return Status::Error(Code::kUsage, "judging edits needs the component %s, which this model file does not have",
                         config.generator ? "attributes" : "generator");
  }
  std::vector<NetworkOptions> networks = {SynthesisOptions{}, AttributesOptions{}};
  if (config.recognizer) networks.push_back(RecognizerOptions{});
  MIEN_ASSIGN(ListEngine engine, ListEngine::Create(weights, run, networks, batch));
  return EditJudge(config, std::move(engine));
}

int EditJudge::ScoreOf(const std::string& attribute) const {
  const auto& names = score_names();
  const auto found = std::ranges::find(names, attribute);
  return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

Status EditJudge::Draw(size_t count, std::span<const float> codes, std::span<float> pictures,
                       std::span<double> scores) {
  MIEN_TRY(engine_.Run(kSynthesis, count, std::array{codes}, std::array{pictures}));
  const int size = config_.attributes->input_size;
  const size_t numbers = size_t{3} * static_cast<size_t>(size) * static_cast<size_t>(size);
  small_.resize(count * numbers);
  for (size_t i = 0; i < count; ++i)
    ResizeBilinear(pictures.subspan(i * picture_numbers(), picture_numbers()), side(), size,
                   std::span(small_).subspan(i * numbers, numbers));
  raw_.resize(count * score_names().size());
  MIEN_TRY(engine_.Run(kAttributes, count, std::array{std::span<const float>(small_)}, std::array{std::span(raw_)}));
  for (size_t i = 0; i < raw_.size(); ++i)
    scores[i] = CutScore(score_names()[i % score_names().size()], double{raw_[i]});
  return {};
}

Result<Image> EditJudge::ToImage(std::span<const float> picture) const {
  return FromFloats(picture, side(), config_.generator->rounding);
}

Result<std::vector<float>> EditJudge::Recognize(std::span<const float> picture) {
  std::vector<float> whole(size_t{3} * kRecognizerPicture * kRecognizerPicture);
  AverageCells(picture, side(), 0, 0, side(), kRecognizerPicture, whole);
  const int size = config_.recognizer->input_size;
  std::vector<float> part(size_t{3} * static_cast<size_t>(size) * static_cast<size_t>(size));
  AverageCells(whole, kRecognizerPicture, kRecognizerLeft, kRecognizerTop, kRecognizerPart, size, part);
  std::vector<float> embedding(static_cast<size_t>(config_.recognizer->embedding));
  MIEN_TRY(engine_.Run(kRecognizer, 1, std::array{std::span<const float>(part)}, std::array{std::span(embedding)}));
  return embedding;
}

}  // namespace mien
