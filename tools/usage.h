// What is wrong with a command line, in words.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace mien {

// The candidate that was probably meant: at most two letters are missing, too many, others or swapped, and fewer than
// half of them. Empty: none.
std::string Nearest(const std::string& word, const std::vector<std::string>& candidates);

// `words`: the command line without the program's name.
std::string UsageInWords(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& words);

}  // namespace mien
