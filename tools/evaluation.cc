// An evaluation as JSON and as a table.
#include "tools/evaluation.h"

#include <cmath>
#include <cstdio>

namespace mien {
namespace {

using Json = nlohmann::json;

Json ToJson(const Estimate& estimate) {
  Json json = {{"mean", estimate.mean},
               {"low", estimate.interval.low},
               {"high", estimate.interval.high},
               {"count", estimate.count}};
  return json;
}

Json ToJson(const EditSummary& summary, bool has_recognizer) {
  Json json = {{"edits", summary.faces},
               {"already", summary.already},
               {"successes", summary.successes},
               {"success_intersection", summary.intersection},
               {"success", ToJson(summary.success)},
               {"identity", ToJson(summary.identity)},
               {"tried", summary.tried}};
  for (size_t i = 0; i < kMeasures; ++i) {
    const bool available = static_cast<Measure>(i) != Measure::kArcFace || has_recognizer;
    json[kMeasureNames[i]] = available ? ToJson(summary.measures[i]) : Json("not available");
  }
  return json;
}

Json Named(const std::vector<double>& numbers, const std::vector<std::string>& names) {
  Json json = Json::object();
  for (size_t i = 0; i < numbers.size(); ++i) json[names[i]] = numbers[i];
  return json;
}

Json ToJson(const Evaluation& evaluation, const GroupSummary& group, size_t method) {
  Json edits = Json::array();
  const SummaryRules& rules = evaluation.rules;
  for (size_t g = 0; g < rules.goals.size(); ++g) {
    const EditSummary& summary = group.edits[method * rules.goals.size() + g];
    if (summary.faces == 0) continue;
    Json edit = ToJson(summary, evaluation.has_recognizer);
    edit["edit"] = rules.goals[g].name();
    edit["threshold"] = rules.goals[g].threshold;
    edit["value"] = summary.value;
    edit["rank_correlation"] = Named(summary.correlation, rules.score_names);
    edit["squared_change"] = Named(summary.change, rules.score_names);
    edit["accuracy"] = Json::object();
    for (size_t s = 0; s < rules.score_names.size(); ++s)
      if (IsShare(rules.score_names[s])) edit["accuracy"][rules.score_names[s]] = summary.accuracy[s];
    edits.push_back(std::move(edit));
  }
  Json json = {{"method", evaluation.methods[method]},
               {"all", ToJson(group.all[method], evaluation.has_recognizer)},
               {"edits", std::move(edits)}};
  return json;
}

std::string Cell(double number, const char* format) {
  if (std::isnan(number)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

// Of the scores of the other attributes: how much of their order is left, and how many stay on their side of 0.5.
double OfOthers(const std::vector<double>& numbers, const SummaryRules& rules, const std::string& attribute) {
  std::vector<double> others;
  for (size_t s = 0; s < numbers.size(); ++s)
    if (rules.score_names[s] != attribute && !std::isnan(numbers[s])) others.push_back(numbers[s]);
  return Mean(others);
}

}  // namespace

nlohmann::json ToJson(const Evaluation& evaluation) {
  Json methods = Json::array(), groupings = Json::array(), costs = Json::array();
  for (size_t m = 0; m < evaluation.methods.size(); ++m) {
    methods.push_back(ToJson(evaluation, evaluation.summary.whole, m));
    const EditSummary& all = evaluation.summary.whole.all[m];
    Json cost = {{"method", evaluation.methods[m]},
                 {"seconds", all.seconds},
                 {"values_tried", all.tried},
                 {"multiply_adds_of_a_value", evaluation.costs[m].multiply_adds},
                 {"multiply_adds", all.tried * static_cast<double>(evaluation.costs[m].multiply_adds)},
                 {"memory_bytes", evaluation.costs[m].bytes}};
    costs.push_back(std::move(cost));
  }
  for (size_t c = 0; c < evaluation.groupings.size(); ++c) {
    Json groups = Json::array();
    for (size_t k = 0; k < evaluation.groupings[c].names.size(); ++k) {
      const GroupSummary& summary = evaluation.summary.groups[c][k];
      Json own = Json::array();
      for (size_t m = 0; m < evaluation.methods.size(); ++m) own.push_back(ToJson(evaluation, summary, m));
      Json group = {{"group", evaluation.groupings[c].names[k]}, {"faces", summary.faces}, {"methods", std::move(own)}};
      groups.push_back(std::move(group));
    }
    Json grouping = {{"column", evaluation.groupings[c].column}, {"groups", std::move(groups)}};
    groupings.push_back(std::move(grouping));
  }
  const Gap& gap = evaluation.summary.largest;
  Json largest = nullptr;
  if (gap.found) {
    largest = {{"method", evaluation.methods[gap.method]},
               {"edit", gap.edit},
               {"measure", gap.measure},
               {"column", gap.column},
               {"low", {{"group", gap.low_group}, {"value", gap.low}}},
               {"high", {{"group", gap.high_group}, {"value", gap.high}}},
               {"intervals_apart", gap.apart}};
  }
  Json json = {
      {"faces", evaluation.faces},
      {"search", evaluation.search == SearchKind::kBinary ? "binary" : "linear"},
      {"same_person", {{"threshold", evaluation.rules.same_person}, {"source", evaluation.same_person_source}}},
      {"methods", std::move(methods)},
      {"cost_of_an_edit", std::move(costs)},
      {"subgroups", std::move(groupings)},
      {"largest_gap", std::move(largest)}};
  return json;
}

std::string TableOf(const Evaluation& evaluation) {
  const SummaryRules& rules = evaluation.rules;
  std::string table;
  const auto line = [&](const std::string& edit, const std::string& method, const EditSummary& s,
                        const std::string& threshold, const std::string& order, const std::string& accuracy) {
    char text[300];
    std::snprintf(text, sizeof text, "%-9s %-9s %6s %6zu %8zu %8s %9s %9s %7s %8s %8s %7s %6s %9s %9s %6s\n",
                  edit.c_str(), method.c_str(), threshold.c_str(), s.already, s.successes,
                  Cell(100 * s.success.mean, "%.0f %%").c_str(), Cell(100 * s.identity.mean, "%.0f %%").c_str(),
                  Cell(s.measures[0].mean, "%.3f").c_str(), Cell(s.measures[1].mean, "%.3f").c_str(),
                  evaluation.has_recognizer ? Cell(s.measures[2].mean, "%.3f").c_str() : "none",
                  Cell(s.measures[3].mean, "%.4f").c_str(), Cell(s.measures[4].mean, "%.1f").c_str(),
                  Cell(s.measures[5].mean, "%.3f").c_str(), order.c_str(), accuracy.c_str(),
                  Cell(s.tried, "%.1f").c_str());
    table += text;
  };
  char head[300];
  std::snprintf(head, sizeof head, "%-9s %-9s %6s %6s %8s %8s %9s %9s %7s %8s %8s %7s %6s %9s %9s %6s\n", "edit",
                "method", "past", "before", "reached", "success", "identity", "distance", "cosine", "arcface", "mse",
                "psnr", "ssim", "order", "accuracy", "values");
  table += head;
  for (size_t g = 0; g < rules.goals.size(); ++g) {
    for (size_t m = 0; m < evaluation.methods.size(); ++m) {
      const EditSummary& s = evaluation.summary.whole.edits[m * rules.goals.size() + g];
      if (s.faces == 0) continue;
      const std::string& attribute = rules.goals[g].attribute;
      line(rules.goals[g].name(), evaluation.methods[m], s, Cell(rules.goals[g].threshold, "%g"),
           Cell(OfOthers(s.correlation, rules, attribute), "%.3f"),
           Cell(100 * OfOthers(s.accuracy, rules, attribute), "%.0f %%"));
    }
  }
  for (size_t m = 0; m < evaluation.methods.size(); ++m)
    line("all", evaluation.methods[m], evaluation.summary.whole.all[m], "", "", "");
  return table;
}

std::string GapInWords(const Evaluation& evaluation) {
  const Gap& gap = evaluation.summary.largest;
  if (evaluation.groupings.empty()) return "no subgroups: the faces have no labels";
  if (!gap.found) return "no gap between subgroups: none of two groups of a column has faces enough";
  char text[400];
  std::snprintf(text, sizeof text,
                "largest gap between subgroups: %s of %s by %s, %s: %.0f %% of %s, %.0f %% of %s; the intervals %s",
                gap.measure.c_str(), gap.edit.c_str(), evaluation.methods[gap.method].c_str(), gap.column.c_str(),
                100 * gap.low, gap.low_group.c_str(), 100 * gap.high, gap.high_group.c_str(),
                gap.apart ? "lie apart" : "overlap");
  return text;
}

}  // namespace mien
