// The search for the value of an edit at which the attribute classifier sees the attribute cross a threshold, as the
// public evaluation of PluGeN4Faces does it (docs/networks.md, "Evaluation"). Pure: a search says which values it wants
// to try and is told the scores.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mien {

// How far a score may stay from its threshold.
constexpr double kScoreTolerance = 5e-3;

// "smile+": the classifier's score of `attribute` is to cross `threshold`, and the value may go as far as `change`,
// whose sign is the direction.
struct EditGoal {
  std::string attribute;
  double change = 0.0, threshold = 0.0;

  bool up() const { return change > 0; }
  std::string name() const { return attribute + (up() ? "+" : "-"); }
  bool ReachedBy(double score) const {
    return up() ? score >= threshold - kScoreTolerance : score <= threshold + kScoreTolerance;
  }
};
// Both directions of an attribute, with the public thresholds; none: there are none for it.
std::vector<EditGoal> PublicGoals(const std::string& attribute);

enum class SearchKind { kBinary, kLinear };
struct SearchRules {
  SearchKind kind = SearchKind::kBinary;
  int binary_steps = 30;  // at the most, after the first
  int linear_values = 40;
};

class ValueSearch {
 public:
  // `start`: the value before the edit.
  ValueSearch(const EditGoal& goal, double start, const SearchRules& rules);

  // The values whose scores are wanted next; none: the search has ended.
  std::span<const double> wanted() const { return wanted_; }
  void Take(std::span<const double> scores);
  // What was found, once it has ended.
  double value() const { return value_; }
  int tried() const { return tried_; }

 private:
  void TakeAll(std::span<const double> scores);
  void Halve(double score);

  const EditGoal goal_;
  const SearchRules rules_;
  double left_, right_, value_ = 0.0;
  int tried_ = 0;
  std::vector<double> wanted_;
};

}  // namespace mien
