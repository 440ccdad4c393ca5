// Completions for bash, zsh and fish: verbs, then the options of the verb and the global ones, then what an option
// takes.
#include "tools/program_words.h"

namespace mien {
namespace {

constexpr const char* kHeader = "Made by `mien describe`; edits are lost.\n";

std::string Joined(const std::vector<std::string>& words, const char* between = " ") {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

std::string VerbNames(const ProgramWords& program, const char* between) {
  std::vector<std::string> names;
  for (const VerbWords& verb : program.verbs) names.push_back(verb.name);
  return Joined(names, between);
}

std::string AllNames(const VerbWords& verb) {
  std::vector<std::string> names;
  for (const OptionWords& option : verb.options) names.insert(names.end(), option.names.begin(), option.names.end());
  return Joined(names);
}

// `what` between single quotes of a shell, in which a quote is `quote`.
std::string Quoted(const std::string& what, const char* quote) {
  std::string text = "'";
  for (const char c : what) {
    if (c == '\'') {
      text += quote;
    } else {
      text += c == '\n' ? ' ' : c;
    }
  }
  return text + "'";
}

// The lines of a bash `case VERB:OPTION in` for what the verb's options take.
std::string BashValues(const VerbWords& verb) {
  std::string text;
  for (const OptionWords& option : verb.options) {
    if (option.names.empty() || option.placeholder.empty()) continue;
    std::string pattern;
    for (const std::string& name : option.names) pattern += (pattern.empty() ? "" : "|") + verb.name + ":" + name;
    const std::string reply = option.files ? "COMPREPLY=($(compgen -f -- \"$current\"))"
                              : option.choices.empty()
                                  ? "COMPREPLY=()"
                                  : "COMPREPLY=($(compgen -W \"" + Joined(option.choices) + "\" -- \"$current\"))";
    text += "    " + pattern + ") " + reply + "; return ;;\n";
  }
  return text;
}

// A verb's options for zsh's _arguments. Brackets and colons mean something there.
std::string ZshOptions(const VerbWords& verb) {
  const auto plain = [](const std::string& text) {
    std::string out;
    for (const char c : text) {
      if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
      out += c;
    }
    return out;
  };
  std::string text;
  for (const OptionWords& option : verb.options) {
    std::string takes;
    if (!option.placeholder.empty()) {
      takes = ":" + plain(option.placeholder) + ":";
      if (option.files) takes += "_files";
      if (!option.choices.empty()) takes += "(" + Joined(option.choices) + ")";
    }
    if (option.names.empty()) {
      text += " " + Quoted((option.many ? "*" : "") + takes, "'\\''");
      continue;
    }
    for (const std::string& name : option.names)
      text += " \\\n      " + Quoted("*" + name + "[" + plain(option.description) + "]" + takes, "'\\''");
  }
  return text;
}

std::string FishOptions(const VerbWords& verb, const std::string& condition) {
  std::string text;
  for (const OptionWords& option : verb.options) {
    if (option.names.empty()) continue;
    text += "complete -c mien" + condition;
    for (const std::string& name : option.names)
      text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (!option.placeholder.empty()) text += option.files ? " -r -F" : " -x";
    if (!option.choices.empty()) text += " -a " + Quoted(Joined(option.choices), "\\'");
    text += " -d " + Quoted(option.description, "\\'") + "\n";
  }
  return text;
}

}  // namespace

std::string BashCompletion(const ProgramWords& program) {
  std::string text = std::string("# ") + kHeader +
                     "_mien() {\n"
                     "  local current=$2 option=$3 verb= word\n"
                     "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                     "    case $word in " +
                     VerbNames(program, "|") +
                     ") verb=$word; break ;; esac\n"
                     "  done\n"
                     "  case $verb:$option in\n";
  for (const VerbWords& verb : program.verbs) text += BashValues(verb);
  text += "  esac\n  case mien:$option in\n" + BashValues(program.global) + "  esac\n  case $verb in\n";
  for (const VerbWords& verb : program.verbs) text += "    " + verb.name + ") word=\"" + AllNames(verb) + "\" ;;\n";
  text += "    *) word=\"help " + VerbNames(program, " ") + "\" ;;\n  esac\n";
  return text +
         "  case $verb:$current in\n    ?*:[!-]*|?*:) COMPREPLY=($(compgen -f -- \"$current\")) ;;\n"
         "    *) COMPREPLY=($(compgen -W \"$word " +
         AllNames(program.global) +
         "\" -- \"$current\")) ;;\n  esac\n}\ncomplete -o filenames -o bashdefault -F _mien mien\n";
}

std::string ZshCompletion(const ProgramWords& program) {
  std::string text = std::string("#compdef mien\n# ") + kHeader + "local -a verbs\nlocal verb word\nverbs=(\n";
  for (const VerbWords& verb : program.verbs) text += "  " + Quoted(verb.name + ":" + verb.description, "'\\''") + "\n";
  text += ")\nfor word in $words[2,CURRENT-1]; do\n  case $word in (" + VerbNames(program, "|") +
          ") verb=$word; break ;; esac\ndone\ncase $verb in\n";
  const std::string global = ZshOptions(program.global);
  for (const VerbWords& verb : program.verbs)
    text +=
        "  (" + verb.name + ")\n    shift words; (( CURRENT-- ))\n    _arguments" + ZshOptions(verb) + global + " ;;\n";
  return text + "  (*)\n    _describe verb verbs\n    _arguments" + global + " ;;\nesac\n";
}

std::string FishCompletion(const ProgramWords& program) {
  const std::string verbs = VerbNames(program, " ");
  std::string text = std::string("# ") + kHeader;
  for (const VerbWords& verb : program.verbs)
    text += "complete -c mien -f -n 'not __fish_seen_subcommand_from " + verbs + "' -a " + verb.name + " -d " +
            Quoted(verb.description, "\\'") + "\n";
  text += FishOptions(program.global, "");
  for (const VerbWords& verb : program.verbs)
    text += FishOptions(verb, " -n '__fish_seen_subcommand_from " + verb.name + "'");
  return text;
}

}  // namespace mien
