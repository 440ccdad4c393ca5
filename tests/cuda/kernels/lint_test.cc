// Rules of the CUDA kernels that no compiler checks.
#include <doctest/doctest.h>

#include <cctype>
#include <string>
#include <vector>

#include "tests/cuda/kernels/cuda_files.h"

namespace mien::simt {
namespace {

struct Rule {
  const char* what;
  std::vector<const char*> words;
  const char* except;  // end of the path of the one file that may
};
const Rule kRules[] = {
    {"inline assembly outside ptx.cuh", {"asm", "__asm__"}, "kernels/cuda/ptx.cuh"},
    {"a launch other than Launch",
     {"<<<", "cudaLaunchKernel", "cudaLaunchKernelEx"},
     "kernels/device/runtime_api.cu"},
    {"shared memory without MIEN_SHARED", {"__shared__"}, "kernels/cuda/cuda.cuh"},
    {"a warp function without a mask",
     {"__shfl", "__shfl_up", "__shfl_down", "__shfl_xor", "__ballot", "__any", "__all"},
     ""},
    {"warpSize, which host code cannot link: kWarpSize", {"warpSize"}, ""},
    {"volatile", {"volatile"}, "kernels/cuda/ptx.cuh"},
    {"a fence: blocks do not wait for each other", {"__threadfence", "__threadfence_system"}, ""},
};

bool IsLetter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// The word as a whole; "<<<" anywhere.
bool HasWord(const std::string& text, const std::string& word) {
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool starts = !IsLetter(word[0]) || at == 0 || !IsLetter(text[at - 1]);
    if (starts && (!IsLetter(word.back()) || end == text.size() || !IsLetter(text[end]))) return true;
  }
  return false;
}

std::vector<std::string> Complaints(const std::string& path, const std::string& text) {
  std::vector<std::string> found;
  const std::string code = WithoutComments(text);
  for (const Rule& rule : kRules) {
    if (*rule.except != 0 && path.ends_with(rule.except)) continue;
    for (const char* word : rule.words) {
      if (HasWord(code, word)) found.push_back(path + ": " + rule.what);
    }
  }
  return found;
}

TEST_CASE("the rules of the kernels hold") {
  int files = 0;
  for (const char* folder : {"kernels", "tests/cuda/kernels"}) {
    for (const auto& [path, text] : CudaFiles(folder)) {
      ++files;
      for (const std::string& complaint : Complaints(path, text)) FAIL_CHECK(complaint);
    }
  }
  CHECK(files >= 6);
}

TEST_CASE("each rule can fail") {
  for (const char* bad : {"asm(\"ret;\");", "K<<<1, 2>>>(p);", "__shared__ float x[2];",
                          "v = __shfl_xor(v, 1);", "volatile int flag;", "__threadfence();", "n = warpSize;"}) {
    CAPTURE(std::string(bad));
    CHECK(Complaints("x.cu", bad).size() == 1);
  }
  CHECK(Complaints("x.cu", "// asm and <<< in a comment\nv = __shfl_xor_sync(kFullWarp, v, 1);").empty());
}

}  // namespace
}  // namespace mien::simt
