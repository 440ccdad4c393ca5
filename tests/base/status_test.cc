// Status: codes, exit codes, and messages that fit their buffer whatever is put into them.
#include "runtime/base/status.h"

#include <doctest/doctest.h>

#include <string>

namespace mien {
namespace {

TEST_CASE("a status is fine until it is an error") {
  const Status fine;
  CHECK(fine.ok());
  CHECK(std::string(fine.message()).empty());
  const Status error = Status::Error(Code::kRefused, "%s: %d expected, %d found", "x", 3, 4);
  CHECK_FALSE(error.ok());
  CHECK(error.code() == Code::kRefused);
  CHECK(std::string(error.message()) == "x: 3 expected, 4 found");
}

TEST_CASE("codes map to the documented exit codes") {
  CHECK(ExitCode(Code::kOk) == 0);
  CHECK(ExitCode(Code::kFailure) == 1);
  CHECK(ExitCode(Code::kNumeric) == 1);
  CHECK(ExitCode(Code::kUsage) == 2);
  CHECK(ExitCode(Code::kNoFace) == 3);
  CHECK(ExitCode(Code::kRefused) == 4);
  CHECK(ExitCode(Code::kDevice) == 5);
  CHECK(ExitCode(Code::kMemory) == 5);
  CHECK(ExitCode(Code::kGate) == 6);
  CHECK(ExitCode(Code::kInterrupted) == 130);
}

TEST_CASE("text is cut where the buffer ends") {
  constexpr size_t kRoom = Status::kTextBytes - 1;
  for (size_t length : {kRoom - 1, kRoom, kRoom + 1, kRoom * 3}) {
    CAPTURE(length);
    const std::string text(length, 'a');
    const std::string message = Status::Error(Code::kFailure, "%s", text.c_str()).message();
    CHECK(message == text.substr(0, kRoom));
  }
}

TEST_CASE("context comes first, keeps the code and is cut likewise") {
  constexpr size_t kRoom = Status::kTextBytes - 1;
  const Status error = Status::Error(Code::kMemory, "inner");
  CHECK(std::string(error.Within("layer %d", 7).message()) == "layer 7: inner");
  CHECK(error.Within("x").code() == Code::kMemory);
  CHECK(std::string(error.Within("a").Within("b").message()) == "b: a: inner");
  for (size_t length : {kRoom - 8, kRoom - 7, kRoom - 6, kRoom - 1, kRoom, kRoom + 1, 3 * kRoom}) {
    CAPTURE(length);
    const std::string context(length, 'c');
    const std::string message = error.Within("%s", context.c_str()).message();
    CHECK(message == (context + ": inner").substr(0, kRoom));
  }
}

Status Fails(bool fail) { return fail ? Status::Error(Code::kUsage, "failed") : Status(); }
Result<int> Half(int number) {
  if (number % 2 != 0) return Status::Error(Code::kUsage, "%d is odd", number);
  return number / 2;
}
Result<int> Quarter(int number) {
  MIEN_TRY(Fails(number < 0));
  MIEN_ASSIGN(const int half, Half(number));
  MIEN_ASSIGN(const int quarter, Half(half));
  return quarter;
}

TEST_CASE("results carry a value or the error of the first step that failed") {
  CHECK(*Quarter(12) == 3);
  CHECK(std::string(Quarter(6).status().message()) == "3 is odd");
  CHECK(std::string(Quarter(-4).status().message()) == "failed");
  CHECK_FALSE(Quarter(5).ok());
}

}  // namespace
}  // namespace mien
