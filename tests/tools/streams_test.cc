// The program at the ends of pipes: photos that are streamed to it, readers that do not read, signals while
// it waits, limits of the system.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "runtime/face/image.h"
#include "tests/support/tiny_model.h"

namespace mien {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A folder of its own with photo.png in it.
struct Place {
  std::string folder;
  Place() {
    static int number = 0;
    folder = testing::ScratchFolder() + "/streams" + std::to_string(++number);
    fs::create_directory(folder);
    Image image = std::move(*Image::Create(32, 32));
    for (int i = 0; i < 32 * 32 * 3; ++i)
      image.pixels.as<uint8_t>()[i] = static_cast<uint8_t>(i * 7 + i / 96);
    REQUIRE(WriteImage(folder + "/photo.png", image, {}).ok());
  }
  std::string operator/(const std::string& name) const { return folder + "/" + name; }
};

// bash runs `script` in the folder; there `mien` is the program with the tiny model, `program` the same in
// place of bash. What it says is left in err.
pid_t Start(const Place& place, const std::string& script, int out = STDOUT_FILENO) {
  const pid_t child = fork();
  if (child == 0) {
    dup2(out, STDOUT_FILENO);
    if (chdir(place.folder.c_str()) != 0) _exit(98);
    dup2(open("err", O_CREAT | O_WRONLY | O_TRUNC, 0600), 2);
    const std::string prelude = "mien() { command \"" MIEN_PROGRAM "\" -m '" + testing::TinyModelPath() +
                                "' --threads 2 \"$@\"; }\n"
                                "program() { exec \"" MIEN_PROGRAM "\" -m '" +
                                testing::TinyModelPath() + "' --threads 2 \"$@\"; }\n";
    execl("/bin/bash", "bash", "-c", (prelude + script).c_str(), nullptr);
    _exit(99);
  }
  return child;
}

int Wait(pid_t child) {
  int status = 0;
  const auto start = Clock::now();
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (Clock::now() - start > std::chrono::seconds(30)) kill(child, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int Run(const Place& place, const std::string& script) { return Wait(Start(place, script)); }

TEST_CASE("a closed standard stream stays closed: no file that is opened later takes its place") {
  const Place place;
  // The model would be standard input, and read as the photo.
  CHECK(Run(place, "program edit - -o x.png <&-") == 1);
  CHECK_MESSAGE(Content(place / "err").find("stdin: Bad file descriptor") != std::string::npos,
                Content(place / "err"));
  CHECK(Run(place, "program info >&-") == 1);
  CHECK(Run(place, "program edit photo.png -o all.png --set smile=1 --no-metadata") == 0);
  CHECK(Run(place, "program edit photo.png -o none.png --set smile=1 --no-metadata <&- >&- 2>&-") == 0);
  CHECK(Content(place / "all.png") == Content(place / "none.png"));
}

TEST_CASE("a batch ends where nothing can be written") {
  const Place place;
  CHECK(Run(place,
            "cp photo.png two.png; mkdir out; (ulimit -f 0; mien edit --aligned --crop photo.png two.png -o out --set "
            "smile=1 "
            "2>&1)"
            " | cat > said; exit ${PIPESTATUS[0]}") == 1);
  const std::string said = Content(place / "said");
  CHECK_MESSAGE(said.find("out/photo.png: cannot write: ") != std::string::npos, said);
  CHECK(said.find("two.png") == std::string::npos);
  CHECK(said.find("inputs failed") == std::string::npos);
  CHECK(fs::is_empty(place / "out"));
}

TEST_CASE("a photo may come through a pipe of any kind, and gives what the file gives") {
  const Place place;
  const std::string edit = " --set smile=1 --no-metadata -o ";
  REQUIRE(Run(place, "mien edit --aligned --crop photo.png" + edit + "file.png") == 0);
  CHECK(Run(place, "mien edit --aligned --crop <(cat photo.png)" + edit + "a.png") == 0);
  CHECK(Run(place, "cat photo.png | mien edit --aligned --crop -" + edit + "b.png") == 0);
  CHECK(Run(place, "mien edit --aligned --crop /dev/stdin" + edit + "c.png < photo.png") == 0);
  CHECK(Run(place,
            "(head -c 9; sleep 0.1; cat) < photo.png | mien edit --aligned --crop /dev/stdin" + edit + "d.png") == 0);
  CHECK(Run(place,
            "mkfifo fifo; (sleep 0.1; cat photo.png > fifo) & mien edit --aligned --crop fifo" + edit + "e.png") == 0);
  CHECK(Run(place, "mien edit --aligned --crop photo.png" + edit + "- | cat > f.png") == 0);
  for (const char* name : {"a.png", "b.png", "c.png", "d.png", "e.png", "f.png"}) {
    CAPTURE(name);
    CHECK(Content(place / name) == Content(place / "file.png"));
  }
}

TEST_CASE("a result may go to a stream of any kind, and is what the file would be") {
  const Place place;
  const std::string edit = "mien edit --aligned --crop --no-likeness photo.png --set smile=1 --no-metadata -o ";
  REQUIRE(Run(place, edit + "file.png") == 0);
  const std::string file = Content(place / "file.png");
  CHECK(Run(place, edit + ">(cat > a.png) && wait $!") == 0);
  CHECK(Run(place, "mkfifo fifo; (sleep 0.2; cat fifo > b.png) & " + edit + "fifo && wait $!") == 0);
  CHECK(Run(place, edit + "/dev/stdout | cat > c.png") == 0);
  CHECK(Run(place, edit + "/dev/stdout > d.png") == 0);
  for (const char* name : {"a.png", "b.png", "c.png", "d.png"}) {
    CAPTURE(name);
    CHECK(Content(place / name) == file);
  }
  CHECK(fs::is_fifo(place / "fifo"));
  // What stands there already stays.
  CHECK(Run(place, "(echo before; " + edit + "/dev/stdout) > e; " + edit + "/dev/stdout >> e") == 0);
  CHECK(Content(place / "e") == "before\n" + file + file);
  // Tensors and models as well; devices take more than one result.
  CHECK(Run(place, "mien encode --aligned photo.png -o w && mien encode --aligned photo.png -o /dev/stdout > v") == 0);
  CHECK(Content(place / "v") == Content(place / "w"));
  CHECK(Run(place, "mien synth -o /dev/null --save-codes /dev/null --json > report") == 0);
  CHECK(fs::is_character_file("/dev/null"));
  CHECK(Run(place, edit + "/dev/full") == 1);
  CHECK(Content(place / "err") == "mien: error: /dev/full: No space left on device\n");
  CHECK(Run(place, "set -o pipefail; " + edit + "/dev/stdout | true") == 1);
  CHECK(Run(place, edit + "/dev/stdout --json > report") == 2);
  CHECK(Content(place / "err").find("stdout cannot take both") != std::string::npos);
}

TEST_CASE("an endless stream that is no picture is refused by its first bytes, in little memory") {
  const Place place;
  for (const char* from : {"- < /dev/zero", "/dev/zero", "<(cat /dev/zero)", "/dev/stdin < /dev/zero"}) {
    CAPTURE(from);
    CHECK(Run(place, std::string("mien encode --aligned ") + from + " -o w.npz") == 1);
    CHECK(Content(place / "err").find("neither a PNG nor a JPEG picture") != std::string::npos);
  }
}

// Waits until the process does nothing but wait: its processor time stands still.
void UntilIdle(pid_t process) {
  std::string before = "-";
  for (int i = 0; i < 400; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    std::string stat = Content("/proc/" + std::to_string(process) + "/stat");
    stat = stat.substr(stat.rfind(')') + 1);
    // Fields 14 and 15: user and system time.
    size_t at = 0;
    for (int field = 3; field < 14; ++field) at = stat.find(' ', at + 1);
    const std::string now = stat.substr(at, stat.find(' ', stat.find(' ', at + 1) + 1) - at);
    if (now == before) return;
    before = now;
  }
}

TEST_CASE("a signal ends the program within a second, wherever it waits") {
  const Place place;
  const std::string waits[] = {
      "program edit - -o x.png < <(sleep 5)",                         // for the first byte
      "program edit - -o x.png < <(head -c 100 photo.png; sleep 5)",  // for the rest
      "mkfifo never 2> /dev/null; program edit never -o x.png",       // for a writer
      "program synth --seeds 0-24 -o -",                              // for the reader of a picture
      "mkfifo never 2> /dev/null; program synth -o never",            // for somebody who opens it
      "program info",
      "program info --json",  // of a report
  };
  int full[2];  // a small pipe that nobody reads
  REQUIRE(pipe2(full, O_CLOEXEC) == 0);
  REQUIRE(fcntl(full[1], F_SETPIPE_SZ, 4096) == 4096);
  for (const std::string& wait : waits) {
    for (const int signal : {SIGINT, SIGTERM}) {
      CAPTURE(wait);
      const pid_t child = Start(place, wait, full[1]);
      UntilIdle(child);
      const auto start = Clock::now();
      kill(child, signal);
      CHECK(Wait(child) == 130);
      CHECK(Clock::now() - start < std::chrono::seconds(1));
    }
  }
  close(full[0]);
  close(full[1]);
  CHECK_FALSE(fs::exists(place / "x.png"));
}

TEST_CASE("results that nobody takes are a failure with a line, not a signal") {
  const Place place;
  CHECK(Run(place, "set -o pipefail; mien synth -o - | true") == 1);
  CHECK(Content(place / "err") == "mien: error: stdout: Broken pipe\n");
  CHECK(Run(place, "mien info > /dev/full") == 1);
  CHECK(Content(place / "err") == "mien: error: stdout: No space left on device\n");
}

TEST_CASE("a limit of file sizes is an error like a full disk: exit 1, a line, nothing left") {
  const Place place;
  fs::create_directory(place / "results");
  CHECK(Run(place, "ulimit -f 1; mien synth --seeds 0-3 -o results/o.png") == 1);
  CHECK(Content(place / "err") == "mien: error: results/o.png: cannot write: File too large\n");
  CHECK(fs::is_empty(place / "results"));
}

TEST_CASE("a signal that whoever starts the program ignores stays ignored") {
  const Place place;
  const pid_t child = Start(
      place, "trap '' INT TERM HUP; program edit - --set smile=1 -o o.png < <(sleep 0.6; cat photo.png)");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) kill(child, signal);
  CHECK(Wait(child) == 0);
  CHECK(fs::exists(place / "o.png"));
}

TEST_CASE("a turned photo is told of, encoded upright and written upright") {
  const Place place;
  // eXIf with orientation 3 after the header: the stored picture stands on its head.
  Image stored = std::move(*TurnUpright(std::move(*ReadImage(place / "photo.png")), 3));
  REQUIRE(WriteImage(place / "turned.png", stored, {}).ok());
  std::string file = Content(place / "turned.png");
  const unsigned char chunk[] = {0, 0, 0, 26, 'e', 'X',  'I', 'f', 'I',  'I',  42,   0,   8,
                                 0, 0, 0, 1,  0,   0x12, 1,   3,   0,    1,    0,    0,   0,
                                 3, 0, 0, 0,  0,   0,    0,   0,   0xff, 0xa8, 0x1f, 0x4d};
  file.insert(33, reinterpret_cast<const char*>(chunk), sizeof chunk);
  std::ofstream(place / "turned.png", std::ios::binary) << file;
  const std::string edit = "mien edit --aligned --crop turned.png --set smile=1 --no-metadata -o a.png ";
  REQUIRE(Run(place, "mien edit --aligned --crop photo.png --set smile=1 --no-metadata -o b.png") == 0);
  REQUIRE(Run(place, edit + "-v") == 0);
  CHECK(Content(place / "err").find("turned.png: turned upright: EXIF orientation 3") != std::string::npos);
  CHECK(Content(place / "a.png") == Content(place / "b.png"));
  REQUIRE(Run(place, edit + "--json > report") == 0);
  const auto report = nlohmann::json::parse(Content(place / "report"), nullptr, false);
  REQUIRE_FALSE(report.is_discarded());
  CHECK(report["inputs"][0]["orientation"] == 3);
  CHECK(Content(place / "a.png").find("eXIf") == std::string::npos);
}

}  // namespace
}  // namespace mien
