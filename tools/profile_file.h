// A profile as a trace that Perfetto (ui.perfetto.dev) and Chrome (chrome://tracing) open.
#pragma once

#include <string>

#include "runtime/profile.h"

namespace mien {

// Trace Event Format, JSON object form: one complete event for each step, with its layer, op, shapes, products and
// bytes; one for each thread's share of it; on a device one for each kernel's step. Times in microseconds.
Status WriteProfile(const Profile& profile, const std::string& path);

}  // namespace mien
