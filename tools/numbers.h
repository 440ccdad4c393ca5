// Numbers on the command line, whole or refused: nothing wraps, and nothing is read in another base than ten.
#pragma once

#include <CLI/CLI.hpp>

namespace mien {

// Digits alone; "010" is ten.
CLI::Validator WholeNumber();
// Bytes as digits with a suffix or none: K, KB (1000), KiB (1024), up to E, in either case of letters.
CLI::Validator ByteSize();

}  // namespace mien
