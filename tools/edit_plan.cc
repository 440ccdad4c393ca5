#include "tools/edit_plan.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tools/without_effect.h"

namespace mien {
namespace {

constexpr int kMaxSteps = 64;

// "smile=-2:2:5": from, to, how many; the ends may carry the attribute's unit.
Result<std::vector<Edit>> ParseSteps(const FlowConfig& flow, const std::string& text) {
  const Status wrong = Status::Error(Code::kUsage, "%s: ATTRIBUTE=FROM:TO:COUNT expected, count 2 to %d",
                                     text.c_str(), kMaxSteps);
  const size_t equals = text.find('='), first = text.find(':'), second = text.find(':', first + 1);
  if (equals == std::string::npos || first == std::string::npos || second == std::string::npos ||
      first < equals) {
    return wrong;
  }
  const std::string digits = text.substr(second + 1);
  if (digits.empty() || digits.size() > 2 || digits.find_first_not_of("0123456789") != std::string::npos)
    return wrong;
  const int count = std::stoi(digits);
  if (count < 2 || count > kMaxSteps) return wrong;
  MIEN_ASSIGN(const Edit from, ParseEdit(flow, text.substr(0, first), Edit::Mode::kSet));
  MIEN_ASSIGN(const Edit to,
              ParseEdit(flow, text.substr(0, equals + 1) + text.substr(first + 1, second - first - 1),
                        Edit::Mode::kSet));
  std::vector<Edit> steps;
  for (int i = 0; i < count; ++i) {
    const float at = static_cast<float>(i) / static_cast<float>(count - 1);
    Edit step =
        std::fabs(from.value) > std::fabs(to.value) ? from : to;  // the farther end tells how it was given
    step.value = from.value + at * (to.value - from.value);
    steps.push_back(step);
  }
  return steps;
}

// An edit of --set or --add, and how it was written.
struct Written {
  const char* option;
  std::string text;
  Edit edit;
};

Result<std::vector<Written>> ParseEdits(const EditWords& words, const FlowConfig& flow) {
  std::vector<Written> edits;
  for (const std::string& text : words.set) {
    MIEN_ASSIGN(const Edit edit, ParseEdit(flow, text, Edit::Mode::kSet));
    edits.push_back({"set", text, edit});
  }
  for (const std::string& text : words.add) {
    MIEN_ASSIGN(const Edit edit, ParseEdit(flow, text, Edit::Mode::kAdd));
    edits.push_back({"add", text, edit});
  }
  return edits;
}

// "smile=0.8", "age=50y": a score of the classifier, in its own unit.
Result<EditPlan::Sought> ParseUntil(const std::string& text, const ModelConfig& model) {
  const size_t equals = text.find('=');
  EditPlan::Sought sought = {text, text.substr(0, equals), 0.0};
  const auto knows = [&](const std::vector<std::string>& names) {
    return std::ranges::find(names, sought.attribute) != names.end();
  };
  if (!model.attributes)
    return Status::Error(Code::kUsage, "--until needs the component attributes, which this model file does not have");
  const std::string number = equals == std::string::npos ? "" : text.substr(equals + 1);
  char* end = nullptr;
  sought.score = std::strtod(number.c_str(), &end);
  const std::string unit = end == nullptr ? "" : end;
  const bool unit_fits = unit.empty() || (unit == "y" && sought.attribute == "age") ||
                         (unit == "deg" && (sought.attribute == "yaw" || sought.attribute == "pitch"));
  if (number.empty() || end == number.c_str() || !unit_fits || !std::isfinite(sought.score))
    return Status::Error(Code::kUsage, "until %s: ATTRIBUTE=SCORE expected, such as smile=0.8 or age=50y",
                         text.c_str());
  if (!knows(model.flow->attributes) || !knows(model.attributes->outputs))
    return Status::Error(Code::kUsage, "until %s: an attribute that the flow edits and the classifier sees expected",
                         text.c_str());
  return sought;
}

// Until this option meant a distance it was the share of the unedited codes that stays, 0 to 1. The two ends are no
// distance that anybody wants, and are refused; any other number may be one.
Result<double> ParseKeepIdentity(const Session& session, const std::string& text, double threshold) {
  if (text.empty()) return 0.0;
  if (text == kKeepBelowThreshold) return threshold;
  char* end = nullptr;
  const double distance = std::strtod(text.c_str(), &end);
  if (*end != '\0' || !(distance > 0.0 && distance < 2.0) || distance == 1.0) {
    return Status::Error(Code::kUsage,
                         "keep-identity %s: a distance of the face recogniser expected, above 0 and below 2 but not 1 "
                         "(the share of the codes that stay, which this option once was, is now --strength, one minus "
                         "that share)",
                         text.c_str());
  }
  session.Note("--keep-identity %s is a distance of the face recogniser; for a weaker edit write --strength %g",
               text.c_str(), 1.0 - distance);
  return distance;
}

// The edits of every picture: those that all share, then the steps of --sweep or --grid.
Status PlacePictures(const EditWords& words, const FlowConfig& flow, const std::vector<Edit>& shared,
                     EditPlan* plan) {
  const bool grid = !words.grid.empty();
  std::vector<std::vector<Edit>> series;
  for (const std::string& text : grid ? words.grid : words.sweeps) {
    MIEN_ASSIGN(std::vector<Edit> steps, ParseSteps(flow, text));
    series.push_back(std::move(steps));
  }
  if (series.empty()) {
    plan->pictures = {shared};
    plan->places = {0};
    return {};
  }
  if (grid && series[0][0].attribute == series[1][0].attribute) {
    return Status::Error(Code::kUsage, "grid: two attributes expected, %s is given twice",
                         flow.attributes[static_cast<size_t>(series[0][0].attribute)].c_str());
  }
  for (const auto& steps : series) plan->columns = std::max(plan->columns, static_cast<int>(steps.size()));
  if (grid) plan->columns = static_cast<int>(series[0].size());
  plan->lines = static_cast<int>(grid ? series[1].size() : series.size());
  for (int line = 0; line < plan->lines; ++line) {
    const std::vector<Edit>& across = series[static_cast<size_t>(grid ? 0 : line)];
    for (size_t i = 0; i < across.size(); ++i) {
      std::vector<Edit> edits = shared;
      edits.push_back(across[i]);
      if (grid) edits.push_back(series[1][static_cast<size_t>(line)]);
      plan->pictures.push_back(std::move(edits));
      plan->places.push_back(line * plan->columns + static_cast<int>(i));
    }
  }
  return {};
}

// Whether edit `index` of all pictures is overwritten by a later one in each of them.
bool Overwritten(const EditPlan& plan, size_t index) {
  return std::ranges::all_of(plan.pictures, [&](const std::vector<Edit>& edits) {
    return std::any_of(edits.begin() + index + 1, edits.end(), [&](const Edit& later) {
      return later.attribute == edits[index].attribute && later.mode == Edit::Mode::kSet;
    });
  });
}

// What happens goes into the record, what does not is mentioned.
void Record(Session& session, const EditWords& words, const std::vector<Written>& written, EditPlan* plan) {
  for (size_t i = 0; i < written.size(); ++i) {
    if (Overwritten(*plan, i)) {
      WithoutEffect(session, std::string("--") + written[i].option + " " + written[i].text,
                    "a later value of the attribute replaces it");
    } else {
      (written[i].edit.mode == Edit::Mode::kSet ? plan->edit.set : plan->edit.add).push_back(written[i].text);
    }
  }
  if (!words.grid.empty()) plan->more["grid"] = words.grid;
  if (words.sweeps.size() == 1) plan->more["sweep"] = words.sweeps[0];
  if (words.sweeps.size() > 1) plan->more["sweep"] = words.sweeps;
  if (!plan->edits()) {
    if (!words.layers.empty()) WithoutEffect(session, "--layers", "nothing is edited");
    if (words.strength < 1.0f) WithoutEffect(session, "--strength", "nothing is edited");
    if (!words.keep_identity.empty()) WithoutEffect(session, "--keep-identity", "nothing is edited");
    plan->identity_below = 0.0;
    return;
  }
  plan->edit.layers = words.layers;
  plan->edit.strength = words.strength;
  plan->edit.until = words.until;
  plan->edit.identity_below = plan->identity_below;
  if (words.strength == 0.0f) session.Warn("--strength 0 leaves nothing of the edits: the reconstruction");
}

}  // namespace

nlohmann::json EditPlan::record() const {
  nlohmann::json record = nlohmann::json::parse(ToJson(edit));
  record.update(more);
  return record;
}

void AddEditWords(CLI::App& verb, EditWords& words) {
  verb.option_defaults()->group("Edits");
  const auto repeated = [&](const char* name, std::vector<std::string>& values, const char* type,
                            const char* help) {
    return verb.add_option(name, values, help)
        ->type_name(type)
        ->expected(1)
        ->take_all()
        ->allow_extra_args(false);
  };
  repeated("--set", words.set, "ATTRIBUTE=VALUE",
           "set an attribute: smile=1.5, yaw=15deg, age=60y (plain: -1..1 spans the training range)");
  repeated("--add", words.add, "ATTRIBUTE=VALUE", "add to an attribute");
  verb.add_option("--layers", words.layers, "only these rows of w_plus may change, e.g. 4-7")
      ->type_name("ROWS");
  verb.add_option("--strength", words.strength, "1: the whole edit, 0: none of it")->capture_default_str();
  repeated("--until", words.until, "ATTRIBUTE=SCORE",
           "edit an attribute until the model's classifier gives it this score: smile=0.8, age=50y");
  verb.add_option("--keep-identity", words.keep_identity,
                  "the largest part of the edit whose distance to the reconstruction, as the face recogniser has it, "
                  "stays below D (default: below which it is the same person)")
      ->type_name("[D]")
      ->expected(0, 1)
      ->default_str(kKeepBelowThreshold);
  CLI::Option* const sweep = repeated("--sweep", words.sweeps, "ATTRIBUTE=FROM:TO:COUNT",
                                      "one attribute over a range as a contact sheet, e.g. smile=-2:2:5; "
                                      "each further --sweep is another row");
  verb.add_option("--grid", words.grid,
                  "two attributes as a contact sheet, the first across, the second down")
      ->type_name("ATTRIBUTE=FROM:TO:COUNT")
      ->expected(2)
      ->allow_extra_args(false)
      ->excludes(sweep);
  verb.option_defaults()->group("Options");
}

Result<EditPlan> PlanEdits(Session& session, const EditWords& words, const ModelConfig& model, double threshold) {
  const FlowConfig& flow = *model.flow;
  if (!(words.strength >= 0.0f && words.strength <= 1.0f)) {
    return Status::Error(Code::kUsage, "strength %g, 0 to 1 expected", static_cast<double>(words.strength));
  }
  EditPlan plan;
  plan.strength = words.strength;
  MIEN_ASSIGN(plan.identity_below, ParseKeepIdentity(session, words.keep_identity, threshold));
  for (const std::string& text : words.until) {
    MIEN_ASSIGN(EditPlan::Sought sought, ParseUntil(text, model));
    plan.until.push_back(std::move(sought));
  }
  MIEN_ASSIGN(plan.rows, ParseRows(words.layers, model.generator->rows()));
  MIEN_ASSIGN(const std::vector<Written> written, ParseEdits(words, flow));
  std::vector<Edit> shared;
  for (const Written& one : written) shared.push_back(one.edit);
  MIEN_TRY(PlacePictures(words, flow, shared, &plan));
  if (plan.seeks() && plan.sheet())
    return Status::Error(Code::kUsage, "--until and --keep-identity are for one picture, not for sheets");
  for (const FarValue& far : FarValues(flow, plan.pictures)) {
    session.Warn("%s%s", far.what.c_str(),
                 far.meant.empty() ? "" : ("; for " + far.meant + " write " + far.written).c_str());
  }
  if (!plan.edits()) session.Warn("no --set, --add, --until, --sweep or --grid: the reconstruction is written");
  Record(session, words, written, &plan);
  return plan;
}

}  // namespace mien
