// The program while memory, threads and files fail: it answers 5 (files: 1) with one line, leaves no
// half-written file, and the next run gives the same bytes. And every way out notices that stdout was not
// written.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "runtime/face/image.h"
#include "tests/faults/cases.h"
#include "tests/support/tiny_model.h"

namespace mien::testing {
namespace {

namespace fs = std::filesystem;

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Ran {
  int code = -1;
  std::string out, err;
};

// The program; `variables` come in front of the environment.
Ran Run(const std::vector<std::string>& arguments, const std::vector<std::string>& variables = {},
        const std::string& out = "") {
  const std::string err = ScratchFolder() + "/err", given = out.empty() ? ScratchFolder() + "/out" : out;
  std::vector<char*> words = {const_cast<char*>(MIEN_PROGRAM)}, environment;
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  for (const std::string& variable : variables) environment.push_back(const_cast<char*>(variable.c_str()));
  for (char** variable = environ; *variable != nullptr; ++variable) environment.push_back(*variable);
  words.push_back(nullptr);
  environment.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, given.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&files, 2, err.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  pid_t child = -1;
  REQUIRE(posix_spawn(&child, MIEN_PROGRAM, &files, nullptr, words.data(), environment.data()) == 0);
  posix_spawn_file_actions_destroy(&files);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  Ran ran;
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  if (out.empty()) ran.out = Content(given);
  ran.err = Content(err);
  return ran;
}

bool IsOneErrorLine(const std::string& text) {
  return text.starts_with("mien: error: ") && text.find('\n') == text.size() - 1;
}

TEST_CASE("a result that stdout did not take is a failure, whatever the verb") {
  const std::string model = TinyModelPath();
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"info"},
           {"info", "--json"},
           {"info", "-m", model},
           {"--help"},
           {"--version"},
           {"help", "edit"},
           {"synth", "-m", model, "--seed", "1", "-o", "-"},
           {"bench", "-m", model, "--graph", "flow", "--repeat", "1", "-o", "csv"},
           {"run", "-m", model, "--graph", "flow", "--plan"}}) {
    CAPTURE(arguments[0]);
    const Ran full = Run(arguments, {}, "/dev/full");
    CHECK(full.code == 1);
    const size_t line = full.err.find("mien: error: ");  // after notes
    REQUIRE(line != std::string::npos);
    CHECK(IsOneErrorLine(full.err.substr(line)));
    CHECK(full.err.find("stdout: No space left on device") != std::string::npos);
  }
  CHECK(Run({"edit", "--nonsense"}, {}, "/dev/full").code == 2);  // nothing was to be written
}

#ifdef MIEN_SHIM

// A run of the program that makes `output` (empty: it prints), and what it gives undisturbed.
struct Scenario {
  Scenario(const char* called, std::vector<std::string> words, const std::string& ending)
      : name(called), arguments(words) {
    folder = ScratchFolder() + "/" + std::to_string(++number);
    fs::create_directory(folder);
    if (!ending.empty()) {
      output = folder + "/made" + ending;
      arguments.insert(arguments.end(), {"-o", output});
    }
    arguments.push_back("-q");
    const Ran ran = Run(arguments);
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    err = ran.err;
    made = Made(ran);
    for (const auto& file : fs::directory_iterator(folder)) files[file.path()] = Content(file.path());
  }
  std::string Made(const Ran& ran) const { return output.empty() ? ran.out : Content(output); }

  static inline int number = 0;
  const char* name;
  std::vector<std::string> arguments;
  std::string folder, output, err, made;
  std::map<std::string, std::string> files;  // the output, and what is written beside it
};

long CallsOf(const Scenario& scenario, const std::string& kind) {
  const std::string counted = ScratchFolder() + "/count";
  const Ran ran = Run(scenario.arguments,
                      {"LD_PRELOAD=" MIEN_SHIM, "MIEN_FAULT=" + kind + ":-1", "MIEN_FAULT_COUNT=" + counted});
  REQUIRE(ran.code == 0);
  REQUIRE(scenario.Made(ran) == scenario.made);
  return std::stol(Content(counted));
}

// What may be there after a run: nothing but whole results, and all of them after a success.
void CheckRun(const Scenario& scenario, const Ran& ran, int code) {
  if (ran.code == 0) {
    CHECK(ran.err == scenario.err);
    CHECK(scenario.Made(ran) == scenario.made);
  } else {
    CHECK(ran.code == code);
    CHECK_MESSAGE(IsOneErrorLine(ran.err), ran.err);
  }
  size_t there = 0;
  for (const auto& file : fs::directory_iterator(scenario.folder)) {
    const auto whole = scenario.files.find(file.path());
    REQUIRE(whole != scenario.files.end());
    CHECK(Content(file.path()) == whole->second);
    ++there;
  }
  if (ran.code == 0) CHECK(there == scenario.files.size());
  for (const auto& [path, content] : scenario.files) fs::remove(path);
}

void Sweep(const Scenario& scenario, const std::string& kind, int code, long stride) {
  const long calls = CallsOf(scenario, kind);
  REQUIRE(calls > 0);
  for (const auto& [path, content] : scenario.files) fs::remove(path);
  long failed = 0, harmless = 0;
  for (const char* later : {"", "+"}) {
    for (long at = 0; at < calls; at += stride, ++failed) {
      const std::string fault = "MIEN_FAULT=" + kind + ":" + std::to_string(at) + later;
      CAPTURE(fault);
      const Ran ran = Run(scenario.arguments, {"LD_PRELOAD=" MIEN_SHIM, fault});
      CheckRun(scenario, ran, code);
      harmless += ran.code == 0;
    }
  }
  const Ran again = Run(scenario.arguments);
  CHECK(again.code == 0);
  CHECK(scenario.Made(again) == scenario.made);
  CHECK(harmless * 4 < failed);
  std::printf("faults, %s, %s: %ld calls, %ld failed (once, and from there on), %ld of these without harm\n",
              scenario.name, kind.c_str(), calls, failed, harmless);
}

std::string Photo() {
  const std::string path = ScratchFolder() + "/photo.png";
  Image image = std::move(*Image::Create(32, 32));
  for (int i = 0; i < 32 * 32 * 3; ++i) image.pixels.as<uint8_t>()[i] = static_cast<uint8_t>(i * 5);
  REQUIRE(WriteImage(path, image, {}).ok());
  return path;
}

const std::string kGolden = MIEN_SOURCE_DIR "/tests/data/golden/";

Scenario Help() { return {"--version", {"--version"}, ""}; }
Scenario Info() { return {"info", {"info", "-m", SmallModelPath(), "--threads", "1"}, ""}; }
Scenario Report() {
  return {"info --json", {"info", "--json", "-m", SmallModelPath(), "--threads", "1"}, ""};
}
Scenario Convert() { return {"convert", {"convert", kGolden + "flow_small_a.pt"}, ".st"}; }
Scenario Edit(const char* threads) {
  return {"edit",
          {"edit", "--aligned", "--crop", "--no-likeness", Photo(), "-m", TinyModelPath(), "--threads", threads,
           "--set", "smile=1"},
          ".png"};
}

const std::string kPortrait = MIEN_SOURCE_DIR "/tests/data/faces/portrait_a_neutral.png";
Scenario OnFaces(const char* verb, const std::vector<std::string>& photos, const std::string& ending = "") {
  std::vector<std::string> words = {verb, "--threads", "1", "--detector", "tiny"};
  words.insert(words.end(), photos.begin(), photos.end());
  return {verb, words, ending};
}

TEST_CASE("a block for what is done at exit that is not to be had is no usage error") {
  const Scenario version = Help();
  const long calls = CallsOf(version, "memory");
  for (int exits = 0; exits < 32; ++exits) {
    for (long at = calls - 12; at < calls; ++at) {
      const std::string fault = "MIEN_FAULT=memory:" + std::to_string(at);
      CAPTURE(fault);
      CAPTURE(exits);
      CheckRun(version,
               Run(version.arguments, {"LD_PRELOAD=" MIEN_SHIM, fault, "MIEN_FAULT_EXITS=" + std::to_string(exits)}),
               5);
    }
  }
}

TEST_CASE("program: memory fails") {
  Sweep(Help(), "memory", 5, Stride(11));
  Sweep(Info(), "memory", 5, Stride(97));
  Sweep(Report(), "memory", 5, Stride(211));
  Sweep(Convert(), "memory", 5, Stride(331));
  Sweep(Edit("1"), "memory", 5, Stride(331));
  Sweep(OnFaces("compare", {kPortrait, kPortrait}), "memory", 5, Stride(2003));
  Sweep(OnFaces("faces", {kPortrait}), "memory", 5, Stride(2003));
  Sweep(OnFaces("align", {kPortrait}, ".png"), "memory", 5, Stride(2003));
}

TEST_CASE("program: threads fail") {
  const Scenario edit = Edit("8");
  Sweep(edit, "thread", 5, 1);
  const Ran ran = Run(edit.arguments, {"LD_PRELOAD=" MIEN_SHIM, "MIEN_FAULT=thread:2+"});
  CHECK(ran.err ==
        "mien: error: 8 threads wanted, thread 4 could not be started: Resource temporarily unavailable; ask "
        "for "
        "fewer (--threads)\n");
}

TEST_CASE("program: files fail") {
  Sweep(Info(), "file", 1, 1);
  Sweep(Convert(), "file", 1, Stride(47));
  Sweep(Edit("1"), "file", 1, 1);
}

#else
TEST_CASE("program: what fails") { MESSAGE("skipped: a sanitizer stands in front of the C library"); }
#endif

}  // namespace
}  // namespace mien::testing
