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
  std::string layers;
  float keep_identity = 0.0f;
};
void AddEditWords(CLI::App& verb, EditWords& words);

struct EditPlan {
  std::vector<std::vector<Edit>>
      pictures;                // of every face: the edits of one, or of each of the contact sheet
  std::vector<int> places;     // of each in the sheet, row by row from the upper left corner
  int columns = 1, lines = 1;  // of the sheet
  std::vector<bool> rows;      // of w_plus that may change
  float keep_identity = 0.0f;
  EditRecord edit;                                 // what is done
  nlohmann::json more = nlohmann::json::object();  // what else is, with other names

  // What is done, for the pictures' texts and the report.
  nlohmann::json record() const;
  bool edits() const { return !pictures[0].empty(); }  // false: the reconstruction
  bool sheet() const { return pictures.size() > 1; }
};

// kUsage: what is wrong. Warns of values far outside of the training range, once per attribute, and mentions
// what has no effect. `rows`: of w_plus.
Result<EditPlan> PlanEdits(Session& session, const EditWords& words, const FlowConfig& flow, int rows);

}  // namespace mien
