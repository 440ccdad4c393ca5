// Runs the program from outside, as its users do, and makes the files that it is given.
#pragma once

#include <sys/types.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/tensor.h"

namespace mien::testing {

struct Ran {
  int code = -1;  // the exit code; 1000 + the signal that ended it
  std::string out, err;
};

// Waits for the end; standard input is the file `in`.
Ran Run(const std::vector<std::string>& arguments, const std::string& in = "/dev/null");
// With the tiny model and two threads.
Ran Mien(std::vector<std::string> arguments, const std::string& in = "/dev/null");

// With --json as well: it works, and mentions of all options that this one has no effect. The report.
nlohmann::json MienWithoutEffect(std::vector<std::string> arguments, const std::string& option);

// The streams are files. Wait answers as Ran::code.
pid_t Start(const std::string& program, const std::vector<std::string>& arguments, const std::string& out,
            const std::string& err, const std::string& in = "/dev/null");
int Wait(pid_t child);

// A path in a new empty folder below the scratch folder.
std::string Fresh(const std::string& name);
std::string Content(const std::string& path);
void WriteContent(const std::string& path, const std::string& content);
bool Has(const std::string& text, const std::string& part);
size_t FilesIn(const std::string& folder);
std::string FolderOf(const std::string& path);

// A photo with one face, and the aligned square of a drawn person.
inline const std::string kAstronaut = std::string(MIEN_SOURCE_DIR) + "/tests/data/faces/astronaut.png";
inline const std::string kPortrait = std::string(MIEN_SOURCE_DIR) + "/tools/people/weights/portrait.png";

// photo<seed>.png with a pattern of the seed.
std::string Photo(int seed, int width = 32, int height = 32);
// A file with one tensor for `mien run`.
std::string TensorInput(const std::string& name, const Shape& shape, const std::vector<float>& values);
std::vector<float> TensorOutput(const std::string& path, const std::string& name);

}  // namespace mien::testing
