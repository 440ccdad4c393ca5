#include "tools/batch.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/interrupt.h"
#include "base/stream.h"
#include "tools/outputs.h"

namespace mien {
namespace {

constexpr size_t kNamesInSummary = 10;

Status Summary(const std::vector<std::string>& failed, size_t all) {
  std::string names;
  for (size_t i = 0; i < failed.size() && i < kNamesInSummary; ++i) names += (i > 0 ? ", " : "") + InputName(failed[i]);
  if (failed.size() > kNamesInSummary) {
    names += " and " + std::to_string(failed.size() - kNamesInSummary) + " more";
  }
  return Status::Error(Code::kFailure, "%zu of %zu inputs failed: %s", failed.size(), all, names.c_str());
}

// A variable with a whole number; nothing where it is not there.
std::optional<size_t> Variable(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr || *text == '\0' || std::string_view(text).find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::strtoul(text, nullptr, 10);
}

Result<Shard> ShardOfEnvironment() {
  const auto task = Variable("SLURM_ARRAY_TASK_ID"), least = Variable("SLURM_ARRAY_TASK_MIN"),
             tasks = Variable("SLURM_ARRAY_TASK_COUNT"), step = Variable("SLURM_ARRAY_TASK_STEP");
  const auto job = Variable("JOB_COMPLETION_INDEX"), jobs = Variable("JOB_COMPLETIONS");
  Shard shard;
  if (task && least && tasks && *task >= *least) {
    shard = {(*task - *least) / std::max<size_t>(step.value_or(1), 1), *tasks};
  } else if (job && jobs) {
    shard = {*job, *jobs};
  } else {
    return Status::Error(Code::kUsage,
                         "--shard auto: neither SLURM_ARRAY_TASK_ID, _MIN and _COUNT nor JOB_COMPLETION_INDEX and "
                         "JOB_COMPLETIONS are set");
  }
  if (shard.index < shard.count) return shard;
  return Status::Error(Code::kUsage, "--shard auto: part %zu of %zu", shard.index + 1, shard.count);
}

// One line at the end of a file, by one call of the system.
Status Append(const std::string& path, const nlohmann::json& entry) {
  const std::string line = entry.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
  const int file = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  const bool written = file >= 0 && write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  const int problem = errno;
  if (file >= 0) close(file);
  if (written) return {};
  return Status::Error(Code::kFailure, "%s: cannot append a line: %s", path.c_str(), std::strerror(problem));
}

}  // namespace

Status Named(const Status& status, const std::string& input) {
  const std::string name = InputName(input);
  return std::string(status.message()).starts_with(name) ? status : status.Within("%s", name.c_str());
}

void AddFailFast(CLI::App& verb, bool& fail_fast) {
  verb.add_flag("--fail-fast", fail_fast, "end at the first input that fails (otherwise the others are made)");
}

void AddBatchOptions(CLI::App& verb, BatchOptions& options) {
  verb.option_defaults()->group("Many inputs");
  AddFailFast(verb, options.fail_fast);
  verb.add_option("--shard", options.shard,
                  "I/N: this process makes the I-th of N parts of the inputs; auto: as the Slurm array or Kubernetes "
                  "indexed job says that it runs in")
      ->type_name("I/N");
  verb.add_option("--manifest", options.manifest, "append a line of JSON for each input to this file")
      ->type_name("FILE");
  verb.option_defaults()->group("Options");
}

Result<std::vector<std::string>> ExpandPhotos(const std::vector<std::string>& paths) {
  namespace fs = std::filesystem;
  std::vector<std::string> photos;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      photos.push_back(path);
      continue;
    }
    const size_t first = photos.size();
    fs::directory_iterator at(path, error);
    for (; !error && at != fs::directory_iterator(); at.increment(error)) {
      std::string ending = at->path().extension().string();
      std::ranges::transform(ending, ending.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
      if (ending == ".png" || ending == ".jpg" || ending == ".jpeg") photos.push_back(at->path().string());
    }
    if (error)
      return Status::Error(Code::kFailure, "%s: cannot read the folder: %s", path.c_str(), error.message().c_str());
    if (photos.size() == first)
      return Status::Error(Code::kFailure, "%s: a folder without .png, .jpg or .jpeg in it", path.c_str());
    std::sort(photos.begin() + static_cast<std::ptrdiff_t>(first), photos.end());
  }
  return photos;
}

Status ExpandInto(std::vector<std::string>* paths, std::string* out) {
  std::error_code error;
  const bool folder =
      std::ranges::any_of(*paths, [&](const std::string& path) { return std::filesystem::is_directory(path, error); });
  if (folder && *out == "-") return Status::Error(Code::kUsage, "-o -: what is made of a folder goes to a folder");
  if (folder && !out->ends_with('/')) *out += '/';
  MIEN_ASSIGN(*paths, ExpandPhotos(*paths));
  return {};
}

Result<Shard> ParseShard(const std::string& text) {
  Shard shard;
  if (text.empty()) return shard;
  if (text == "auto") return ShardOfEnvironment();
  unsigned long index = 0, count = 0;
  int used = 0;
  const bool digits = text.find_first_not_of("0123456789/") == std::string::npos;
  const bool read = digits && std::sscanf(text.c_str(), "%9lu/%9lu%n", &index, &count, &used) == 2;
  if (!read || used != static_cast<int>(text.size()) || index < 1 || index > count)
    return Status::Error(Code::kUsage, "--shard %s: I/N with I from 1 to N, or auto, expected", text.c_str());
  return Shard{index - 1, count};
}

Status RunBatch(Session& session, const std::vector<std::string>& names, const BatchOptions& options,
                const BatchWork& work) {
  MIEN_ASSIGN(const Shard shard, ParseShard(options.shard));
  std::vector<size_t> inputs;
  for (size_t i = 0; i < names.size(); ++i) {
    if (shard.Has(i)) inputs.push_back(i);
  }
  Progress progress(session, inputs.size());
  std::vector<std::string> failed;
  for (const size_t i : inputs) {
    MIEN_TRY(CheckInterrupt());
    progress.Step(names[i]);
    if (work.there && work.there(i)) {
      session.report["skipped"].push_back(names[i]);
      progress.Skip();
      continue;
    }
    const Status made = work.make(i);
    if (made.ok()) {
      MIEN_TRY(work.write(i));
      if (!options.manifest.empty()) MIEN_TRY(Append(options.manifest, work.entry(i)));
      continue;
    }
    const bool ends =
        options.fail_fast || names.size() == 1 || made.code() == Code::kInterrupted || made.code() == Code::kDevice;
    if (ends) return made;
    const Status error = Named(made, names[i]);
    ErrorLine(error.message());
    const nlohmann::json entry = {{"input", names[i]}, {"error", error.message()}};
    session.report["failed"].push_back(entry);
    if (!options.manifest.empty()) MIEN_TRY(Append(options.manifest, entry));
    failed.push_back(names[i]);
  }
  return failed.empty() ? Status() : Summary(failed, inputs.size());
}

}  // namespace mien
