#include "tools/program_words.h"

#include <algorithm>

namespace mien {
namespace {

// "TEXT:{auto,replace}" -> the two.
std::vector<std::string> ChoicesIn(const std::string& type) {
  const size_t open = type.find('{'), close = type.rfind('}');
  std::vector<std::string> choices;
  if (open == std::string::npos || close == std::string::npos) return choices;
  for (size_t at = open + 1; at < close;) {
    const size_t end = std::min(type.find(',', at), close);
    choices.push_back(type.substr(at, end - at));
    at = end + 1;
  }
  return choices;
}

OptionWords WordsOf(const CLI::Option& option, const std::vector<std::string>& attributes) {
  OptionWords words;
  for (const std::string& name : option.get_snames()) words.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) words.names.push_back("--" + name);
  words.description = option.get_description();
  words.required = option.get_required();
  words.many = option.get_items_expected_max() > 1;
  const bool positional = words.names.empty(), flag = option.get_items_expected_max() == 0;
  if (positional) words.placeholder = option.get_name(true);
  if (flag) return words;
  const std::string type = option.get_type_name();
  const std::string plain = type.substr(0, type.find(':'));
  if (!positional) words.placeholder = plain;
  words.files = plain == "FILE" || plain == "PATH";
  words.value = option.get_default_str();
  words.choices = ChoicesIn(type);
  if (plain.starts_with("ATTRIBUTE="))
    for (const std::string& attribute : attributes) words.choices.push_back(attribute + "=");
  return words;
}

VerbWords WordsOfVerb(const CLI::App& verb, const std::vector<std::string>& attributes) {
  VerbWords words = {verb.get_name(), verb.get_description(), verb.get_footer(), {}};
  if (words.footer.ends_with(kFooterOfVerbs)) words.footer.resize(words.footer.size() - (sizeof kFooterOfVerbs - 1));
  if (words.footer.ends_with('\n')) words.footer.pop_back();
  for (const CLI::Option* option : verb.get_options()) words.options.push_back(WordsOf(*option, attributes));
  return words;
}

}  // namespace

ProgramWords WordsOf(const CLI::App& app, const std::vector<std::string>& attributes) {
  ProgramWords program = {WordsOfVerb(app, attributes), {}};
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    program.verbs.push_back(WordsOfVerb(*verb, attributes));
  return program;
}

}  // namespace mien
