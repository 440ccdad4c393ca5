// An option that changes nothing is mentioned, and what a picture's text and --json record is what happened.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/session.h"

namespace mien {

// "--psi 1.5", and why nothing comes of it: a warning, and an entry of "without_effect" in the report.
void WithoutEffect(Session& session, const std::string& option, const std::string& why);
// The global options among `names` that were given although the verb does not look at them.
void MentionUnused(Session& session, const CLI::App& app, const std::vector<const char*>& names,
                   const std::string& why);

// On a device: the global options that are for the CPU.
void MentionCpuOptions(Session& session, const BackendChoice& backend);

}  // namespace mien
