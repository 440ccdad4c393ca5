// The verbs and options of the program as data, for what is written about it: completions of shells, the manual page.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace mien {

// The last line of every verb's help.
inline constexpr char kFooterOfVerbs[] =
    "Global options (-m, --seed, --threads, --json and others) and exit codes: mien help.";

struct OptionWords {
  std::vector<std::string> names;  // "-o", "--output"; empty: positional
  std::string placeholder;         // of the value: "FILE", "INT"; of a positional its name; empty: it is a flag
  std::string description, value;  // value: the default, where the help tells it
  std::vector<std::string> choices;
  bool files = false;                   // a path is expected
  bool required = false, many = false;  // many: takes several values
};

struct VerbWords {
  std::string name, description, footer;  // without kFooterOfVerbs
  std::vector<OptionWords> options;
};

struct ProgramWords {
  VerbWords global;  // the program itself
  std::vector<VerbWords> verbs;
};

// `attributes`: of the model that people will most likely use, offered where an attribute's name is expected.
ProgramWords WordsOf(const CLI::App& app, const std::vector<std::string>& attributes);

// What bash and zsh read from their folders of completions, and fish.
std::string BashCompletion(const ProgramWords& program);
std::string ZshCompletion(const ProgramWords& program);
std::string FishCompletion(const ProgramWords& program);
// man(7) source of mien(1).
std::string ManualPage(const ProgramWords& program, const std::string& version);

}  // namespace mien
