// The manual page mien(1), as man(7) has it.
#include "tools/program_words.h"

namespace mien {
namespace {

// A hyphen that is typed, a backslash, and a dot or quote at the start of a line mean something to roff.
std::string Roff(const std::string& text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_begins = c == '\n';
  }
  return out;
}

std::string Options(const VerbWords& verb) {
  std::string text;
  for (const OptionWords& option : verb.options) {
    std::string names;
    for (const std::string& name : option.names) names += (names.empty() ? "\\fB" : ", \\fB") + Roff(name) + "\\fR";
    if (!option.placeholder.empty())
      names += (names.empty() ? "\\fI" : " \\fI") + Roff(option.placeholder) + "\\fR" + (option.many ? " ..." : "");
    text += ".TP\n" + names + "\n" + Roff(option.description);
    if (!option.choices.empty()) {
      std::string choices;
      for (const std::string& choice : option.choices) choices += (choices.empty() ? "" : ", ") + choice;
      text += "; one of " + Roff(choices);
    }
    if (!option.value.empty()) text += " (default: " + Roff(option.value) + ")";
    if (option.required) text += " (required)";
    text += "\n";
  }
  return text;
}

}  // namespace

std::string ManualPage(const ProgramWords& program, const std::string& version) {
  std::string text = ".TH MIEN 1 \"\" \"mien " + Roff(version) +
                     "\"\n.SH NAME\nmien \\- edits a face in a photo without changing who it is\n"
                     ".SH SYNOPSIS\n.B mien\n.RI [ OPTIONS ] \" VERB \" [ ARGUMENTS ]\n"
                     ".SH DESCRIPTION\n" +
                     Roff(program.global.description) + "\n.SH VERBS\n";
  for (const VerbWords& verb : program.verbs) {
    text += ".SS \"mien " + Roff(verb.name) + "\"\n" + Roff(verb.description) + ".\n" + Options(verb);
    if (!verb.footer.empty()) text += ".PP\n" + Roff(verb.footer) + "\n";
  }
  return text + ".SH GLOBAL OPTIONS\nThey stand before or after the verb.\n" + Options(program.global) +
         ".SH EXIT STATUS\n" + Roff(program.global.footer) + "\n";
}

}  // namespace mien
