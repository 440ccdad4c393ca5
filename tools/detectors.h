// --detector of the verbs that search faces.
#pragma once

#include <CLI/CLI.hpp>

#include "runtime/face/face_search.h"

namespace mien {

void AddDetectorOption(CLI::App& verb, DetectorChoice& choice);

}  // namespace mien
