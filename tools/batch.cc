#include "tools/batch.h"

#include "base/interrupt.h"
#include "base/stream.h"
#include "tools/outputs.h"

namespace mien {
namespace {

constexpr size_t kNamesInSummary = 10;

// The message begins with the input that it is about.
Status Named(const Status& status, const std::string& input) {
  const std::string name = InputName(input);
  return std::string(status.message()).starts_with(name) ? status : status.Within("%s", name.c_str());
}

Status Summary(const std::vector<std::string>& failed, size_t all) {
  std::string names;
  for (size_t i = 0; i < failed.size() && i < kNamesInSummary; ++i) names += (i > 0 ? ", " : "") + InputName(failed[i]);
  if (failed.size() > kNamesInSummary) {
    names += " and " + std::to_string(failed.size() - kNamesInSummary) + " more";
  }
  return Status::Error(Code::kFailure, "%zu of %zu inputs failed: %s", failed.size(), all, names.c_str());
}

}  // namespace

void AddFailFast(CLI::App& verb, bool& fail_fast) {
  verb.add_flag("--fail-fast", fail_fast,
                "end at the first input that fails (otherwise the others are made)");
}

Status RunBatch(Session& session, const std::vector<std::string>& names, bool fail_fast,
                const std::function<Status(size_t)>& make, const std::function<Status(size_t)>& write) {
  Progress progress(session, names.size());
  std::vector<std::string> failed;
  for (size_t i = 0; i < names.size(); ++i) {
    MIEN_TRY(CheckInterrupt());
    progress.Step(names[i]);
    const Status made = make(i);
    if (made.ok()) {
      MIEN_TRY(write(i));
      continue;
    }
    const bool ends =
        fail_fast || names.size() == 1 || made.code() == Code::kInterrupted || made.code() == Code::kDevice;
    if (ends) return made;
    const Status error = Named(made, names[i]);
    progress.Clear();
    ErrorLine(error.message());
    session.report["failed"].push_back({{"input", names[i]}, {"error", error.message()}});
    failed.push_back(names[i]);
  }
  return failed.empty() ? Status() : Summary(failed, names.size());
}

}  // namespace mien
