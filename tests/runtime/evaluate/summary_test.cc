// Numbers of a few made-up outcomes.
#include "runtime/evaluate/summary.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace mien {
namespace {

// Scores are smile and age; `measures` all the same number.
EditOutcome Edited(bool reached, double distance, double smile, double age) {
  EditOutcome edit;
  edit.there = true;
  edit.reached = reached;
  edit.value = 1;
  edit.tried = 4;
  edit.scores = {smile, age};
  edit.measures.fill(distance);
  edit.measures[2] = std::numeric_limits<double>::quiet_NaN();
  return edit;
}

SummaryRules Rules(size_t methods) {
  SummaryRules rules;
  rules.methods = methods;
  rules.goals = {{"smile", 2, 0.8}};
  rules.score_names = {"smile", "age"};
  rules.same_person = 0.5;
  return rules;
}

TEST_CASE("summary: successes, what all methods reach, identity, scores of an edit") {
  const std::vector<FaceOutcome> faces = {{{0.9, 20}, {Edited(true, 0.1, 0.9, 25), Edited(true, 0.2, 0.8, 20)}},
                                          {{0.1, 30}, {Edited(true, 0.7, 0.8, 24), Edited(false, 0.3, 0.4, 30)}},
                                          {{0.2, 40}, {Edited(false, 0.1, 0.3, 60), Edited(true, 0.4, 0.9, 40)}},
                                          {{0.6, 50}, {Edited(true, 0.3, 0.8, 61), Edited(true, 0.6, 0.85, 50)}}};
  const Summary summary = Summarise(faces, {}, Rules(2));
  const EditSummary& first = summary.whole.edits[0];
  CHECK(first.faces == 4);
  CHECK(first.already == 1);
  CHECK(first.successes == 3);
  CHECK(first.intersection == 2);
  CHECK(first.success.mean == 0.75);
  CHECK(first.identity.mean == doctest::Approx(2.0 / 3));
  CHECK(first.measures[0].mean == doctest::Approx(0.2));
  CHECK(first.measures[0].count == 2);
  CHECK(std::isnan(first.measures[2].mean));
  CHECK(first.correlation[1] == doctest::Approx(0.8));  // 25 24 60 61 of 20 30 40 50
  CHECK(first.change[1] == doctest::Approx((25 + 36 + 400 + 121) / 4.0));
  CHECK(first.accuracy[0] == 0.75);  // of those that were to smile
  CHECK(std::isnan(first.accuracy[1]));
  CHECK(summary.whole.edits[1].identity.mean == doctest::Approx(2.0 / 3));
  CHECK(summary.whole.all[1].success.mean == 0.75);
  CHECK_FALSE(summary.largest.found);
}

TEST_CASE("summary: an edit that a method cannot make is no failure of it") {
  EditOutcome none;
  const std::vector<FaceOutcome> faces = {{{0.1, 30}, {Edited(true, 0.7, 0.8, 24), none}}};
  const Summary summary = Summarise(faces, {}, Rules(2));
  CHECK(summary.whole.edits[1].faces == 0);
  CHECK(summary.whole.edits[0].intersection == 1);
  CHECK(std::isnan(summary.whole.all[1].success.mean));
}

TEST_CASE("summary: the largest gap, of groups that are large enough") {
  std::vector<FaceOutcome> faces;
  Grouping tone = {"skin_tone", {"1", "2", "3"}, {}}, gender = {"gender", {"female", "male"}, {}};
  for (int i = 0; i < 24; ++i) {
    // Tone 1 always succeeds, tone 2 every second time, tone 3, of two faces, never; genders differ by less.
    const int group = i < 11 ? 0 : i < 22 ? 1 : 2;
    faces.push_back({{0.1, 30}, {Edited(group == 0 || (group == 1 && i % 2 == 0), 0.1, 0.8, 24)}});
    tone.group.push_back(group);
    gender.group.push_back(i == 0 ? -1 : i % 4 == 0);
  }
  const Summary summary = Summarise(faces, {gender, tone}, Rules(1));
  CHECK(summary.groups[1][2].faces == 2);
  CHECK(summary.groups[0][0].faces + summary.groups[0][1].faces == 23);
  REQUIRE(summary.largest.found);
  CHECK(summary.largest.column == "skin_tone");
  CHECK(summary.largest.measure == "success");
  CHECK(summary.largest.edit == "smile+");
  CHECK(summary.largest.low_group == "2");
  CHECK(summary.largest.high_group == "1");
  CHECK(summary.largest.low == doctest::Approx(5.0 / 11));
  CHECK(summary.largest.apart);
  CHECK(Summarise(faces, {tone}, Rules(1)).groups[0][1].edits[0].success.interval.low ==
        summary.groups[1][1].edits[0].success.interval.low);
}

}  // namespace
}  // namespace mien
