// What `mien evaluate` has found, and how it is told: as a table, as JSON, as a page; and what it is held to.
#pragma once

#include <string>
#include <vector>

#include "runtime/evaluate/summary.h"
#include "tools/session.h"

namespace mien {

// The pictures of a face, as files in the text of a page ("data:image/jpeg;base64,...").
struct ShownFace {
  std::string name, original, reconstruction;  // original: of a photo
  struct Edit {
    size_t method, goal;
    double distance;
    bool reached;
    std::string picture, difference;
  };
  std::vector<Edit> edits;
};

struct Evaluation {
  std::vector<std::string> methods;
  SummaryRules rules;
  const char* same_person_source = "";  // of the threshold
  SearchKind search = SearchKind::kBinary;
  bool has_recognizer = false;
  struct Cost {
    uint64_t multiply_adds = 0;  // of one value tried
    uint64_t bytes = 0;
  };
  std::vector<Cost> costs;  // of each method
  std::vector<Grouping> groupings;
  Summary summary;
  size_t faces = 0;
  std::vector<ShownFace> shown;
};

nlohmann::json ToJson(const Evaluation& evaluation);
// Lines for a terminal.
std::string TableOf(const Evaluation& evaluation);
std::string GapInWords(const Evaluation& evaluation);
// HTML, with everything it shows.
std::string PageOf(const Evaluation& evaluation, const std::string& model);

// "identity>=0.9": what must hold for a number that an evaluation has found.
struct Gate {
  std::string text;
  size_t method = 0;
  std::string measure, edit;  // "success", "identity" or one of kMeasureNames; "smile+", "smile" (both), "" (all)
  bool at_least = true, strict = false;
  double bound = 0.0;
};
// "[METHOD.]MEASURE[.EDIT]" with >=, >, <= or < and a number, separated by commas. kUsage: what is wrong.
Result<std::vector<Gate>> ParseGates(const std::string& text, const std::vector<std::string>& methods,
                                     const std::vector<EditGoal>& goals);
// Puts what was found into the report; kGate, naming the gates that are not met: a number that is not there meets none.
Status CheckGates(Session& session, const std::vector<Gate>& gates, const Evaluation& evaluation);

}  // namespace mien
