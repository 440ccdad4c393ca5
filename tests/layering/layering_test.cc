// The house rules that a compiler does not check: which room may include which, no CUDA header in a public header,
// no host names of package registries and no paths of somebody's machine in the tree.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/layering/tree.h"

namespace fs = std::filesystem;

namespace {

// Who may include whom (DESIGN.md, "Rooms"), every room itself besides. The CUDA sources of an op are a room of their
// own: its headers know nothing of a device. So are the references: they know nothing of how the CPU computes; and the
// rules for gradients, which are nodes of graphs.
const std::map<std::string, std::vector<std::string>> kMayInclude = {
    {"base", {}},
    {"kernels/cpu", {"base"}},
    {"kernels/cpu/conv", {"base", "kernels/cpu"}},
    {"kernels", {"base", "kernels/cpu", "kernels/cpu/conv"}},
    {"kernels/*_ref.cc", {"base", "kernels"}},
    {"kernels/*_grad.cc", {"base", "kernels", "graph", "graph/gradient"}},
    {"kernels/device", {"base"}},
    {"kernels/device/simt", {"base", "kernels/device"}},
    {"kernels/cuda", {"base", "kernels", "kernels/device", "kernels/device/simt"}},
    {"kernels/*.cu", {"base", "kernels", "kernels/cuda"}},
    {"kernels/tensor", {"base", "kernels", "kernels/device", "kernels/cuda"}},
    {"kernels/executor", {"base", "kernels", "kernels/device", "kernels/cuda", "kernels/tensor"}},
    {"weights", {"base"}},
    {"weights/import", {"base", "weights"}},
    {"graph", {"base", "kernels", "weights"}},
    {"graph/networks", {"base", "kernels", "weights", "graph"}},
    {"graph/lowering", {"base", "kernels", "kernels/tensor", "graph"}},
    {"graph/gradient", {"base", "kernels", "weights", "graph", "graph/networks"}},
    {"runtime",
     {"base", "kernels", "kernels/device", "kernels/executor", "weights", "graph", "graph/networks", "graph/lowering"}},
    {"runtime/face", {"base", "weights", "graph", "runtime"}},
    {"runtime/check", {"base", "kernels", "kernels/cpu", "kernels/cuda", "kernels/tensor", "graph", "runtime"}},
    {"runtime/libmien", {"base", "runtime", "runtime/face"}},
    {"runtime/train",
     {"base", "kernels", "kernels/cpu", "weights", "graph", "graph/gradient", "graph/lowering", "runtime",
      "runtime/face"}},
    {"runtime/evaluate", {"base", "weights", "graph", "graph/networks", "runtime", "runtime/face"}},
    {"tools",
     {"base", "kernels", "kernels/cpu", "weights", "weights/import", "graph", "graph/networks", "graph/gradient",
      "runtime", "runtime/face", "runtime/check", "runtime/train", "runtime/evaluate"}},
};
// Rooms that may include all of the above.
const std::set<std::string> kLeaves = {"tests", "bench"};

bool StartsWith(const std::string& s, const std::string& prefix) { return s.rfind(prefix, 0) == 0; }

// The room of a path from the root of the tree: the longest that holds it; empty: not a room (a system header).
std::string RoomOf(const std::string& path) {
  for (fs::path folder = fs::path(path).parent_path(); !folder.empty(); folder = folder.parent_path()) {
    const std::string room = folder.generic_string();
    if (room == "kernels" && path.ends_with(".cu")) return "kernels/*.cu";
    if (room == "kernels" && path.ends_with("_ref.cc")) return "kernels/*_ref.cc";
    if (room == "kernels" && path.ends_with("_grad.cc")) return "kernels/*_grad.cc";
    if (kMayInclude.contains(room) || kLeaves.contains(room)) return room;
  }
  return "";
}

bool MayInclude(const std::string& room, const std::string& target) {
  if (room.empty() || target.empty() || room == target || kLeaves.contains(room)) return true;
  const auto found = kMayInclude.find(room);
  return std::find(found->second.begin(), found->second.end(), target) != found->second.end();
}

std::vector<std::string> Includes(const std::string& text) {
  static const std::regex kInclude("^[ \\t]*#[ \\t]*include[ \\t]*[<\"]([^>\"]+)[>\"]", std::regex::multiline);
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), kInclude), end; it != end; ++it) found.push_back((*it)[1]);
  return found;
}

// What is wrong with one file's includes; empty: nothing.
std::string BadInclude(const std::string& path, const std::string& text) {
  const std::string room = RoomOf(path);
  const bool public_header = path.ends_with(".h");
  for (const std::string& include : Includes(text)) {
    if (public_header && StartsWith(include, "cuda")) return path + " is a header and includes " + include;
    // Its destructors take memory, which ends the process where there is none.
    if (StartsWith(include, "nlohmann/") && room != "tools" && room != "tests") {
      return path + " is part of the library and includes " + include;
    }
    const std::string target = RoomOf(include);
    if (!MayInclude(room, target)) {
      return path + " (" + room + ") includes " + include + " (" + target + ")";
    }
  }
  return "";
}

// Written in halves, so that this file does not name them.
const std::vector<std::string> kForbiddenText = {
    "py" "pi.org",      "python" "hosted.org", "deb.debian" ".org", "archive.ubuntu" ".com", "npmjs" ".org",
    "crates" ".io",     "conda" ".anaconda",   "/ro" "ot/",         "/wo" "rk/",             "/ho" "me/",
};

std::string ForbiddenText(const std::string& path, const std::string& text) {
  for (const std::string& word : kForbiddenText) {
    if (text.find(word) != std::string::npos) return path + " contains " + word;
  }
  return "";
}

}  // namespace

TEST_CASE("includes go down only") {
  const auto texts = ReadTree(MIEN_SOURCE_DIR).texts;
  CHECK(texts.contains("base/status.h"));  // the walk found the tree, and no file is taken for a build folder
  CHECK(texts.contains("graph/builder.h"));
  for (const auto& [path, text] : texts) CHECK(BadInclude(path, text) == "");
}

// Which standard headers bring <cstdint> along changes from compiler to compiler.
bool IncludesFixedWidths(const std::map<std::string, std::string>& texts, const std::string& path,
                         std::set<std::string>* seen) {
  const auto found = texts.find(path);
  if (found == texts.end() || !seen->insert(path).second) return false;
  for (const std::string& include : Includes(found->second)) {
    const std::string beside = path.substr(0, path.rfind('/') + 1) + include;
    if (include == "cstdint" || include == "stdint.h" || IncludesFixedWidths(texts, include, seen) ||
        IncludesFixedWidths(texts, beside, seen))
      return true;
  }
  return false;
}

TEST_CASE("who uses whole numbers of fixed width includes <cstdint>, directly or by a header of ours") {
  const auto texts = ReadTree(MIEN_SOURCE_DIR).texts;
  const std::regex source("\\.(h|cc|cu|cuh|cpp)$"), fixed("\\bu?int(8|16|32|64)_t\\b");
  const auto forgets = [&](const std::map<std::string, std::string>& all, const std::string& path) {
    std::set<std::string> seen;
    return std::regex_search(all.at(path), fixed) && !IncludesFixedWidths(all, path, &seen);
  };
  for (const auto& [path, text] : texts) {
    if (std::regex_search(path, source)) CHECK_MESSAGE(!forgets(texts, path), path);
  }
  CHECK(forgets({{"a.h", "#include <string>\nint64_t f();"}}, "a.h"));
  CHECK_FALSE(forgets({{"a/a.h", "#include \"b.h\"\nint64_t f();"}, {"a/b.h", "#include <cstdint>"}}, "a/a.h"));
}

TEST_CASE("no registry hosts, no paths of a machine") {
  for (const auto& [path, text] : ReadTree(MIEN_SOURCE_DIR).texts) CHECK(ForbiddenText(path, text) == "");
}

TEST_CASE("lines are at most 120 columns wide, but for rows of tables in documents") {
  const auto too_wide = [](const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      // Bytes that continue a character of UTF-8 take no column.
      const auto columns = std::ranges::count_if(line, [](char c) { return (c & 0xC0) != 0x80; });
      if (columns > 120 && line[line.find_first_not_of(' ')] != '|') return line;
    }
    return std::string();
  };
  int sources = 0;
  for (const auto& [path, text] : ReadTree(MIEN_SOURCE_DIR).texts) {
    if (path.starts_with("tests/data/golden/")) continue;  // its description came with it
    if (!std::regex_search(path, std::regex("\\.(h|cc|cu|cuh|c|cpp|def|md|py|sh|cmake)$|CMakeLists|^\\.ci/"))) continue;
    CAPTURE(path);
    CHECK(too_wide(text) == "");
    ++sources;
  }
  CHECK(sources > 300);
  CHECK(too_wide("short\n" + std::string(121, 'x') + "\n") != "");
  CHECK(too_wide("  | " + std::string(121, 'x') + "\n") == "");
}

TEST_CASE("what a user leaves in the tree is not judged") {
  const fs::path root = fs::temp_directory_path() / ("mien-layering-" + std::to_string(getpid()));
  for (const char* path : {"README.md", "tools/main.cc", "tools/.idea/workspace.h", "tools/build/a.h", ".vscode/c.json",
                           "cmake-build-debug/a.cc", "notes.txt", "CMakeUserPresets.json"}) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << "/ho" "me/me\n";
  }
  fs::create_symlink("main.cc", root / "tools/link.cc");
  fs::create_symlink(".vscode/c.json", root / "compile_commands.json");
  std::set<std::string> found;
  for (const auto& [path, text] : ReadTree(root).texts) found.insert(path);
  fs::remove_all(root);
  CHECK(found == std::set<std::string>{"README.md", "tools/main.cc"});
}

TEST_CASE("the checks catch what they are for") {
  CHECK(BadInclude("base/a.h", "#include \"kernels/op.h\"\n") != "");
  CHECK(BadInclude("kernels/add/add.cc", "#include \"weights/config.h\"\n") != "");
  CHECK(BadInclude("kernels/cpu/conv/a.h", "#include \"kernels/mod_conv/mod_conv.h\"\n") != "");
  CHECK(BadInclude("kernels/cpu/conv/a.h", "#include \"kernels/cpu/gemm.h\"\n") == "");
  CHECK(BadInclude("kernels/cpu/gemm.h", "#include \"kernels/cpu/conv/form.h\"\n") != "");
  CHECK(BadInclude("kernels/cpu/gemm.h", "#include \"kernels/op.h\"\n") != "");
  CHECK(BadInclude("kernels/add/add_ref.cc", "#include \"kernels/cpu/gemm.h\"\n") != "");
  CHECK(BadInclude("kernels/add/add_ref.cc", "#include \"kernels/add/add.h\"\n") == "");
  CHECK(BadInclude("base/a.h", "#include \"tests/support/parity.h\"\n") != "");
  CHECK(BadInclude("runtime/engine.h", "#include \"runtime/face/image.h\"\n") != "");
  CHECK(BadInclude("graph/graph.cc", "#include \"graph/lowering/executable.h\"\n") != "");
  CHECK(BadInclude("graph/lowering/a.cc", "#include \"kernels/executor/executor.h\"\n") != "");
  CHECK(BadInclude("kernels/add/add.h", "#include \"kernels/cuda/op.cuh\"\n") != "");
  CHECK(BadInclude("kernels/add/add.cu", "#include \"kernels/cuda/op.cuh\"\n") == "");
  CHECK(BadInclude("runtime/engine.cc", "x\n  # include \"weights/import/pickle.h\"\n") != "");
  CHECK(BadInclude("graph/a.h", "#include <cuda_runtime.h>\n") != "");
  CHECK(BadInclude("weights/config.cc", "#include <nlohmann/json.hpp>\n") != "");
  CHECK(BadInclude("tools/session.h", "#include <nlohmann/json.hpp>\n") == "");
  CHECK(BadInclude("kernels/add/add.cu", "#include <cuda_runtime.h>\n") == "");
  CHECK(BadInclude("tools/convert.cc", "#include \"weights/import/pickle.h\"\n") == "");
  CHECK(ForbiddenText("a", "cp /ho" "me/me/x .") != "");
}
