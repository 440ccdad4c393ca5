// What `mien edit` is to do with every face, from the words of the command line: which edits, for one picture
// or for each picture of a contact sheet, and which rows of w_plus may change.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "runtime/face/editor.h"
#include "runtime/face/provenance.h"
#include "tools/session.h"

namespace mien {

struct EditWords {
  std::vector<std::string> set, add, sweeps, grid;
  std::vector<std::string> until;
  std::string layers, keep_identity;  // keep_identity: empty, kKeepBelowThreshold or a distance
  float strength = 1.0f;
};
// --keep-identity without a distance.
inline constexpr char kKeepBelowThreshold[] = "threshold";
void AddEditWords(CLI::App& verb, EditWords& words);

struct EditPlan {
  std::vector<std::vector<Edit>>
      pictures;                // of every face: the edits of one, or of each of the contact sheet
  std::vector<int> places;     // of each in the sheet, row by row from the upper left corner
  int columns = 1, lines = 1;  // of the sheet
  std::vector<bool> rows;      // of w_plus that may change
  float strength = 1.0f;
  // A value that is sought for each face: the attribute's score is to become `score`.
  struct Sought {
    std::string text, attribute;
    double score;
  };
  std::vector<Sought> until;
  double identity_below = 0.0;  // the distance to the reconstruction that is not to be reached; 0: any
  EditRecord edit;                                 // what is done
  nlohmann::json more = nlohmann::json::object();  // what else is, with other names

  // What is done, for the pictures' texts and the report.
  nlohmann::json record() const;
  bool edits() const { return !pictures[0].empty() || !until.empty(); }  // false: the reconstruction
  bool seeks() const { return !until.empty() || identity_below > 0; }
  bool sheet() const { return pictures.size() > 1; }
};

// kUsage: what is wrong. Warns of values far outside of the training range, once per attribute, and mentions
// what has no effect. `rows`: of w_plus; `threshold`: the distance of --keep-identity without one.
Result<EditPlan> PlanEdits(Session& session, const EditWords& words, const ModelConfig& model, double threshold);

}  // namespace mien
