// Status: codes, exit codes, and messages that fit their buffer whatever is put into them.
#include "base/status.h"

#include <doctest/doctest.h>

#include <algorithm>
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

TEST_CASE("a text that does not fit loses its middle: what it is about and the reason stay") {
  constexpr size_t kRoom = Status::kTextBytes - 1;
  for (size_t length : {kRoom - 20, kRoom - 19, kRoom - 18, kRoom, 3 * kRoom, 8 * kRoom}) {
    CAPTURE(length);
    const std::string path = "first" + std::string(length, 'a') + "last", reason = ": no space";
    const std::string whole = path + reason;
    const std::string message = Status::Error(Code::kFailure, "%s: no space", path.c_str()).message();
    if (whole.size() <= kRoom) {
      CHECK(message == whole);
      continue;
    }
    CHECK(message.size() == kRoom);
    CHECK(message.starts_with("firsta"));
    CHECK(message.ends_with("alast: no space"));
    CHECK(message.find("a ... a") != std::string::npos);
  }
}

TEST_CASE("the cut never leaves a part of a character") {
  for (const std::string letter : {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    for (size_t ahead = 0; ahead < letter.size(); ++ahead) {
      std::string path(ahead, 'x');
      for (int i = 0; i < 1000; ++i) path += letter;
      std::string message = Status::Error(Code::kFailure, "%s: reason", path.c_str()).message();
      CHECK(message.size() >= Status::kTextBytes - 8);
      // Without the letters nothing is left but what stood around them.
      for (size_t at; (at = message.find(letter)) != std::string::npos;) message.erase(at, letter.size());
      CHECK(message == std::string(ahead, 'x') + " ... : reason");
    }
  }
}

TEST_CASE("context comes first, keeps the code, and gives way to the reason") {
  constexpr size_t kRoom = Status::kTextBytes - 1;
  const Status error = Status::Error(Code::kMemory, "inner");
  CHECK(std::string(error.Within("layer %d", 7).message()) == "layer 7: inner");
  CHECK(error.Within("x").code() == Code::kMemory);
  CHECK(std::string(error.Within("a").Within("b").message()) == "b: a: inner");
  for (size_t length : {kRoom - 8, kRoom - 7, kRoom - 6, kRoom - 1, kRoom, kRoom + 1, 3 * kRoom}) {
    CAPTURE(length);
    const std::string context = "first" + std::string(length - 9, 'c') + "last";
    const std::string message = error.Within("%s", context.c_str()).message();
    CHECK(message.starts_with("firstc"));
    CHECK(message.ends_with("clast: inner"));
    CHECK(message.size() == std::min(length + 7, kRoom));
  }
  // Both too long: a quarter stays for the context.
  const Status full = Status::Error(Code::kFailure, "%s", ("why" + std::string(kRoom, 'r') + "end").c_str());
  const std::string message = full.Within("%s", std::string(kRoom, 'c').c_str()).message();
  CHECK(message.size() <= kRoom);
  CHECK(std::count(message.begin(), message.end(), 'c') >= 200);
  CHECK(message.find(": why") != std::string::npos);
  CHECK(message.ends_with("rend"));
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
