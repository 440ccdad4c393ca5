#include "tools/usage.h"

#include <algorithm>

namespace mien {
namespace {

// Optimal string alignment: letters that are missing, too many, others, or swapped with their neighbour.
size_t EditsBetween(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> edits(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) edits[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) edits[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      edits[i][j] = std::min({edits[i - 1][j] + 1, edits[i][j - 1] + 1, edits[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        edits[i][j] = std::min(edits[i][j], edits[i - 2][j - 2] + 1);
    }
  }
  return edits[a.size()][b.size()];
}

std::vector<std::string> OptionNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// "; did you mean --set?", or nothing.
std::string Meant(const std::string& word, const std::vector<std::string>& candidates) {
  const std::string nearest = Nearest(word, candidates);
  return nearest.empty() ? "" : "; did you mean " + nearest + "?";
}

// The first word that is no option of the verb or the program; empty: all are.
std::string UnknownOption(const CLI::App& app) {
  for (const std::string& word : app.remaining(true))
    if (word.size() > 1 && word[0] == '-') return word.substr(0, word.find('='));
  return "";
}

}  // namespace

std::string Nearest(const std::string& word, const std::vector<std::string>& candidates) {
  constexpr size_t kMostEdits = 2, kLongest = 64;
  std::string nearest;
  size_t fewest = std::min(kMostEdits + 1, (word.size() + 1) / 2);
  if (word.size() > kLongest) return nearest;
  for (const std::string& candidate : candidates) {
    const size_t edits = EditsBetween(word, candidate);
    if (edits < fewest) {
      fewest = edits;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string UsageInWords(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& words) {
  const auto verbs = app.get_subcommands();
  std::vector<std::string> options = OptionNames(app);
  const std::string see = verbs.empty() ? "mien help" : "mien help " + verbs[0]->get_name();
  // What is unknown is told before what is missing: it is probably the same. Of an unknown verb no option is known.
  const bool unknown_verb = verbs.empty() && !words.empty() && words[0][0] != '-';
  if (const std::string unknown = UnknownOption(app); !unknown.empty() && !unknown_verb) {
    if (!verbs.empty()) std::ranges::move(OptionNames(*verbs[0]), std::back_inserter(options));
    return unknown + ": there is no such option" + Meant(unknown, options) + " (see " + see + ")";
  }
  if (!verbs.empty() || error.get_name() != "RequiredError") return std::string(error.what()) + " (see " + see + ")";
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(verb->get_name());
  return (words.empty() ? "" : words[0] + ": ") + "a verb expected, such as edit" +
         (words.empty() ? "" : Meant(words[0], names)) + " (see mien help)";
}

}  // namespace mien
