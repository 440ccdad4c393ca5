// Many inputs, one after the other: what is wrong with one of them does not stop the others, several processes can
// share them, and what was interrupted goes on.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "tools/session.h"

namespace mien {

struct BatchOptions {
  bool fail_fast = false;
  std::string shard, manifest;
};
void AddFailFast(CLI::App& verb, bool& fail_fast);
// --fail-fast, --shard, --manifest.
void AddBatchOptions(CLI::App& verb, BatchOptions& options);

// The photos of a command: a folder stands for the PNG and JPEG files in it, by name. kFailure: it has none.
Result<std::vector<std::string>> ExpandPhotos(const std::vector<std::string>& paths);

// The same in place, for a verb whose results go to `out`: that of a folder is a folder.
Status ExpandInto(std::vector<std::string>* paths, std::string* out);

// A part of a list: every of `count` inputs from `index` on.
struct Shard {
  size_t index = 0, count = 1;
  bool Has(size_t input) const { return input % count == index; }
};
// "2/8" is the second of eight; "auto" asks the environment of a Slurm array task or of a Kubernetes indexed job (whose
// completions are to be given as JOB_COMPLETIONS); empty: everything. kUsage: anything else.
Result<Shard> ParseShard(const std::string& text);

// What a verb does with input i.
struct BatchWork {
  std::function<Status(size_t)> make;           // computes
  std::function<Status(size_t)> write;          // puts the result where it belongs
  std::function<nlohmann::json(size_t)> entry;  // after it: what the manifest says of it
  std::function<bool(size_t)> there;            // before it: the result is there already; none: never
};

// The same failure; its message begins with the input that it is about.
Status Named(const Status& status, const std::string& input);

// For each input, by the names that messages give them. A single input answers with its own error. Of several, one that
// fails is reported on stderr when it is met and under "failed" in the report, and the next one follows; the answer is
// kFailure with their names. Ends at once, with the error as it is: the first failure with --fail-fast; an interrupt; a
// failing device, which computes nothing any more; a write that fails, because the next result would go to the same
// place. The manifest gets a line of JSON for each input as it ends: of several processes that append to one file, each
// writes whole lines.
Status RunBatch(Session& session, const std::vector<std::string>& names, const BatchOptions& options,
                const BatchWork& work);

}  // namespace mien
