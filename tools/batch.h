// Many inputs, one after the other: what is wrong with one of them does not stop the others.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "tools/session.h"

namespace mien {

// --fail-fast.
void AddFailFast(CLI::App& verb, bool& fail_fast);

// For each input, by the names that messages give them: make(i) computes, write(i) puts the result where it
// belongs. A single input answers with its own error. Of several, one that fails is reported on stderr when
// it is met and under "failed" in the report, and the next one follows; the answer is kFailure with their
// names. Ends at once, with the error as it is: the first failure with fail_fast; an interrupt; a failing
// device, which computes nothing any more; a write that fails, because the next result would go to the same
// place.
Status RunBatch(Session& session, const std::vector<std::string>& names, bool fail_fast,
                const std::function<Status(size_t)>& make, const std::function<Status(size_t)>& write);

}  // namespace mien
