#include "runtime/evaluate/value_search.h"

#include <algorithm>

namespace mien {
namespace {

// From the batch scripts of the public repository. That bald falls to a higher threshold than it rises to is theirs.
struct PublicThresholds {
  const char* attribute;
  double up, down, change;
};
constexpr PublicThresholds kPublic[] = {
    {"gender", 0.8, 0.2, 2}, {"glasses", 0.6, 0.2, 2}, {"yaw", 8, -8, 2},  {"pitch", 4, -4, 2},
    {"bald", 0.4, 0.5, 2},   {"beard", 0.3, 0.09, 3},  {"age", 50, 18, 2}, {"smile", 0.8, 0.3, 2},
};

}  // namespace

std::vector<EditGoal> PublicGoals(const std::string& attribute) {
  for (const PublicThresholds& row : kPublic) {
    if (row.attribute == attribute) return {{attribute, row.change, row.up}, {attribute, -row.change, row.down}};
  }
  return {};
}

ValueSearch::ValueSearch(const EditGoal& goal, double start, const SearchRules& rules)
    : goal_(goal), rules_(rules), left_(std::min(start, goal.change)), right_(std::max(start, goal.change)) {
  if (rules.kind == SearchKind::kBinary) {
    wanted_ = {goal.up() ? right_ : left_};
    return;
  }
  for (int i = 0; i < rules.linear_values; ++i)
    wanted_.push_back(left_ + (right_ - left_) * i / std::max(1, rules.linear_values - 1));
}

void ValueSearch::Take(std::span<const double> scores) {
  tried_ += static_cast<int>(scores.size());
  if (rules_.kind == SearchKind::kLinear) {
    TakeAll(scores);
  } else {
    Halve(scores[0]);
  }
}

// Of the values that reach the threshold the one with the score nearest to it; where none does, the one that comes
// nearest.
void ValueSearch::TakeAll(std::span<const double> scores) {
  const double sign = goal_.up() ? 1 : -1;
  size_t best = 0;
  for (size_t i = 1; i < scores.size(); ++i) {
    const bool here = goal_.ReachedBy(scores[i]), there = goal_.ReachedBy(scores[best]);
    const double more = sign * (scores[i] - scores[best]);
    if (here != there ? here : here ? more < 0 : more > 0) best = i;
  }
  value_ = wanted_[best];
  wanted_.clear();
}

// The far end is tried first and moves no bound; then the middle of what is left. A score that rises with the value is
// assumed for both directions.
void ValueSearch::Halve(double score) {
  value_ = wanted_[0];
  if (tried_ > 1 && score > goal_.threshold) right_ = value_;
  if (tried_ > 1 && score < goal_.threshold) left_ = value_;
  const double past = goal_.up() ? goal_.threshold - score : score - goal_.threshold;  // what is missing
  if ((past >= 0 && past <= kScoreTolerance) || tried_ > rules_.binary_steps) {
    wanted_.clear();
  } else {
    wanted_ = {(left_ + right_) / 2};
  }
}

}  // namespace mien
