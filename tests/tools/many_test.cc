// Many inputs: folders, shards, manifests, and going on after an interruption.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;
namespace fs = std::filesystem;

// A folder with photos of these seeds and a file that is none.
std::string Folder(const std::vector<int>& seeds) {
  const std::string folder = Fresh("photos");
  fs::create_directories(folder);
  for (const int seed : seeds) fs::rename(Photo(seed), folder + "/photo" + std::to_string(seed) + ".png");
  WriteContent(folder + "/notes.txt", "nothing");
  return folder;
}

std::vector<std::string> Names(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

std::vector<nlohmann::json> Lines(const std::string& path) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(Content(path));
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

const std::vector<std::string> kEdit = {"edit", "--aligned", "--crop", "--no-likeness", "--set", "smile=1"};

Ran Edit(std::vector<std::string> more) {
  more.insert(more.begin(), kEdit.begin(), kEdit.end());
  return Mien(more);
}

TEST_CASE("a folder stands for the pictures in it, whatever their number") {
  const std::string photos = Folder({1, 2}), out = Fresh("out"), one = Fresh("one");
  REQUIRE(Edit({photos, "-o", out}).code == 0);
  CHECK(Names(out) == std::vector<std::string>{"photo1.png", "photo2.png"});
  REQUIRE(Edit({Folder({3}), "-o", one}).code == 0);
  CHECK(Names(one) == std::vector<std::string>{"photo3.png"});
  REQUIRE(Mien({"encode", "--aligned", photos, Photo(4), "-o", Fresh("w")}).code == 0);
  const std::string empty = Folder({});
  const Ran none = Edit({empty, "-o", Fresh("x")});
  CHECK(none.code == 1);
  CHECK(Has(none.err, empty + ": a folder without .png, .jpg or .jpeg in it"));
  CHECK(Edit({photos, "-o", "-"}).code == 2);
  const Ran faces = Run({"faces", photos, "--json"});
  CHECK(nlohmann::json::parse(faces.out)["files"].size() == 2);
}

TEST_CASE("on a terminal: how many of how many, the time that is left, and messages in place of that line") {
  const std::string out = Fresh("terminal");
  const auto quoted = [](const std::string& path) { return " \"" + path + "\""; };
  const std::string words = quoted(MIEN_PROGRAM) + " edit" + quoted(Folder({1, 2, 3})) + " -o" +
                            quoted(Fresh("out") + "/") + " --aligned --set smile=1 --resume -m" +
                            quoted(TinyModelPath());
  const std::string command = "script -qec '" + words + "' /dev/null >" + quoted(out) + " </dev/null";
  if (const int terminal = posix_openpt(O_RDWR | O_NOCTTY); terminal < 0) {  // a bare root without /dev/pts
    MESSAGE("not tested: no terminal can be made here: " << std::strerror(errno));
    return;
  } else {
    close(terminal);
  }
  REQUIRE(std::system(command.c_str()) == 0);
  const std::string shown = Content(out);
  CHECK(Has(shown, "1/3 "));
  CHECK_FALSE(Has(shown.substr(0, shown.find("2/3 ")), " left"));
  const size_t last = shown.find("3/3 ");
  REQUIRE(last != std::string::npos);
  CHECK(Has(shown.substr(last), " s left"));
  CHECK(Has(shown.substr(last), "\r\033[Kmien: "));
  CHECK_FALSE(Has(shown, " leftmien:"));
  // What is there already takes no time, and tells nothing of what is not.
  REQUIRE(std::system(command.c_str()) == 0);
  CHECK(Has(Content(out), "3/3 "));
  CHECK_FALSE(Has(Content(out), " left"));
}

TEST_CASE("shards share a list, and together are the whole") {
  const std::string photos = Folder({1, 2, 3, 4, 5}), whole = Fresh("whole"), parts = Fresh("parts");
  const std::string manifest = Fresh("manifest.jsonl");
  REQUIRE(Edit({photos, "-o", whole}).code == 0);
  REQUIRE(Edit({photos, "-o", parts, "--shard", "1/2", "--manifest", manifest}).code == 0);
  CHECK(Names(parts) == std::vector<std::string>{"photo1.png", "photo3.png", "photo5.png"});
  REQUIRE(Edit({photos, "-o", parts, "--shard", "2/2", "--manifest", manifest}).code == 0);
  for (const std::string& name : Names(whole)) CHECK(Content(whole + "/" + name) == Content(parts + "/" + name));
  std::vector<std::string> inputs;
  for (const auto& line : Lines(manifest)) {
    inputs.push_back(line["input"]);
    CHECK(line["parameters"]["set"] == nlohmann::json::array({"smile=1"}));
    CHECK(fs::exists(line["output"].get<std::string>()));
  }
  std::ranges::sort(inputs);
  CHECK(inputs.size() == 5);
  CHECK(std::ranges::adjacent_find(inputs) == inputs.end());
  const std::string nothing = Fresh("nothing");
  CHECK(Edit({photos, "-o", nothing, "--shard", "7/9"}).code == 0);  // more parts than photos
  CHECK_FALSE(fs::exists(nothing));
  for (const char* bad : {"0/2", "3/2", "1", "1/", "1/2x", "a/b", "1/2/3", "-1/2"})
    CHECK(Edit({photos, "-o", parts, "--shard", bad}).code == 2);
  // It is looked at before the model.
  CHECK(Run({"edit", photos, "-o", parts, "-m", "/nonexistent", "--shard", "3/2"}).code == 2);
  CHECK(Run({"encode", photos, "-o", parts, "-m", "/nonexistent", "--shard", "3/2"}).code == 2);
}

TEST_CASE("a shard may come from Slurm or Kubernetes") {
  const std::string photos = Folder({1, 2, 3, 4});
  const auto made = [&](const std::vector<std::pair<const char*, const char*>>& variables) {
    const std::string out = Fresh("out");
    for (const auto& [name, value] : variables) setenv(name, value, 1);
    const Ran ran = Edit({photos, "-o", out, "--shard", "auto"});
    for (const auto& [name, value] : variables) unsetenv(name);
    return ran.code == 0 ? Names(out) : std::vector<std::string>{std::to_string(ran.code)};
  };
  const std::vector<std::string> second = {"photo2.png", "photo4.png"};
  CHECK(made({{"SLURM_ARRAY_TASK_ID", "11"}, {"SLURM_ARRAY_TASK_MIN", "10"}, {"SLURM_ARRAY_TASK_COUNT", "2"}}) ==
        second);
  CHECK(made({{"SLURM_ARRAY_TASK_ID", "7"},
              {"SLURM_ARRAY_TASK_MIN", "4"},
              {"SLURM_ARRAY_TASK_STEP", "3"},
              {"SLURM_ARRAY_TASK_COUNT", "2"}}) == second);
  CHECK(made({{"JOB_COMPLETION_INDEX", "1"}, {"JOB_COMPLETIONS", "2"}}) == second);
  CHECK(made({{"JOB_COMPLETION_INDEX", "2"}, {"JOB_COMPLETIONS", "2"}}) == std::vector<std::string>{"2"});
  CHECK(made({{"JOB_COMPLETION_INDEX", "1"}}) == std::vector<std::string>{"2"});
  CHECK(made({}) == std::vector<std::string>{"2"});
}

TEST_CASE("what is there already is left out, unless anything is different") {
  const std::string photos = Folder({1, 2}), out = Fresh("out");
  REQUIRE(Edit({photos, "-o", out, "--resume"}).code == 0);
  const auto skipped = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {photos, "-o", out, "--resume", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const Ran ran = Edit(words);
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    return nlohmann::json::parse(ran.out).value("skipped", nlohmann::json::array()).size();
  };
  CHECK(skipped({}) == 2);
  CHECK(skipped({"--add", "age=0.5"}) == 0);  // the files are now of this edit
  CHECK(skipped({"--add", "age=0.5"}) == 2);
  CHECK(skipped({}) == 0);
  CHECK(skipped({"--layers", "2-5"}) == 0);
  CHECK(skipped({}) == 0);
  CHECK(skipped({"--noise", "random"}) == 0);
  CHECK(skipped({"--noise", "random"}) == 2);
  CHECK(skipped({"--noise", "random", "--seed", "5"}) == 0);
  CHECK(skipped({}) == 0);
  fs::remove(out + "/photo1.png");
  CHECK(skipped({}) == 1);
  WriteContent(out + "/photo2.png", "no picture");
  CHECK(skipped({}) == 1);
  // A photo that changed since.
  fs::last_write_time(photos + "/photo1.png", fs::file_time_type::clock::now() + std::chrono::hours(1));
  CHECK(skipped({}) == 1);
  CHECK(Has(Edit({photos, "-o", out, "--resume", "--no-metadata"}).err, "--resume has no effect"));
}

TEST_CASE("a manifest tells of failures too, and is never an output or input of its own") {
  const std::string photos = Folder({1, 2}), manifest = Fresh("m.jsonl"), out = Fresh("out");
  WriteContent(photos + "/bad.png", "no picture");
  CHECK(Edit({photos, "-o", out, "--manifest", manifest}).code == 1);
  const auto lines = Lines(manifest);
  REQUIRE(lines.size() == 3);
  CHECK(Has(lines[0]["error"].get<std::string>(), "bad.png"));
  CHECK(lines[1]["output"] == out + "/photo1.png");
  CHECK(Mien({"encode", "--aligned", photos, "-o", Fresh("w"), "--manifest", manifest}).code == 1);
  CHECK(Lines(manifest).size() == 6);
  CHECK(Edit({photos, "-o", out, "--manifest", photos + "/photo1.png"}).code == 2);
  CHECK(Edit({photos, "-o", out, "--manifest", "/nonexistent/m.jsonl"}).code != 0);
}

}  // namespace
}  // namespace mien
