#include "runtime/evaluate/summary.h"

#include <algorithm>
#include <cmath>

namespace mien {
namespace {

Estimate EstimateOf(const std::vector<double>& values, uint64_t seed) {
  return {Mean(values), BootstrapOfMean(values, seed), values.size()};
}

// Some of the faces.
class Selection {
 public:
  Selection(const std::vector<FaceOutcome>& faces, std::vector<size_t> chosen, const SummaryRules& rules, uint64_t seed)
      : faces_(faces), chosen_(std::move(chosen)), rules_(rules), seed_(seed) {}

  GroupSummary Summarise() const {
    GroupSummary summary;
    summary.faces = chosen_.size();
    for (size_t m = 0; m < rules_.methods; ++m) {
      summary.all.push_back(OfMethod(m));
      for (size_t g = 0; g < rules_.goals.size(); ++g) summary.edits.push_back(OfEdit(m, g));
    }
    return summary;
  }

 private:
  const EditOutcome& At(size_t face, size_t method, size_t goal) const {
    return faces_[face].edits[method * rules_.goals.size() + goal];
  }
  double Before(size_t face, size_t goal) const { return faces_[face].scores[Edited(goal)]; }
  size_t Edited(size_t goal) const {
    return static_cast<size_t>(std::ranges::find(rules_.score_names, rules_.goals[goal].attribute) -
                               rules_.score_names.begin());
  }
  bool AllReach(size_t face, size_t goal) const {
    for (size_t m = 0; m < rules_.methods; ++m)
      if (At(face, m, goal).there && !At(face, m, goal).reached) return false;
    return true;
  }
  bool Kept(const EditOutcome& edit) const { return edit.measures[0] < rules_.same_person; }

  EditSummary OfEdit(size_t method, size_t goal) const {
    EditSummary summary;
    std::vector<double> success, identity, measures[kMeasures], value, tried, seconds;
    for (const size_t face : chosen_) {
      const EditOutcome& edit = At(face, method, goal);
      if (!edit.there) continue;
      summary.already += rules_.goals[goal].ReachedBy(Before(face, goal));
      success.push_back(edit.reached);
      if (edit.reached) identity.push_back(Kept(edit));
      value.push_back(edit.value);
      tried.push_back(edit.tried);
      seconds.push_back(edit.seconds);
      if (!AllReach(face, goal)) continue;
      ++summary.intersection;
      for (size_t i = 0; i < kMeasures; ++i)
        if (!std::isnan(edit.measures[i])) measures[i].push_back(edit.measures[i]);
    }
    summary.faces = success.size();
    summary.successes = identity.size();
    summary.success = EstimateOf(success, seed_);
    summary.identity = EstimateOf(identity, seed_);
    for (size_t i = 0; i < kMeasures; ++i) summary.measures[i] = EstimateOf(measures[i], seed_);
    summary.value = Mean(value);
    summary.tried = Mean(tried);
    summary.seconds = Mean(seconds);
    AddScores(method, goal, &summary);
    return summary;
  }

  void AddScores(size_t method, size_t goal, EditSummary* summary) const {
    for (size_t s = 0; s < rules_.score_names.size(); ++s) {
      std::vector<double> before, after, squares, right;
      for (const size_t face : chosen_) {
        const EditOutcome& edit = At(face, method, goal);
        if (!edit.there) continue;
        const double was = faces_[face].scores[s], is = edit.scores[s];
        before.push_back(was);
        after.push_back(is);
        squares.push_back((is - was) * (is - was));
        right.push_back((is > 0.5) == (s == Edited(goal) ? rules_.goals[goal].up() : was > 0.5));
      }
      summary->correlation.push_back(Spearman(before, after));
      summary->change.push_back(Mean(squares));
      summary->accuracy.push_back(IsShare(rules_.score_names[s]) ? Mean(right) : std::nan(""));
    }
  }

  // Edits of one face are no faces of their own: what is resampled are the means of each face.
  EditSummary OfMethod(size_t method) const {
    EditSummary summary;
    std::vector<double> success, identity, measures[kMeasures], seconds, tried;
    for (const size_t face : chosen_) {
      std::vector<double> reached, kept, own[kMeasures];
      for (size_t g = 0; g < rules_.goals.size(); ++g) {
        const EditOutcome& edit = At(face, method, g);
        if (!edit.there) continue;
        summary.already += rules_.goals[g].ReachedBy(Before(face, g));
        reached.push_back(edit.reached);
        if (edit.reached) kept.push_back(Kept(edit));
        seconds.push_back(edit.seconds);
        tried.push_back(edit.tried);
        if (!AllReach(face, g)) continue;
        ++summary.intersection;
        for (size_t i = 0; i < kMeasures; ++i)
          if (!std::isnan(edit.measures[i])) own[i].push_back(edit.measures[i]);
      }
      const auto add = [](const std::vector<double>& of_face, std::vector<double>* to) {
        if (!of_face.empty()) to->push_back(Mean(of_face));
      };
      summary.faces += reached.size();
      summary.successes += kept.size();
      add(reached, &success);
      add(kept, &identity);
      for (size_t i = 0; i < kMeasures; ++i) add(own[i], &measures[i]);
    }
    summary.success = EstimateOf(success, seed_);
    summary.identity = EstimateOf(identity, seed_);
    for (size_t i = 0; i < kMeasures; ++i) summary.measures[i] = EstimateOf(measures[i], seed_);
    summary.tried = Mean(tried);
    summary.seconds = Mean(seconds);
    return summary;
  }

  const std::vector<FaceOutcome>& faces_;
  const std::vector<size_t> chosen_;
  const SummaryRules& rules_;
  const uint64_t seed_;
};

// The gap of one share between the groups of a column.
void Compare(const Grouping& grouping, const std::vector<GroupSummary>& groups, size_t method, const std::string& edit,
             const char* measure, const std::function<const Estimate&(const GroupSummary&)>& of, Gap* largest) {
  const Estimate *low = nullptr, *high = nullptr;
  size_t low_group = 0, high_group = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    const Estimate& estimate = of(groups[i]);
    if (estimate.count < kLeastGroup) continue;
    if (low == nullptr || estimate.mean < low->mean) low = &estimate, low_group = i;
    if (high == nullptr || estimate.mean > high->mean) high = &estimate, high_group = i;
  }
  if (low == nullptr || low_group == high_group || high->mean - low->mean <= largest->high - largest->low) return;
  *largest = {true,
              method,
              edit,
              measure,
              grouping.column,
              grouping.names[low_group],
              grouping.names[high_group],
              low->mean,
              high->mean,
              low->interval.high < high->interval.low};
}

}  // namespace

bool IsShare(const std::string& score) {
  const char* const kShares[] = {"gender", "glasses", "bald", "beard", "smile"};
  return std::ranges::find(kShares, score) != std::end(kShares);
}

Summary Summarise(const std::vector<FaceOutcome>& faces, const std::vector<Grouping>& groupings,
                  const SummaryRules& rules) {
  Summary summary;
  std::vector<size_t> all;
  for (size_t i = 0; i < faces.size(); ++i) all.push_back(i);
  summary.whole = Selection(faces, all, rules, rules.seed).Summarise();
  for (const Grouping& grouping : groupings) {
    std::vector<GroupSummary>& groups = summary.groups.emplace_back();
    for (size_t k = 0; k < grouping.names.size(); ++k) {
      std::vector<size_t> chosen;
      for (const size_t i : all)
        if (grouping.group[i] == static_cast<int>(k)) chosen.push_back(i);
      groups.push_back(Selection(faces, std::move(chosen), rules, rules.seed).Summarise());
    }
    for (size_t m = 0; m < rules.methods; ++m) {
      for (size_t g = 0; g < rules.goals.size(); ++g) {
        const size_t at = m * rules.goals.size() + g;
        const std::string edit = rules.goals[g].name();
        Compare(
            grouping, groups, m, edit, "success",
            [at](const GroupSummary& group) -> const Estimate& { return group.edits[at].success; }, &summary.largest);
        Compare(
            grouping, groups, m, edit, "identity",
            [at](const GroupSummary& group) -> const Estimate& { return group.edits[at].identity; }, &summary.largest);
      }
    }
  }
  return summary;
}

}  // namespace mien
