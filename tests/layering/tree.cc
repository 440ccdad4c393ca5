#include "tests/layering/tree.h"

#include <fstream>
#include <sstream>

namespace fs = std::filesystem;

namespace {

bool IsText(const fs::path& path) {
  static const std::set<std::string> kEndings = {".h",  ".cc", ".cu",  ".cuh",  ".def", ".py",    ".sh", ".cpp",
                                                 ".md", ".c",  ".txt", ".json", ".yml", ".cmake", ""};
  return kEndings.contains(path.extension().string());
}

// The project's folders, and the files beside them.
const std::set<std::string> kFolders = {".ci",     "base",    "bench", "docs",  "graph",
                                        "kernels", "runtime", "tests", "tools", "weights"};
const std::set<std::string> kTopFiles = {"CHANGELOG.md", "CMakeLists.txt", "CMakePresets.json", "DESIGN.md",
                                         "README.md"};

void Add(const fs::path& root, const fs::path& path, Tree& tree) {
  const std::string name = fs::relative(path, root).generic_string();
  tree.files.insert(name);
  const bool recorded = name.find("/data/") != std::string::npos;
  if (recorded ? path.extension() != ".md" : !IsText(path)) return;
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  tree.texts[name] = text.str();
}

}  // namespace

Tree ReadTree(const fs::path& root) {
  Tree tree;
  for (const std::string& name : kTopFiles) {
    if (fs::exists(root / name)) Add(root, root / name, tree);
  }
  for (const std::string& folder : kFolders) {
    if (!fs::is_directory(root / folder)) continue;
    for (auto it = fs::recursive_directory_iterator(root / folder); it != fs::recursive_directory_iterator(); ++it) {
      const std::string name = it->path().filename().string();
      if (it->is_directory() && (name[0] == '.' || name.starts_with("build") || name == "__pycache__"))
        it.disable_recursion_pending();
      if (!it->is_symlink() && it->is_regular_file() && name[0] != '.') Add(root, it->path(), tree);
    }
  }
  return tree;
}
