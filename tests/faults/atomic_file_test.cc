// What a file on disk goes through until it is in place, and what is left where any of that fails.
#include <doctest/doctest.h>

#include "base/file.h"
#include "tests/support/shim.h"
#include "tests/support/tiny_model.h"

#ifdef MIEN_SHIM
namespace mien::testing {
namespace {

Status WriteOver(const std::string& path, const std::string& text, long failing_call) {
  auto file = AtomicFile::Create(path);
  REQUIRE(file.ok());
  REQUIRE(file->Write(std::as_bytes(std::span(text))).ok());
  Arm(Fault::kFile, failing_call, false);
  Status status = file->Commit();
  Disarm();
  return status;
}

TEST_CASE("a file is flushed before it takes the place of the old one, and then its folder") {
  const std::string path = ScratchFolder() + "/committed";
  REQUIRE(WriteOver(path, "old", -1).ok());
  CHECK(std::string(FileCalls()) == "fsync close rename open fsync close ");
  int call = 0;
  for (const char* failure : {"cannot flush", "cannot close", "cannot put in place"}) {
    CAPTURE(failure);
    CHECK(std::string(WriteOver(path, "new", call++).message()).find(failure) != std::string::npos);
    CHECK(*ReadTextFile(path, 16) == "old");
  }
  for (; call < 6; ++call) {  // the folder's: the file is in place by then
    CHECK(WriteOver(path, "new", call).ok());
    CHECK(*ReadTextFile(path, 16) == "new");
  }
}

}  // namespace
}  // namespace mien::testing
#endif
