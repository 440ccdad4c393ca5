// Whether code asks nothing of the system: a child process runs it behind a filter that kills the process at
// any system call but those of waiting threads and of threads that change their processor.
#pragma once

#include <functional>

namespace mien::testing {

enum class Filtered {
  kQuiet,        // `run` answered true and made no other call
  kFailed,       // `run` answered false
  kKilled,       // it made one
  kUnavailable,  // this system has no such filter
};

// In a child process: prepare(), from then on the filter over all of its threads, run().
Filtered RunFiltered(const std::function<void()>& prepare, const std::function<bool()>& run);

}  // namespace mien::testing
