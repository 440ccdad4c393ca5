// The program from outside: usage, help, exit codes, --json, signals, an installed copy.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "kernels/cpu/simd.h"
#include "runtime/face/image.h"
#include "tests/support/allocations.h"
#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

namespace fs = std::filesystem;
using namespace testing;

TEST_CASE("Usage errors answer 2, help and version 0") {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"nonsense"},
                                             {"edit"},
                                             {"synth", "--nonsense"},
                                             {"run", "--graph", "nonsense"},
                                             {"synth", "-o", "x.png", "--threads", "0"},
                                             {"synth", "-o", "x.png", "--seed", "-1"}}) {
    CHECK(Run(arguments).code == 2);
  }
  for (const char* verb : {"edit", "encode", "synth", "info", "run", "bench", "selftest"}) {
    const Ran help = Run({"help", verb});
    CHECK(help.code == 0);
    CHECK(help.out.find(verb) != std::string::npos);
    CHECK(help.err.empty());
  }
  CHECK(Run({"help"}).code == 0);
  const std::string version = Run({"--version"}).out;
  CHECK(version.starts_with("mien "));
  CHECK(version.find("CPU kernels: " + SimdTarget() + " (of ") != std::string::npos);
}

TEST_CASE("An unknown verb is named, an empty value is no value, and --json answers usage errors too") {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"nonsense"}, {"help", "nonsense"}, {"nonsense", "--json"}}) {
    const Ran ran = Run(arguments);
    CHECK(ran.code == 2);
    CHECK_MESSAGE(ran.err.find("nonsense: a verb expected") != std::string::npos, ran.err);
    CHECK(ran.out.empty() == (arguments.back() != "--json"));
  }
  const std::string out = Fresh("out.png");
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"synth", "-m", "", "-o", out},
                                             {"synth", "-o", ""},
                                             {"synth", "-o", out, "--save-codes", ""},
                                             {"synth", "-o", out, "--codes", ""},
                                             {"edit", "--aligned", "--crop", "", "-o", out},
                                             {"edit", "--aligned", "--crop", Photo(1), "-o", out, "--layers", ""},
                                             {"convert", TinyModelPath(), "--card", "", "-o", out + ".model"},
                                             {"info", ""}}) {
    const Ran ran = Run(arguments);
    CAPTURE(arguments[0]);
    CHECK(ran.code == 2);
    CHECK_MESSAGE(ran.err.find("the value is empty (see mien help ") != std::string::npos, ran.err);
  }
  CHECK(FilesIn(FolderOf(out)) == 0);
  const Ran ran = Run({"synth", "-o", out, "--noise", "some", "--json"});
  CHECK(ran.code == 2);
  const auto report = nlohmann::json::parse(ran.out, nullptr, false);
  REQUIRE(report.is_object());
  CHECK(report["ok"] == false);
  CHECK(ran.err == "mien: error: " + report["error"].get<std::string>() + "\n");
}

TEST_CASE("The help of every verb names the global options and the exit codes") {
  for (const char* verb : {"compare", "convert", "edit", "encode", "synth", "info", "run", "bench", "selftest"}) {
    CAPTURE(verb);
    CHECK(Run({"help", verb}).out.find("Global options (-m, ") != std::string::npos);
  }
  const std::string edit = Run({"edit", "--help"}).out;
  for (const char* group : {"\nEdits:\n", "\nMade-up and saved faces:\n", "\nPictures:\n", "\nOptions:\n"})
    CHECK_MESSAGE(edit.find(group) != std::string::npos, edit);
  CHECK(Run({"help"}).out.find("checkpoint or tensor file") != std::string::npos);
}

TEST_CASE("Bad arguments of the verbs answer 2 and leave no output") {
  const std::string out = Fresh("out.png"), photo = Photo(1);
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{{"--set", "joy=1"},
                                                                                    {"--set", "smile"},
                                                                                    {"--add", "smile=1deg"},
                                                                                    {"--layers", "4-9"},
                                                                                    {"--layers", "x"},
                                                                                    {"--strength", "1.5"},
                                                                                    {"--sweep", "smile=1:2"},
                                                                                    {"--sweep", "smile=1:2:1"},
                                                                                    {"--sweep", "smile=1:2:99"},
                                                                                    {"--sweep", "joy=1:2:3"},
                                                                                    {"--precision", "fp16"},
                                                                                    {"--graphs", "off"},  // on the CPU
                                                                                    {"--graphs", "some"},
                                                                                    {"--backend", "gpu"},
                                                                                    {"--preview", "24"},
                                                                                    {"--preview", "64"},
                                                                                    {"--memory", "rows"},
                                                                                    {"--noise", "some"}}) {
    std::vector<std::string> arguments = {"edit", "--aligned", "--crop", photo, "-o", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran ran = Mien(arguments);
    CAPTURE(more[0]);
    CAPTURE(more[1]);
    CHECK(ran.code == 2);
    CHECK_FALSE(ran.err.empty());
    CHECK(ran.out.empty());
  }
  for (const char* seeds : {"x", "5-3", "4294967296", "1,,2", "0-99999", "-1", "1-"}) {
    CHECK(Mien({"synth", "-o", out, std::string("--seeds=") + seeds}).code == 2);
  }
  CHECK(FilesIn(FolderOf(out)) == 0);
}

TEST_CASE("Files, devices and memory have their own codes") {
  const std::string out = Fresh("out.png"), photo = Photo(1);
  CHECK(Mien({"edit", "--aligned", "--crop", Fresh("missing.png"), "-o", out}).code == 1);
  const std::string text = Fresh("text.png"), cut = Fresh("cut.png"), bad_model = Fresh("bad.safetensors");
  WriteContent(text, "no picture");
  WriteContent(cut, Content(photo).substr(0, 200));
  CHECK(Mien({"edit", "--aligned", "--crop", text, "-o", out}).code == 1);
  CHECK(Mien({"edit", "--aligned", "--crop", cut, "-o", out}).code == 1);
  CHECK(Mien({"edit", "--aligned", "--crop", "/", "-o", out}).code == 1);
  CHECK(Mien({"edit", "--aligned", "--crop", photo, "-o", "/nonexistent/folder/out.png"}).code == 1);
  std::string model = Content(TinyModelPath());
  model[model.size() / 2] = static_cast<char>(model[model.size() / 2] ^ 1);
  WriteContent(bad_model, model);
  CHECK(Run({"edit", "--aligned", "--crop", photo, "-o", out, "-m", bad_model, "--set", "smile=1"}).code == 4);
  CHECK(Run({"edit", "--aligned", "--crop", photo, "-o", out, "-m", photo}).code == 4);
  CHECK(Mien({"edit", "--aligned", "--crop", photo, "-o", out, "--backend", "cuda"}).code == 5);
  const Ran little = Mien({"edit", "--aligned", "--crop", photo, "-o", out, "--max-memory", "10kB"});
  CHECK(little.code == 5);
  CHECK(little.err.find("10000") != std::string::npos);
  CHECK(FilesIn(FolderOf(out)) == 0);
  CHECK(
      Mien({"edit", "--aligned", "--crop", photo, "-o", out, "--max-memory", "1GiB", "--set", "smile=1", "-q"}).code ==
      0);
  CHECK(FilesIn(FolderOf(out)) == 1);
}

TEST_CASE("A failed edit leaves the old file as it was") {
  const std::string out = Fresh("out.png"), text = Fresh("text.png");
  WriteContent(out, "old");
  WriteContent(text, "no picture");
  CHECK(Mien({"edit", "--aligned", "--crop", text, "-o", out}).code == 1);
  CHECK(Content(out) == "old");
  CHECK(FilesIn(FolderOf(out)) == 1);
}

TEST_CASE("--json prints one document") {
  const std::string out = Fresh("out.png");
  const Ran good = Mien({"edit", "--aligned", "--crop", Photo(7), "-o", out, "--set", "smile=1", "--json"});
  const auto report = nlohmann::json::parse(good.out, nullptr, false);
  REQUIRE_FALSE(report.is_discarded());
  CHECK(report["ok"] == true);
  CHECK(report["files"][0]["output"] == out);
  const Ran bad = Mien({"edit", "--aligned", "--crop", Photo(7), "-o", out, "--set", "joy=1", "--json"});
  CHECK(bad.code == 2);
  const auto error = nlohmann::json::parse(bad.out, nullptr, false);
  REQUIRE_FALSE(error.is_discarded());
  CHECK(error["ok"] == false);
}

TEST_CASE("--json is ASCII: nothing of a file's name steers a terminal, and all of it can be read back") {
  // C1 controls (CSI, OSC), DEL, an escape, a mark of direction, letters of two to four bytes, a byte that is no UTF-8.
  const std::string steering = "\u009b31m\u009d0;\x7f\x1b[2J\u202e", letters = "\u00e9\u4eba\U0001f600";
  const std::string photo = Fresh(steering + letters + ".png"), out = Fresh("out.png");
  fs::copy_file(Photo(14), photo);
  const auto ascii = [](const Ran& ran) {
    return std::ranges::all_of(ran.out, [](char c) { return c == '\n' || (c >= ' ' && c < 0x7f); });
  };
  const Ran good = Mien({"edit", "--aligned", "--crop", photo, "-o", out, "--set", "smile=1", "--json"});
  CHECK(good.code == 0);
  CHECK_MESSAGE(ascii(good), good.out);
  CHECK(nlohmann::json::parse(good.out)["inputs"][0]["input"] == photo);
  const Ran bad = Mien({"edit", "--aligned", "--crop", photo + "\xff", "-o", out, "--json"});
  CHECK(bad.code == 1);
  CHECK_MESSAGE(ascii(bad), bad.out);
  CHECK(Has(nlohmann::json::parse(bad.out)["error"].get<std::string>(), letters + ".png\ufffd: "));
}

TEST_CASE("Without --model the program uses the one it carries, wherever it runs") {
  const std::string out = Fresh("out.png"), portrait = MIEN_SOURCE_DIR "/tools/people/weights/portrait.png";
  const Ran ran = Run({"edit", "--aligned", "--crop", portrait, "-o", out, "--sweep", "smile=-1:1:3"});
  CHECK_MESSAGE(ran.code == 0, ran.err);
  CHECK(ReadImage(out).ok());
  const std::string with = Fresh("with.png"), without = Fresh("without.png");
  CHECK(Run({"synth", "--seed", "3", "-o", without}).code == 0);
  CHECK(Run({"synth", "--seed", "3", "-o", with, "-m", MIEN_SOURCE_DIR "/weights/builtin/mien.safetensors"})
            .code == 0);
  CHECK(Content(with) == Content(without));
}

TEST_CASE("SIGINT and SIGTERM stop with 130 and leave whole files only") {
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string folder = Fresh("many");
    fs::create_directory(folder);
    const pid_t child =
        Start(MIEN_PROGRAM, {"synth", "--seeds", "0-4095", "-o", folder, "-m", TinyModelPath()}, Fresh("out"),
              Fresh("err"));
    // Three pictures and one that is being written, under its temporary name.
    for (int i = 0; i < 6000 && FilesIn(folder) < 4; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    kill(child, signal);
    CHECK(Wait(child) == 130);
    size_t files = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
      CHECK(entry.path().extension() == ".png");
      CHECK(ReadImage(entry.path().string()).ok());
      ++files;
    }
    CHECK(files >= 3);
    CHECK(files < 4096);
  }
}

TEST_CASE("An installed copy serves a C program through CMake and pkg-config") {
  if (!testing::kCountsAllocations)
    return;  // a library built for a sanitizer does not load into a plain program
  const std::string out = Fresh("out"), err = Fresh("err");
  const int code =
      Wait(Start("/bin/sh",
                 {MIEN_SOURCE_DIR "/tests/tools/installed.sh", MIEN_BINARY_DIR, MIEN_SOURCE_DIR "/tools/example",
                  TinyModelPath(), MIEN_SOURCE_DIR "/tests/data/faces/astronaut.png", Fresh("pre fix")},
                 out, err));
  const std::string said = Content(out) + Content(err);
  CHECK_MESSAGE(code == 0, said);
}

}  // namespace
}  // namespace mien
