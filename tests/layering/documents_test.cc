// Documents and comments tell the truth about the tree: the files and sections they point at are there, the README of a
// room names every source of the room, and DESIGN.md every folder with sources.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/layering/tree.h"

namespace {

using Names = std::set<std::string>;

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }  // "" or "a/b/"
std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// What made recorded data lies with them and is no part of a room.
bool IsSource(std::string_view path) {
  if (path.find("/data/") != std::string_view::npos) return false;
  static const Names kEndings = {"h", "cc", "cu", "cuh", "def", "py", "sh", "cpp"};
  const size_t dot = path.rfind('.');
  return dot != std::string::npos && kEndings.contains(std::string(path.substr(dot + 1)));
}
bool IsDocument(std::string_view path) { return path.ends_with(".md"); }

// ---- what is written for people

// Comments of C++, with one space between lines, so that a sentence is in one piece. A string is no comment.
std::string CommentsOf(const std::string& text) {
  std::string prose;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool block = text.compare(at, 2, "/*") == 0;
    if (text[at] == '"') {
      for (++at; at < text.size() && text[at] != '"' && text[at] != '\n'; ++at) at += text[at] == '\\';
    } else if (text.compare(at, 3, "'\"'") == 0) {
      at += 2;
    } else if (block || text.compare(at, 2, "//") == 0) {
      const size_t end = std::min(text.size(), text.find(block ? "*/" : "\n", at + 2));
      prose += text.substr(at + 2, end - at - 2) + " ";
      at = end;
    }
  }
  return prose;
}

// The same of what has # before its comments, and of Python's texts in three quotes.
std::string ScriptCommentsOf(const std::string& text) {
  static const std::regex kComment("(?:^|[\n ])#+ ([^\n]*)|\"\"\"((?:[^\"]|\"[^\"])*)\"\"\"");
  std::string prose;
  for (std::sregex_iterator it(text.begin(), text.end(), kComment), end; it != end; ++it)
    prose += (*it)[1].str() + (*it)[2].str() + " ";
  return prose;
}

// Documents are taken whole.
std::string ProseOf(const std::string& path, const std::string& text) {
  const bool script = !IsSource(path) || path.ends_with(".py") || path.ends_with(".sh");
  const std::string prose = IsDocument(path) ? text : script ? ScriptCommentsOf(text) : CommentsOf(text);
  return std::regex_replace(prose, std::regex("\\s+"), " ");
}

// Titles, and the bold words that a paragraph starts with, up to a bracket.
Names SectionsOf(const std::string& document) {
  static const std::regex kSection("(?:^|\n)(?:#+ (.+)|(?:[-*] )?\\*\\*([^*\n]+?)\\.?\\*\\*)");
  Names sections;
  for (std::sregex_iterator it(document.begin(), document.end(), kSection), end; it != end; ++it) {
    const std::string title = (*it)[1].matched ? (*it)[1] : (*it)[2];
    sections.insert(title.substr(0, title.find(" (")));
  }
  return sections;
}

// ---- references

struct Reference {
  std::string file;
  std::vector<std::string> sections;
};

// Words that are paths of sources or documents, with the quoted sections behind them: networks.md, "Mapping", "Style"
// and "ToRGB". Patterns (<op>.h, *_test.cc) and absolute paths are none.
std::vector<Reference> ReferencesIn(const std::string& prose) {
  static const std::regex kSection("^(?:,| and|, and)?(?: section)? \"([^\"]+)\"");
  const auto is_of = [](char c, std::string_view set) { return set.find(c) != std::string_view::npos; };
  const auto in_path = [&](char c) { return std::isalnum(static_cast<unsigned char>(c)) || is_of(c, "_./-"); };
  const auto in_pattern = [&](char c) { return is_of(c, "<>*{}~$"); };
  std::vector<Reference> references;
  for (size_t at = 0, end; at < prose.size(); at = end + 1) {
    end = at;
    while (end < prose.size() && in_path(prose[end])) ++end;
    std::string word = prose.substr(at, end - at);
    while (word.ends_with('.')) word.pop_back();
    if (!IsSource(word) && !IsDocument(word)) continue;
    if (word[0] == '/' || word[0] == '_' || NameOf(word)[0] == '.') continue;
    if ((at > 0 && in_pattern(prose[at - 1])) || (end < prose.size() && in_pattern(prose[end]))) continue;
    references.push_back({word, {}});
    std::string behind = prose.substr(at + word.size(), 400);
    for (std::smatch found; IsDocument(word) && std::regex_search(behind, found, kSection); behind = found.suffix())
      references.back().sections.push_back(found[1]);
  }
  return references;
}

// The file that is meant: from the folder of the text or one above it, or the one of that name anywhere.
std::optional<std::string> Find(const Tree& tree, const std::string& from, const std::string& file) {
  for (std::string folder = FolderOf(from);; folder = FolderOf(folder.substr(0, folder.size() - 1))) {
    if (tree.files.contains(folder + file)) return folder + file;
    if (folder.empty()) break;
  }
  for (const std::string& path : tree.files) {
    if (NameOf(path) == file) return path;
  }
  return std::nullopt;
}

// What one text refers to and is not there; empty: nothing.
Names Dangling(const Tree& tree, const std::string& path) {
  static const std::regex kNowhere("\\b[Ss]pec [a-l]\\b");  // letters name the sections of no document here
  const std::string prose = ProseOf(path, tree.texts.at(path));
  Names dangling;
  for (const Reference& reference : ReferencesIn(prose)) {
    const auto file = Find(tree, path, reference.file);
    if (!file) dangling.insert(path + ": " + reference.file);
    for (const std::string& section : reference.sections) {
      if (file && !SectionsOf(tree.texts.at(*file)).contains(section))
        dangling.insert(path + ": " + reference.file + ", \"" + section + "\"");
    }
  }
  if (std::smatch found; std::regex_search(prose, found, kNowhere)) dangling.insert(path + ": " + found.str());
  return dangling;
}

// ---- what is named where

// Words in code marks. Two endings at once (a.h/.cpp) are one name.
Names CodeWords(const std::string& text) {
  static const std::regex kCode("`([^`\n]+)`"), kEnding("/\\.[a-z]+$");
  Names words;
  for (std::sregex_iterator it(text.begin(), text.end(), kCode), end; it != end; ++it) {
    std::string code = (*it)[1];
    for (size_t at = 0; at < code.size(); at = std::min(code.find(' ', at), code.size() - 1) + 1) {
      std::string word = std::regex_replace(code.substr(at, code.find(' ', at) - at), kEnding, "");
      while (word.ends_with('/') || word.ends_with(',')) word.pop_back();
      if (!word.empty()) words.insert(word);
    }
  }
  return words;
}

// The same with what is said in pieces: in a line with `a/b` and `c/`, b and c lie in a, and so on.
Names NamesIn(const std::string& text) {
  Names names;
  for (size_t at = 0; at < text.size(); at = std::min(text.find('\n', at), text.size() - 1) + 1) {
    const Names line = CodeWords(text.substr(at, text.find('\n', at) - at));
    names.insert(line.begin(), line.end());
    for (const std::string& above : line) {
      for (const std::string& below : line) {
        names.insert(above + "/" + below);
        names.insert(FolderOf(above) + below);
      }
    }
  }
  return names;
}

std::string WithoutEnding(const std::string& path) {
  const std::string name = NameOf(path);
  return FolderOf(path) + name.substr(0, name.find('.'));
}

// a_*.cc, and <op>/<op>.h, whose two words are the same. A single <word>, or * alone, would be everything.
std::optional<std::regex> PatternOf(const std::string& word) {
  static const std::regex kPlain("[.+(){}\\[\\]|^$?\\\\]"), kPlace("<\\w+>"), kStar("\\*");
  std::smatch place;
  std::string pattern = std::regex_replace(word, kPlain, "\\$&");
  if (std::regex_search(word, place, kPlace)) {
    const size_t first = pattern.find(place.str()), size = place.length();
    const size_t second = pattern.find(place.str(), first + size);
    if (second == std::string::npos) return std::nullopt;
    pattern.replace(second, size, "\\1");
    pattern.replace(first, size, "([^/]+)");
  } else if (word.find('*') == std::string::npos || NameOf(word) == "*") {
    return std::nullopt;
  }
  return std::regex(std::regex_replace(pattern, kStar, "[^/]*"));
}

// The names under which a text speaks of things: plain, and as patterns.
class Named {
 public:
  explicit Named(const Names& words) : words_(words) {
    for (const std::string& word : words) {
      if (const auto pattern = PatternOf(WithoutEnding(word)))
        patterns_.push_back(*pattern);
      else
        plain_.insert(WithoutEnding(word));
    }
  }
  bool HasFolder(const std::string& path) const { return words_.contains(path); }
  bool HasFile(const std::string& path) const {
    const std::string name = WithoutEnding(path);
    return plain_.contains(name) || std::any_of(patterns_.begin(), patterns_.end(), [&](const std::regex& pattern) {
             return std::regex_match(name, pattern);
           });
  }

 private:
  Names words_, plain_;
  std::vector<std::regex> patterns_;
};

// Sources that the nearest README above them names neither by name (with or without ending, from its folder or from the
// root) nor by a folder they lie in.
Names UnnamedFiles(const Tree& tree) {
  Names unnamed;
  for (const auto& [readme, text] : tree.texts) {
    const std::string room = FolderOf(readme);
    if (NameOf(readme) != "README.md" || room.empty()) continue;
    const Named named(NamesIn(text));
    for (const std::string& file : tree.files) {
      if (!IsSource(file) || !file.starts_with(room)) continue;
      std::string folder = FolderOf(file);
      bool known = named.HasFile(file) || named.HasFile(file.substr(room.size()));
      for (; !known && folder != room; folder = FolderOf(folder.substr(0, folder.size() - 1))) {
        if (tree.files.contains(folder + "README.md")) break;
        const std::string path = folder.substr(0, folder.size() - 1);
        known = named.HasFolder(path) || named.HasFolder(path.substr(room.size()));
      }
      if (!known && folder == room) unnamed.insert(readme + ": " + file);
    }
  }
  return unnamed;
}

// Folders with sources that DESIGN.md does not name: by their path, by the rest of it in a line with a folder above, or
// by a pattern of their files.
Names UnnamedFolders(const Tree& tree) {
  const Named named(NamesIn(tree.texts.at("DESIGN.md")));
  Names unnamed, seen;
  for (const std::string& file : tree.files) {
    const std::string folder = FolderOf(file);
    if (folder.empty() || !IsSource(file)) continue;
    if (named.HasFolder(folder.substr(0, folder.size() - 1)) || named.HasFile(file)) seen.insert(folder);
    unnamed.insert(folder);
  }
  for (const std::string& folder : seen) unnamed.erase(folder);
  return unnamed;
}

std::string Lines(const Names& names) {
  std::string lines;
  for (const std::string& name : names) lines += name + "\n";
  return lines;
}

const Tree& Project() {
  static const Tree tree = ReadTree(MIEN_SOURCE_DIR);
  return tree;
}

}  // namespace

TEST_CASE("what comments and documents refer to is there") {
  size_t references = 0;
  for (const auto& [path, text] : Project().texts) {
    CHECK(Lines(Dangling(Project(), path)) == "");
    for (const Reference& reference : ReferencesIn(ProseOf(path, text))) references += reference.sections.size();
  }
  CHECK(references > 40);  // they were found
}

TEST_CASE("a room's README names its sources") { CHECK(Lines(UnnamedFiles(Project())) == ""); }

TEST_CASE("DESIGN.md names every folder with sources") { CHECK(Lines(UnnamedFolders(Project())) == ""); }

TEST_CASE("references that dangle are noticed") {
  Tree tree;
  tree.texts = {{"DESIGN.md", "# Design\n\n**Bits.** One.\n"},
                {"docs/n.md", "# Nets\n## The flow (of all)\nSee `a/x.h`.\n"},
                {"a/x.h", ""}};
  for (const auto& [path, text] : tree.texts) tree.files.insert(path);
  const auto dangling = [&](const std::string& path, const std::string& text) {
    tree.texts[path] = text;
    return Dangling(tree, path).size();
  };
  CHECK(Dangling(tree, "docs/n.md").empty());
  CHECK(dangling("a/x.h",
                 "// n.md, \"Nets\" and \"The\n// flow\"; DESIGN.md, \"Bits\"; x.h\n"
                 "char s[] = \"none.h // no.md\";\n") == 0);
  CHECK(dangling("a/x.h", "int i;  // docs/n.md, \"Nest\"\n") == 1);
  CHECK(dangling("a/x.h", "/* n.md, \"Nets\", \"Nest\" */\n") == 1);
  CHECK(dangling("a/x.h", "// DESIGN.md section \"Weights\"\n") == 1);
  CHECK(dangling("a/x.h", "// (spec a.4)\n") == 1);
  CHECK(dangling("a/x.h", "char c = '\"';  // b/x.h\n") == 1);
  CHECK(dangling("a/x.h", "// <op>/<op>_cpu.cc and *_test.cc and /usr/y.h are no files of ours\n") == 0);
  CHECK(dangling("docs/n.md", "[x](../m.md)\n") == 1);
  CHECK(dangling("a/s.py", "# See n.md,\n# \"Nowhere\".\n") == 1);
}

TEST_CASE("files and folders without a name are noticed") {
  Tree tree;
  tree.files = {"k/README.md",      "k/op.h",   "k/op.cc",         "k/add/add.h",
                "k/add/add_cpu.cc", "k/x/y.cc", "k/sub/README.md", "k/sub/z.cc"};
  const auto files = [&](const std::string& readme, const std::string& below) {
    tree.texts = {{"k/README.md", readme}, {"k/sub/README.md", below}};
    return UnnamedFiles(tree);
  };
  CHECK(files("`op.h` `<op>/<op>.h`, `<op>/<op>_cpu.cc` `x/`", "`z`") == Names{});
  CHECK(files("`op.*` `k/add` `x/y`", "`z.h/.cc`") == Names{});
  CHECK(files("`<op>/<op>.h`\n`<op>_cpu.cc` `x`", "`z`") ==
        Names{"k/README.md: k/add/add_cpu.cc", "k/README.md: k/op.cc", "k/README.md: k/op.h"});
  CHECK(files("`op` `add` `sub` `*.pt` `x.h`", "none") ==
        Names{"k/README.md: k/x/y.cc", "k/sub/README.md: k/sub/z.cc"});

  const auto folders = [&](const std::string& design) {
    tree.texts["DESIGN.md"] = design;
    return UnnamedFolders(tree);
  };
  CHECK(folders("| `k/` | `<op>/<op>.h`, `x/`, `sub/` |") == Names{});
  CHECK(folders("`k` `k/x`\n`sub`\n`k/add`") == Names{"k/sub/"});
}
