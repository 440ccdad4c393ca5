#include "tools/edit_search.h"

#include <algorithm>

#include "base/interrupt.h"
#include "runtime/evaluate/value_search.h"
#include "runtime/face/likeness.h"

namespace mien {
namespace {

size_t PlaceOf(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<size_t>(std::ranges::find(names, name) - names.begin());
}

}  // namespace

Result<Image> EditSearch::Draw(std::span<const float> codes, uint64_t noise_seed, const std::vector<Edit>& edits,
                               float strength) {
  MIEN_TRY(CheckInterrupt());
  std::vector<float> edited(codes.begin(), codes.end());
  if (!edits.empty()) MIEN_TRY(pipeline_.ApplyEdit(edits, plan_.rows, strength, codes, edited));
  return pipeline_.Synthesize(edited, noise_seed);
}

// The binary search of the public evaluation, as far as its edits go.
Status EditSearch::Reach(const EditPlan::Sought& sought, std::span<const float> codes, uint64_t noise_seed,
                         std::vector<Edit>* edits, float strength, nlohmann::json* found) {
  const size_t score = PlaceOf(pipeline_.config().attributes->outputs, sought.attribute);
  Edit edit;
  edit.attribute = static_cast<int>(PlaceOf(pipeline_.config().flow->attributes, sought.attribute));
  MIEN_ASSIGN(const Image before, Draw(codes, noise_seed, *edits, strength));
  MIEN_ASSIGN(std::vector<double> scores, pipeline_.Scores());
  MIEN_ASSIGN(const double start, pipeline_.Coordinate(codes, edit.attribute, plan_.rows));
  const std::vector<EditGoal> known = PublicGoals(sought.attribute);
  const double far = known.empty() ? 2.0 : known[0].change;
  const EditGoal goal = {sought.attribute, scores[score] < sought.score ? far : -far, sought.score};
  ValueSearch search(goal, start, {});
  edits->push_back(edit);
  while (!search.wanted().empty()) {
    edits->back().value = static_cast<float>(search.wanted()[0]);
    MIEN_ASSIGN(const Image tried, Draw(codes, noise_seed, *edits, strength));
    MIEN_ASSIGN(scores, pipeline_.Scores());
    search.Take(std::span(scores).subspan(score, 1));
  }
  const bool reached = goal.ReachedBy(scores[score]);
  if (!reached) {
    session_.Warn("%s is not reached: a score of %.3g at the value %.3g", sought.text.c_str(), scores[score],
                  static_cast<double>(edits->back().value));
  }
  nlohmann::json entry = {{"until", sought.text},
                          {"value", edits->back().value},
                          {"score", scores[score]},
                          {"reached", reached},
                          {"tried", search.tried()}};
  found->push_back(std::move(entry));
  return {};
}

// The distance grows with the strength, or is taken to: what is found lies below it in any case.
Status EditSearch::Keep(std::span<const float> codes, uint64_t noise_seed, const std::vector<Edit>& edits,
                        float* strength, nlohmann::json* found) {
  constexpr int kHalvings = 10;
  MIEN_ASSIGN(const Image before, Draw(codes, noise_seed, {}, 1.0f));
  MIEN_ASSIGN(const std::vector<float> descriptor, DescribeCrop(*networks_, before));
  const auto distance_at = [&](float tried) -> Result<double> {
    MIEN_ASSIGN(const Image after, Draw(codes, noise_seed, edits, tried));
    MIEN_ASSIGN(const std::vector<float> other, DescribeCrop(*networks_, after));
    return Distance(descriptor, other);
  };
  MIEN_ASSIGN(double distance, distance_at(*strength));
  if (distance >= plan_.identity_below) {
    float low = 0.0f, high = *strength;
    distance = 0.0;
    for (int i = 0; i < kHalvings; ++i) {
      const float middle = (low + high) / 2;
      MIEN_ASSIGN(const double here, distance_at(middle));
      if (here < plan_.identity_below) {
        low = middle;
        distance = here;
      } else {
        high = middle;
      }
    }
    *strength = low;
  }
  nlohmann::json entry = {{"keep_identity", plan_.identity_below}, {"strength", *strength}, {"distance", distance}};
  found->push_back(std::move(entry));
  return {};
}

Status EditSearch::Adjust(std::span<const float> codes, uint64_t noise_seed, std::vector<Edit>* edits,
                          float* strength) {
  nlohmann::json found = nlohmann::json::array();
  for (const EditPlan::Sought& sought : plan_.until)
    MIEN_TRY(Reach(sought, codes, noise_seed, edits, *strength, &found));
  if (plan_.identity_below > 0) MIEN_TRY(Keep(codes, noise_seed, *edits, strength, &found));
  found_.push_back(std::move(found));
  return {};
}

nlohmann::json EditSearch::TakeFound() { return std::exchange(found_, nlohmann::json::array()); }

nlohmann::json ScoresInJson(const std::vector<std::string>& names, const std::vector<double>& before,
                            const std::vector<double>& after, const FlowConfig& flow, const EditPlan& plan) {
  nlohmann::json json = nlohmann::json::object();
  for (const char* key : {"before", "after", "change", "leakage"}) json[key] = nlohmann::json::object();
  for (size_t i = 0; i < names.size(); ++i) {
    json["before"][names[i]] = before[i];
    json["after"][names[i]] = after[i];
    const bool edited =
        std::ranges::any_of(plan.until, [&](const auto& sought) { return sought.attribute == names[i]; }) ||
        std::ranges::any_of(plan.pictures[0], [&](const Edit& edit) {
          return flow.attributes[static_cast<size_t>(edit.attribute)] == names[i];
        });
    json[edited ? "change" : "leakage"][names[i]] = after[i] - before[i];
  }
  return json;
}

}  // namespace mien
