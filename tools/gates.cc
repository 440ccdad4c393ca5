// The gates of `mien evaluate`.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tools/evaluation.h"

namespace mien {
namespace {

std::vector<std::string> Split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

bool IsMeasure(const std::string& name) {
  return name == "success" || name == "identity" || std::ranges::find(kMeasureNames, name) != std::end(kMeasureNames);
}

Result<Gate> ParseGate(const std::string& text, const std::vector<std::string>& methods,
                       const std::vector<EditGoal>& goals) {
  const Status wrong = Status::Error(
      Code::kUsage, "gate %s: [METHOD.]MEASURE[.EDIT] with >=, >, <= or < and a number expected, such as identity>=0.9",
      text.c_str());
  Gate gate;
  gate.text = text;
  const size_t sign = text.find_first_of("<>");
  if (sign == std::string::npos) return wrong;
  gate.at_least = text[sign] == '>';
  gate.strict = text.compare(sign + 1, 1, "=") != 0;
  const std::string number = text.substr(sign + (gate.strict ? 1 : 2));
  char* end = nullptr;
  gate.bound = std::strtod(number.c_str(), &end);
  if (number.empty() || *end != '\0' || !std::isfinite(gate.bound)) return wrong;
  std::vector<std::string> names = Split(text.substr(0, sign), '.');
  if (const auto method = std::ranges::find(methods, names[0]); method != methods.end()) {
    gate.method = static_cast<size_t>(method - methods.begin());
    names.erase(names.begin());
  }
  if (names.empty() || names.size() > 2 || !IsMeasure(names[0])) return wrong;
  gate.measure = names[0];
  if (names.size() == 1) return gate;
  gate.edit = names[1];
  const bool known = std::ranges::any_of(
      goals, [&](const EditGoal& goal) { return goal.attribute == gate.edit || goal.name() == gate.edit; });
  if (known) return gate;
  return Status::Error(Code::kUsage, "gate %s: %s is not among the edits that are evaluated", text.c_str(),
                       gate.edit.c_str());
}

double Number(const EditSummary& summary, const std::string& measure) {
  if (measure == "success") return summary.success.mean;
  if (measure == "identity") return summary.identity.mean;
  const auto place = std::ranges::find(kMeasureNames, measure) - std::begin(kMeasureNames);
  return summary.measures[place].mean;
}

double Found(const Gate& gate, const Evaluation& evaluation) {
  const GroupSummary& whole = evaluation.summary.whole;
  if (gate.edit.empty()) return Number(whole.all[gate.method], gate.measure);
  const std::vector<EditGoal>& goals = evaluation.rules.goals;
  std::vector<double> numbers;
  for (size_t g = 0; g < goals.size(); ++g) {
    if (goals[g].attribute != gate.edit && goals[g].name() != gate.edit) continue;
    numbers.push_back(Number(whole.edits[gate.method * goals.size() + g], gate.measure));
  }
  return Mean(numbers);
}

bool Meets(const Gate& gate, double found) {
  if (found == gate.bound) return !gate.strict;
  return gate.at_least ? found > gate.bound : found < gate.bound;
}

}  // namespace

Result<std::vector<Gate>> ParseGates(const std::string& text, const std::vector<std::string>& methods,
                                     const std::vector<EditGoal>& goals) {
  std::vector<Gate> gates;
  if (text.empty()) return gates;
  for (const std::string& part : Split(text, ',')) {
    MIEN_ASSIGN(Gate gate, ParseGate(part, methods, goals));
    gates.push_back(std::move(gate));
  }
  return gates;
}

Status CheckGates(Session& session, const std::vector<Gate>& gates, const Evaluation& evaluation) {
  std::string unmet;
  if (!gates.empty()) session.report["gates"] = nlohmann::json::array();
  for (const Gate& gate : gates) {
    const double found = Found(gate, evaluation);
    const bool met = Meets(gate, found);
    nlohmann::json entry = {{"gate", gate.text}, {"found", found}, {"met", met}};
    session.report["gates"].push_back(std::move(entry));
    if (met) continue;
    char number[32];
    std::snprintf(number, sizeof number, std::isnan(found) ? "nothing" : "%.4g", found);
    unmet += (unmet.empty() ? "" : "; ") + gate.text + ": " + number + " found";
  }
  return unmet.empty() ? Status() : Status::Error(Code::kGate, "gates not met: %s", unmet.c_str());
}

}  // namespace mien
