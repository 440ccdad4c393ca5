// mien --profile from outside: a trace that viewers open.
#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;

// What a viewer needs of every event, and how many spans there are by track.
std::map<std::string, int> CheckTrace(const nlohmann::json& trace) {
  std::map<int, std::string> tracks;
  std::map<std::string, int> spans;
  double steps_end = 0.0;
  for (const auto& event : trace["traceEvents"]) {
    CHECK(event["pid"] == 1);
    if (event["ph"] == "M") {
      tracks[event["tid"]] = event["args"]["name"];
      continue;
    }
    REQUIRE(event["ph"] == "X");
    const std::string& track = tracks.at(event["tid"]);
    ++spans[track];
    CHECK(event["dur"].get<double>() >= 0.0);
    CHECK_FALSE(event["name"].get<std::string>().empty());
    CHECK(event["args"].contains("program"));
    if (track != "steps") continue;
    // One after the other.
    CHECK(event["ts"].get<double>() >= steps_end);
    steps_end = event["ts"].get<double>() + event["dur"].get<double>();
  }
  return spans;
}

TEST_CASE("--profile: a span for each step and each thread's share, the same result as without") {
  const std::string plain = Fresh("plain.png"), profiled = Fresh("profiled.png"), file = Fresh("trace.json");
  CHECK(Mien({"synth", "--backend", "cpu", "-o", plain}).code == 0);
  const Ran ran = Mien({"synth", "--backend", "cpu", "--profile", file, "-o", profiled});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(Content(plain) == Content(profiled));
  const nlohmann::json trace = nlohmann::json::parse(Content(file));
  const auto spans = CheckTrace(trace);
  CHECK(spans.at("steps") > 10);
  CHECK(spans.at("thread 0") > 10);
  CHECK(spans.at("thread 1") > 0);
  CHECK(spans.size() == 3);
  std::set<std::string> programs;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] == "X") programs.insert(event["args"]["program"]);
    if (event["ph"] == "X" && event["tid"] == 0) CHECK(event["args"]["shapes"].get<std::string>().starts_with("["));
  }
  CHECK(programs == std::set<std::string>{"mapping", "synthesis"});
  CHECK(trace["otherData"]["spans left out"] == 0);
}

TEST_CASE("--profile in bands names the rows; of a verb that runs no network nothing is written") {
  const std::string file = Fresh("trace.json");
  REQUIRE(Mien({"synth", "--backend", "cpu", "--memory", "bands", "--profile", file, "-o", Fresh("p.png")}).code == 0);
  CHECK_FALSE(CheckTrace(nlohmann::json::parse(Content(file))).empty());
  const std::string none = Fresh("none.json");
  const Ran info = Mien({"info", "--profile", none});
  CHECK(info.code == 0);
  CHECK(Has(info.err, "no network ran, nothing was written"));
  CHECK(FilesIn(FolderOf(none)) == 0);
}

TEST_CASE("--profile: no result and no input is replaced, a place where nothing can be written is told first") {
  const std::string picture = Fresh("p.png"), photo = Photo(1);
  CHECK(Mien({"synth", "--profile", picture, "-o", picture}).code == 2);
  CHECK(Mien({"encode", "--aligned", photo, "--profile", photo, "-o", Fresh("c.npz")}).code == 2);
  const Ran ran = Mien({"synth", "--profile", FolderOf(picture) + "/absent/trace.json", "-o", picture});
  CHECK(ran.code == 1);
  CHECK_FALSE(Has(ran.err, "no network ran"));  // the failure alone
  CHECK(FilesIn(FolderOf(picture)) == 0);
}

}  // namespace
}  // namespace mien
