// What people bring in place of a checkpoint, told by its first bytes.
#pragma once

#include <string>

#include "base/file.h"

namespace mien {

// What the file is and what to do about it, in words: "a web page (HTML, \"Quota exceeded\"), ..."; empty:
// nothing that is known here. Reads at most 4 KiB of the beginning, and of
// a zip archive the end, which is missing when a download broke off.
Result<std::string> NameOtherFile(const ByteSource& source);

}  // namespace mien
