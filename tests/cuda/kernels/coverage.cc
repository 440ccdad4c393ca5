// With MIEN_COVERAGE=FILE in the environment: writes into it, a line per test case, its name, its seconds of
// CPU time and the kernels it launched. mutants.py runs what launches a broken kernel and nothing else.
#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <string>

#include "kernels/device/simt/runner.h"

namespace mien::simt {
namespace {

class Coverage : public doctest::IReporter {
 public:
  explicit Coverage(const doctest::ContextOptions&) {
    if (const char* path = std::getenv("MIEN_COVERAGE")) file_.open(path);
  }
  void test_case_start(const doctest::TestCaseData& data) override {
    name_ = data.m_name;
    before_ = LaunchedKernels();
    start_ = std::clock();
  }
  void test_case_end(const doctest::CurrentTestCaseStats&) override {
    file_ << name_ << '\t' << static_cast<double>(std::clock() - start_) / CLOCKS_PER_SEC;
    for (const auto& [kernel, size] : LaunchedKernels()) {
      const auto before = before_.find(kernel);
      if (before == before_.end() || before->second.launches < size.launches) file_ << '\t' << kernel;
    }
    file_ << std::endl;
  }
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  std::ofstream file_;
  std::string name_;
  std::map<std::string, LaunchSize> before_;
  std::clock_t start_ = 0;
};
REGISTER_LISTENER("coverage", 1, Coverage);

}  // namespace
}  // namespace mien::simt
