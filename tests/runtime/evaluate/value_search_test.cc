// The search for the value of an edit, on scores that are formulas.
#include "runtime/evaluate/value_search.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

namespace mien {
namespace {

ValueSearch Searched(const EditGoal& goal, double start, const SearchRules& rules,
                     const std::function<double(double)>& score) {
  ValueSearch search(goal, start, rules);
  while (!search.wanted().empty()) {
    std::vector<double> scores;
    for (const double value : search.wanted()) scores.push_back(score(value));
    search.Take(scores);
  }
  return search;
}

TEST_CASE("goals: the public thresholds, the sign of the change is the direction") {
  const auto goals = PublicGoals("bald");
  REQUIRE(goals.size() == 2);
  CHECK(goals[0].name() == "bald+");
  CHECK(goals[0].threshold == 0.4);
  CHECK(goals[1].name() == "bald-");
  CHECK(goals[1].threshold == 0.5);
  CHECK(goals[1].change == -2);
  CHECK(PublicGoals("hat").empty());
  CHECK(goals[0].ReachedBy(0.395));
  CHECK_FALSE(goals[0].ReachedBy(0.394));
  CHECK(goals[1].ReachedBy(0.505));
  CHECK_FALSE(goals[1].ReachedBy(0.506));
}

TEST_CASE("binary: the value at the threshold, just short of it") {
  const auto score = [](double value) { return 0.5 + 0.25 * value; };
  const ValueSearch up = Searched({"smile", 2, 0.8}, -1, {}, score);
  CHECK(score(up.value()) <= 0.8);
  CHECK(score(up.value()) >= 0.795);
  CHECK(up.tried() < 12);
  const ValueSearch down = Searched({"smile", -2, 0.3}, 1, {}, score);
  CHECK(score(down.value()) >= 0.3);
  CHECK(score(down.value()) <= 0.305);
}

TEST_CASE("binary: the far end first, and it where the threshold stays out of reach") {
  ValueSearch search({"age", 2, 50}, 0.5, {});
  CHECK(search.wanted()[0] == 2);
  const ValueSearch failed = Searched({"age", 2, 50}, 0.5, {}, [](double value) { return 20 + value; });
  CHECK(failed.value() == doctest::Approx(2));
  CHECK(failed.tried() == 31);
  // One that is there at once needs no second step, and one that is past it already ends at its start.
  CHECK(Searched({"age", 2, 50}, 0.5, {}, [](double value) { return 48 + value; }).tried() == 1);
  CHECK(Searched({"age", 2, 50}, 0.5, {}, [](double) { return 60.0; }).value() == doctest::Approx(0.5));
}

TEST_CASE("linear: the value whose score is nearest to the threshold among those that reach it") {
  const SearchRules rules = {SearchKind::kLinear, 30, 5};
  const auto score = [](double value) { return value * value; };  // not monotonic
  const ValueSearch up = Searched({"smile", 2, 0.8}, -2, rules, score);
  CHECK(up.tried() == 5);
  CHECK(up.value() == -1);
  CHECK(Searched({"smile", -2, 0.3}, 2, rules, score).value() == 0);
  // Where none reaches it the best score.
  CHECK(Searched({"smile", 2, 9}, -1, rules, score).value() == 2);
  CHECK(Searched({"smile", -2, -1}, 1, rules, score).value() == 0.25);
}

}  // namespace
}  // namespace mien
