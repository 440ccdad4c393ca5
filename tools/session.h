// What every verb of the program shares: the global options, the answer, and how to speak. Results go to
// stdout or to the output file, everything else to stderr.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "runtime/engine.h"

namespace mien {

struct Session {
  // Global options.
  std::string model;             // path of a model file; empty: the built-in model
  RunOptions run;  // run.stop is the interrupt flag
  uint32_t seed = 0;
  std::string profile;  // where the trace of run.profile goes; empty: none
  bool json = false;
  bool quiet = false;
  bool verbose = false;

  // The verb's answer: main prints the status and turns it into the exit code; with --json it prints `report`
  // as the one document on stdout.
  Status status;
  nlohmann::json report = nlohmann::json::object();

  // Lines on stderr: Note unless --quiet, Detail with --verbose, Warn always.
  [[gnu::format(printf, 2, 3)]] void Note(const char* format, ...) const;
  [[gnu::format(printf, 2, 3)]] void Detail(const char* format, ...) const;
  [[gnu::format(printf, 2, 3)]] void Warn(const char* format, ...) const;
  // Text on stdout, nothing with --json. What stdout does not take shows in StdoutStatus.
  [[gnu::format(printf, 2, 3)]] void Print(const char* format, ...) const;
};

// The last line of stderr, until the next text there or the next such line takes its place; empty: none.
void ShowLastLine(std::string_view line);
// On stderr; whoever does not read messages misses them, and the results are not concerned.
void WriteStderr(std::string_view text);
// "mien: error: MESSAGE" on stderr; takes no memory.
void ErrorLine(const char* message);
// Bytes on stdout, whole, in any case. After the first failure nothing more is written. Nothing here goes through
// stdio, which cannot be stopped while it waits.
Status WriteStdout(std::span<const std::byte> bytes);
// The first failure of WriteStdout.
Status StdoutStatus();

// The file of --model, or the model built into the program.
Result<std::shared_ptr<const ModelFile>> OpenModel(const Session& session);
// The file of --model, or the face networks built into the program.
Result<std::shared_ptr<const ModelFile>> OpenFaceModel(const Session& session);

}  // namespace mien
