// What the outcomes of many faces come to: per method and edit, over all and by subgroup (docs/networks.md,
// "Evaluation"). Pure; a function of outcomes, groups and seed.
#pragma once

#include <string>
#include <vector>

#include "runtime/evaluate/measures.h"
#include "runtime/evaluate/protocol.h"

namespace mien {

// A way to sort the faces: by gender, by age band, ....
struct Grouping {
  std::string column;
  std::vector<std::string> names;  // of its groups
  std::vector<int> group;          // of each face; -1: unknown
};
// Groups with fewer faces are listed, and no gap is told of them.
constexpr size_t kLeastGroup = 5;

struct Estimate {
  double mean = 0.0;  // not a number: of nothing
  Interval interval = {};
  size_t count = 0;
};

struct EditSummary {
  size_t faces = 0;                                // that the method edited
  size_t already = 0;                              // on which the score was past the threshold before the edit
  size_t successes = 0, intersection = 0;          // edits past the threshold; faces on which all methods are
  Estimate success;                                // share of the faces
  Estimate identity;                               // share of the successes whose distance lies below the threshold
  Estimate measures[kMeasures];                    // means over the intersection
  double value = 0.0, tried = 0.0, seconds = 0.0;  // means
  std::vector<double> correlation;                 // of each score before and after, by ranks
  std::vector<double> change;                      // mean squared, of each score
  std::vector<double> accuracy;  // of each share: on the same side of 0.5 as before; the edited one as it should be
};

struct GroupSummary {
  size_t faces = 0;
  std::vector<EditSummary> edits;  // as Summary::edits, each with its groups' faces alone
  std::vector<EditSummary> all;    // of each method, of all its edits; no scores
};
struct Gap {
  bool found = false;
  size_t method = 0;
  std::string edit, measure, column, low_group, high_group;
  double low = 0.0, high = 0.0;
  bool apart = false;  // the intervals do not overlap
};
struct Summary {
  GroupSummary whole;
  std::vector<std::vector<GroupSummary>> groups;  // of each grouping
  Gap largest;
};

struct SummaryRules {
  size_t methods = 1;
  std::vector<EditGoal> goals;
  std::vector<std::string> score_names;
  double same_person = 0.6;  // below this distance
  uint64_t seed = 0;
};
Summary Summarise(const std::vector<FaceOutcome>& faces, const std::vector<Grouping>& groupings,
                  const SummaryRules& rules);

// The scores that are shares, which the public evaluation judges at 0.5.
bool IsShare(const std::string& score);

}  // namespace mien
