#include "runtime/evaluate/protocol.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "runtime/evaluate/measures.h"
#include "runtime/face/likeness.h"

namespace mien {

const char* const kMeasureNames[kMeasures] = {"distance", "cosine", "arcface", "mse", "psnr", "ssim"};

Protocol::Protocol(EditJudge& judge, FaceNetworks& networks, std::vector<EditMethod*> methods,
                   std::vector<EditGoal> goals, const SearchRules& rules)
    : judge_(judge), networks_(networks), methods_(std::move(methods)), goals_(std::move(goals)), rules_(rules) {}

Status Protocol::DrawEdits(
    EditMethod& method, const std::vector<Wish>& wishes,
    const std::function<Status(size_t, std::span<const float> picture, std::span<const double>)>& take) {
  const size_t names = judge_.score_names().size(), pixels = judge_.picture_numbers();
  const auto batch = static_cast<size_t>(judge_.batch());
  std::vector<float> codes, pictures;
  std::vector<double> scores;
  for (size_t first = 0; first < wishes.size(); first += batch) {
    const size_t count = std::min(batch, wishes.size() - first);
    std::vector<EditMethod::Move> moves;
    for (size_t i = first; i < first + count; ++i) moves.push_back({goals_[wishes[i].goal].attribute, wishes[i].value});
    codes.resize(count * judge_.code_numbers());
    pictures.resize(count * pixels);
    scores.resize(count * names);
    MIEN_TRY(method.Edit(moves, codes));
    MIEN_TRY(judge_.Draw(count, codes, pictures, scores));
    for (size_t i = 0; i < count; ++i)
      MIEN_TRY(take(first + i, std::span(pictures).subspan(i * pixels, pixels),
                    std::span(scores).subspan(i * names, names)));
  }
  return {};
}

// The searches of all goals go on together, so that there are batches of values also where a search wants one at a
// time.
Status Protocol::Search(EditMethod& method, std::span<EditOutcome> outcomes) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<size_t> goals;
  std::vector<ValueSearch> searches;
  for (size_t g = 0; g < goals_.size(); ++g) {
    outcomes[g].there = method.Edits(goals_[g].attribute);
    if (!outcomes[g].there) continue;
    goals.push_back(g);
    searches.emplace_back(method.Goal(goals_[g]), method.Start(goals_[g].attribute), rules_);
  }
  for (;;) {
    std::vector<Wish> wishes;
    for (size_t s = 0; s < searches.size(); ++s)
      for (const double value : searches[s].wanted()) wishes.push_back({goals[s], value});
    if (wishes.empty()) break;
    std::vector<double> scores;
    MIEN_TRY(DrawEdits(method, wishes, [&](size_t i, std::span<const float>, std::span<const double> all) {
      scores.push_back(all[static_cast<size_t>(judge_.ScoreOf(goals_[wishes[i].goal].attribute))]);
      return Status();
    }));
    size_t at = 0;
    for (ValueSearch& search : searches) {
      const size_t count = search.wanted().size();
      if (count > 0) search.Take(std::span(scores).subspan(at, count));
      at += count;
    }
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  int tried = 0;
  for (const ValueSearch& search : searches) tried += search.tried();
  for (size_t s = 0; s < searches.size(); ++s) {
    EditOutcome& outcome = outcomes[goals[s]];
    outcome.value = searches[s].value();
    outcome.tried = searches[s].tried();
    outcome.seconds = taken.count() * outcome.tried / tried;
  }
  return {};
}

Result<Protocol::Described> Protocol::Describe(std::span<const float> picture, Image* image) {
  Described described;
  described.picture.assign(picture.begin(), picture.end());
  MIEN_ASSIGN(*image, judge_.ToImage(picture));
  MIEN_ASSIGN(described.descriptor, DescribeCrop(networks_, *image));
  if (judge_.has_recognizer()) {
    MIEN_ASSIGN(described.embedding, judge_.Recognize(picture));
  }
  return described;
}

Status Protocol::MeasureEdits(EditMethod& method, const Described& before, std::span<EditOutcome> outcomes,
                              const std::function<Status(int, const Image&)>& show) {
  std::vector<Wish> wishes;
  for (size_t g = 0; g < goals_.size(); ++g)
    if (outcomes[g].there) wishes.push_back({g, outcomes[g].value});
  return DrawEdits(
      method, wishes, [&](size_t i, std::span<const float> picture, std::span<const double> scores) -> Status {
        const size_t goal = wishes[i].goal;
        EditOutcome& outcome = outcomes[goal];
        outcome.scores.assign(scores.begin(), scores.end());
        outcome.reached = goals_[goal].ReachedBy(scores[static_cast<size_t>(judge_.ScoreOf(goals_[goal].attribute))]);
        Image image;
        MIEN_ASSIGN(const Described after, Describe(picture, &image));
        const auto set = [&](Measure measure, double value) { outcome.measures[static_cast<size_t>(measure)] = value; };
        set(Measure::kDistance, Distance(before.descriptor, after.descriptor));
        set(Measure::kCosine, CosineSimilarity(before.descriptor, after.descriptor));
        const double apart = after.embedding.empty() ? std::numeric_limits<double>::quiet_NaN()
                                                     : Distance(before.embedding, after.embedding);
        set(Measure::kArcFace, apart * apart);
        set(Measure::kMse, MeanSquaredError(before.picture, picture));
        set(Measure::kPsnr, Psnr(before.picture, picture));
        set(Measure::kSsim, Ssim(before.picture, picture, judge_.side(), judge_.side()));
        return show ? show(static_cast<int>(goal), image) : Status();
      });
}

Result<FaceOutcome> Protocol::Evaluate(std::span<const float> w_plus, const Watcher& watcher) {
  FaceOutcome face;
  face.scores.resize(judge_.score_names().size());
  face.edits.resize(methods_.size() * goals_.size());
  std::vector<float> picture(judge_.picture_numbers());
  MIEN_TRY(judge_.Draw(1, w_plus, picture, face.scores));
  Image image;
  MIEN_ASSIGN(const Described before, Describe(picture, &image));
  if (watcher) MIEN_TRY(watcher(-1, -1, image));
  for (size_t m = 0; m < methods_.size(); ++m) {
    const std::span<EditOutcome> outcomes = std::span(face.edits).subspan(m * goals_.size(), goals_.size());
    MIEN_TRY(methods_[m]->Take(w_plus));
    MIEN_TRY(Search(*methods_[m], outcomes));
    const auto show = [&](int goal, const Image& edited) { return watcher(static_cast<int>(m), goal, edited); };
    MIEN_TRY(MeasureEdits(*methods_[m], before, outcomes,
                          watcher ? std::function<Status(int, const Image&)>(show) : nullptr));
  }
  return face;
}

}  // namespace mien
