// The CUDA sources of a folder, for tests that read them.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace mien::simt {

inline std::string WithoutComments(std::string text) {
  for (size_t start = text.find("//"); start != std::string::npos; start = text.find("//", start)) {
    text.erase(start, text.find('\n', start) - start);
  }
  return text;
}

// Path and text of every .cu and .cuh file.
inline std::vector<std::pair<std::string, std::string>> CudaFiles(const char* folder) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::filesystem::path(MIEN_SOURCE_DIR) / folder)) {
    const std::string ending = entry.path().extension().string();
    if (ending != ".cu" && ending != ".cuh") continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    files.emplace_back(entry.path().generic_string(), text.str());
  }
  return files;
}

}  // namespace mien::simt
