// The files of the project as the tests of its rules see them; what else a user or an editor leaves in the tree is not
// ours.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

struct Tree {
  std::set<std::string> files;               // all, by their path from the root
  std::map<std::string, std::string> texts;  // those that hold text; of recorded data only what describes them
};

Tree ReadTree(const std::filesystem::path& root);
