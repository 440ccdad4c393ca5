// Many inputs: what is wrong with one does not stop the others.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

namespace fs = std::filesystem;
using namespace testing;

std::string NoPicture() {
  const std::string path = Fresh("bad.png");
  WriteContent(path, "no picture");
  return path;
}

TEST_CASE("A bad input of several is reported, the others are made, the answer is 1") {
  const std::string a = Photo(1), bad = NoPicture(), b = Photo(2), missing = Fresh("missing.png");
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{
           {"edit", "--aligned", "--crop", "--set", "smile=1"}, {"encode", "--aligned"}}) {
    CAPTURE(verb[0]);
    const auto run = [&](std::vector<std::string> more) {
      more.insert(more.begin(), verb.begin(), verb.end());
      return Mien(more);
    };
    const std::string folder = Fresh("out");
    const Ran ran = run({a, bad, missing, b, "-o", folder, "--json"});
    CHECK(ran.code == 1);
    CHECK(FilesIn(folder) == 2);
    CHECK(Has(ran.err, "mien: error: " + bad + ": "));
    CHECK(Has(ran.err, "mien: error: 2 of 4 inputs failed: " + bad + ", " + missing));
    const auto report = nlohmann::json::parse(ran.out, nullptr, false);
    REQUIRE_FALSE(report.is_discarded());
    CHECK(report["ok"] == false);
    CHECK(report["files"].size() == 2);
    REQUIRE(report["failed"].size() == 2);
    CHECK(report["failed"][0]["input"] == bad);
    CHECK(Has(report["failed"][1]["error"], "missing.png"));

    const std::string first = Fresh("first");
    CHECK(run({a, bad, b, "-o", first, "--fail-fast"}).code == 1);
    CHECK(FilesIn(first) == 1);
    CHECK(run({bad, missing, "-o", Fresh("none")}).code == 1);
  }
}

TEST_CASE("A single input keeps its own code; so does what ends a batch") {
  const std::string text = Fresh("codes.safetensors"), good = Fresh("good.safetensors");
  WriteContent(text, "no tensors, only text of some length");
  CHECK(Mien({"edit", "--codes", text, "-o", Fresh("x.png")}).code == 4);
  REQUIRE(Mien({"synth", "-o", Fresh("x.png"), "--save-codes", good}).code == 0);
  for (const char* verb : {"edit", "synth"}) {
    CAPTURE(verb);
    const std::string folder = Fresh("out");
    const Ran ran = Mien({verb, "--codes", good, text, "-o", folder + "/"});
    CHECK(ran.code == 1);
    CHECK(Has(ran.err, "mien: error: 1 of 2 inputs failed: " + text));
    CHECK(FilesIn(folder) == 1);
    CHECK(Mien({verb, "--codes", text, good, "-o", folder + "/", "--fail-fast"}).code == 4);
  }
  // A contact sheet is one result of all of them.
  const std::string sheet = Fresh("sheet.png");
  CHECK(Mien({"synth", "--codes", good, text, "-o", sheet}).code == 4);
  CHECK(FilesIn(FolderOf(sheet)) == 0);
}

TEST_CASE("A batch does not begin where one of its results has no place") {
  const std::string folder = Fresh("out");
  fs::create_directories(folder);
  const int server = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  (folder + "/photo2.png").copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(bind(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const Ran ran = Mien({"edit", "--aligned", "--crop", Photo(1), Photo(2), Photo(3), "-o", folder, "--set", "smile=1"});
  CHECK(ran.code == 1);
  CHECK(Has(ran.err, "photo2.png: exists and is neither a regular file nor a stream"));
  CHECK(FilesIn(folder) == 1);
  close(server);
}

}  // namespace
}  // namespace mien
