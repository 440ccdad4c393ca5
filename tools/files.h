// The files of one command line, and which of them are one and the same.
#pragma once

#include <string>
#include <vector>

#include "tools/session.h"

namespace mien {

// The files that play one part, as the messages call it: {"photo", options.inputs}. Empty paths are options
// that were not given. "-" is stdin among the inputs and stdout among the outputs.
struct FileGroup {
  const char* role;
  std::vector<std::string> paths;
  bool makes_folder = false;  // of outputs: a folder that is not there will be made
};

// Called by every verb that writes, with all it reads (the model of the session is added here) and all it
// writes (the profile is), before anything is computed. Usage error, naming both files: an output that is an input or
// another output, by whatever name (links; names that the file system takes for one), stdin or another stream read
// twice, stdout written twice or with --json; devices like /dev/null take any number of results. Failure, as
// writing would answer later: an output in a folder that is not there, or where nothing may be written.
Status CheckFiles(const Session& session, std::vector<FileGroup> inputs, std::vector<FileGroup> outputs);

}  // namespace mien
