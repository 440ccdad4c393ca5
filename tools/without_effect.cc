#include "tools/without_effect.h"

namespace mien {

void WithoutEffect(Session& session, const std::string& option, const std::string& why) {
  session.Warn("%s has no effect: %s", option.c_str(), why.c_str());
  session.report["without_effect"].push_back({{"option", option}, {"why", why}});
}

void MentionUnused(Session& session, const CLI::App& app, const std::vector<const char*>& names,
                   const std::string& why) {
  for (const char* name : names) {
    if (app.count(name) > 0) WithoutEffect(session, name, why);
  }
}

void MentionCpuOptions(Session& session, const BackendChoice& backend) {
  if (!backend.device) return;
  const std::string why = "it is for the CPU, and " + backend.name + " computes";
  if (session.run.exact) WithoutEffect(session, "--exact", why);
  if (session.run.memory != "auto") WithoutEffect(session, "--memory " + session.run.memory, why);
}

}  // namespace mien
