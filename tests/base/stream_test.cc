// Streams: read whole and in order, within limits, refused by their first bytes; written whole; stopped while
// they wait.
#include "base/stream.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>

#include "base/buffer.h"
#include "base/interrupt.h"

namespace mien {
namespace {

using Clock = std::chrono::steady_clock;

std::string Numbers(size_t count) {
  std::string text(count, '\0');
  uint32_t state = 1;
  for (char& c : text) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

// A FIFO that goes away with it.
class Fifo {
 public:
  Fifo()
      : path_((std::filesystem::temp_directory_path() / ("mien_fifo_" + std::to_string(getpid()))).string()) {
    unlink(path_.c_str());
    REQUIRE(mkfifo(path_.c_str(), 0600) == 0);
  }
  ~Fifo() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Writes into the FIFO from a thread, in parts of `part` bytes, until all is written or nobody reads any
// more.
std::thread Writer(const std::string& path, const std::string& text, size_t part) {
  return std::thread([=] {
    const int descriptor = open(path.c_str(), O_WRONLY);
    for (size_t done = 0; done < text.size();) {
      const ssize_t put = write(descriptor, text.data() + done, std::min(part, text.size() - done));
      if (put <= 0) break;
      done += static_cast<size_t>(put);
    }
    close(descriptor);
  });
}

std::string All(const ByteSource& source) {
  std::string text(source.size(), '\0');
  CHECK(source.ReadAt(0, std::as_writable_bytes(std::span(text))).ok());
  return text;
}

struct NoSigpipe {
  void (*before)(int) = std::signal(SIGPIPE, SIG_IGN);
  ~NoSigpipe() { std::signal(SIGPIPE, before); }
};

TEST_CASE("a stream is read whole, whatever the parts it comes in") {
  const NoSigpipe ignored;
  const Fifo fifo;
  for (const auto& [size, part] : {std::pair<size_t, size_t>{0, 1},
                                   {1, 1},
                                   {511, 7},
                                   {512, 512},
                                   {513, 100},
                                   {3000000, 65536},
                                   {1 << 20, 4096},
                                   {(1 << 20) + 1, 4096}}) {
    CAPTURE(size);
    const std::string text = Numbers(size);
    std::thread writer = Writer(fifo.path(), text, part);
    size_t seen = 0;
    const auto source =
        OpenInput(fifo.path(), 4 << 20, Code::kRefused, [&](std::span<const std::byte> first) {
          seen = first.size();
          return std::memcmp(first.data(), text.data(), seen) == 0
                     ? Status()
                     : Status::Error(Code::kFailure, "other bytes");
        });
    writer.join();
    REQUIRE_MESSAGE(source.ok(), source.status().message());
    CHECK(seen == std::min(size, kFirstBytes));
    CHECK(All(**source) == text);
    for (const uint64_t at : {uint64_t{0}, size / 2, uint64_t{size}}) {
      std::string rest(size - at, '\0');
      CHECK((*source)->ReadAt(at, std::as_writable_bytes(std::span(rest))).ok());
      CHECK(rest == text.substr(at));
    }
    std::byte one[1];
    CHECK((*source)->ReadAt(size, one).code() == Code::kRefused);
    CHECK((*source)->ReadAt(~uint64_t{0}, one).code() == Code::kRefused);
  }
}

TEST_CASE("files and streams have the same limit and the same first look") {
  const NoSigpipe ignored;
  const Fifo fifo;
  const std::string file = fifo.path() + "_file", text = Numbers(5000);
  REQUIRE(WriteFileAtomically(file, std::as_bytes(std::span(text))).ok());
  const auto refuse = [](std::span<const std::byte>) { return Status::Error(Code::kFailure, "not wanted"); };
  for (const std::string& path : {file, fifo.path()}) {
    CAPTURE(path);
    const auto open = [&](uint64_t limit, Code code, const FirstBytes& check) {
      std::thread writer;
      if (path == fifo.path()) writer = Writer(path, text, 1000);
      auto source = OpenInput(path, limit, code, check);
      if (writer.joinable()) writer.join();
      return source;
    };
    CHECK(open(5000, Code::kRefused, {}).ok());
    for (const Code code : {Code::kRefused, Code::kFailure}) {
      const auto large = open(4999, code, {});
      CHECK(large.status().code() == code);
      CHECK(std::string(large.status().message()) == path + ": too large: at most 4999 bytes expected");
    }
    CHECK(std::string(open(5000, Code::kRefused, refuse).status().message()) == path + ": not wanted");
  }
  unlink(file.c_str());
}

TEST_CASE("devices without end are refused by their first bytes") {
  uint64_t looked_at = 0;
  const auto refuse = [&](std::span<const std::byte> first) {
    looked_at = first.size();
    return Status::Error(Code::kFailure, "zeros");
  };
  CHECK(std::string(OpenInput("/dev/zero", 1 << 20, Code::kRefused, refuse).status().message()) ==
        "/dev/zero: zeros");
  CHECK(looked_at == kFirstBytes);
  CHECK((*OpenInput("/dev/null", 1, Code::kRefused))->size() == 0);
}

TEST_CASE("folders and missing files are refused by name") {
  const std::string folder = std::filesystem::temp_directory_path().string();
  CHECK(std::string(OpenInput(folder, 1, Code::kRefused).status().message()).find("folder") !=
        std::string::npos);
  CHECK(OpenInput(folder + "/no such file", 1, Code::kRefused).status().code() == Code::kFailure);
}

TEST_CASE("all is written, also to a pipe that is read slowly; a closed pipe is an error") {
  const NoSigpipe ignored;
  const std::string text = Numbers(300000);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  std::string got;
  std::thread reader([&] {
    char part[777];
    for (ssize_t count; (count = read(ends[0], part, sizeof part)) > 0;)
      got.append(part, static_cast<size_t>(count));
  });
  CHECK(WriteStream(ends[1], "pipe", std::as_bytes(std::span(text))).ok());
  close(ends[1]);
  reader.join();
  CHECK(got == text);
  close(ends[0]);

  REQUIRE(pipe(ends) == 0);
  close(ends[0]);
  const Status closed = WriteStream(ends[1], "pipe", std::as_bytes(std::span(text)));
  CHECK(std::string(closed.message()) == "pipe: Broken pipe");
  CHECK(closed.code() == Code::kFailure);
  close(ends[1]);
}

TEST_CASE("an output that is a stream is written as it comes, and nothing is put in its place") {
  const NoSigpipe ignored;
  const Fifo fifo;
  const std::string text = Numbers(300000), file = fifo.path() + "_file";
  std::string got;
  std::thread reader([&] {  // comes late
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    std::ifstream in(fifo.path(), std::ios::binary);
    got.assign(std::istreambuf_iterator<char>(in), {});
  });
  CHECK(CheckOutputStream(fifo.path()).ok());  // the reader sees nothing of it
  CHECK(WriteFileAtomically(fifo.path(), std::as_bytes(std::span(text))).ok());
  reader.join();
  CHECK(got == text);
  CHECK(std::filesystem::is_fifo(fifo.path()));

  CHECK(WriteFileAtomically("/dev/null", std::as_bytes(std::span(text))).ok());
  CHECK(std::filesystem::is_character_file("/dev/null"));
  CHECK(std::string(WriteFileAtomically("/dev/full", std::as_bytes(std::span(text))).message()) ==
        "/dev/full: No space left on device");

  // A descriptor that is open on a file: from where it stands.
  const int opened = open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  REQUIRE(write(opened, "before ", 7) == 7);
  for (const char* folder : {"/dev/fd/", "/proc/self/fd/"}) {
    const std::string name = folder + std::to_string(opened);
    CHECK(CheckOutputStream(name).ok());
    CHECK(WriteFileAtomically(name, std::as_bytes(std::span("new ", 4))).ok());
  }
  CHECK(*ReadTextFile(file, 100) == "before new new ");
  close(opened);
  const int read_only = open(file.c_str(), O_RDONLY);
  const std::string closed = "/dev/fd/" + std::to_string(read_only);
  CHECK(std::string(CheckOutputStream(closed).message()) == closed + ": Bad file descriptor");
  CHECK(WriteFileAtomically(closed, std::as_bytes(std::span(text))).code() == Code::kFailure);
  close(read_only);
  CHECK(std::string(CheckOutputStream(closed).message()) == closed + ": Bad file descriptor");
  CHECK(WriteFileAtomically(closed, std::as_bytes(std::span(text))).code() == Code::kFailure);
  CHECK_FALSE(IsOutputStream(file));
  CHECK_FALSE(IsOutputStream("/dev/fd/1x"));
  unlink(file.c_str());
}

// What a child answers that does `work` with the program's handlers and gets `signals`, and the seconds from
// the first.
struct Ended {
  int status;
  double seconds;
};

Ended Signalled(const std::function<Status()>& work, const std::vector<int>& signals) {
  const pid_t child = fork();
  if (child == 0) {
    InstallSignalHandlers();
    _exit(ExitCode(work().code()));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  const auto start = Clock::now();
  for (const int signal : signals) {
    kill(child, signal);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  Ended ended{};
  constexpr std::chrono::seconds kPatience(5);
  while (waitpid(child, &ended.status, WNOHANG) == 0) {
    if (Clock::now() - start > kPatience) kill(child, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ended.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return ended;
}

TEST_CASE("a stop ends every wait and every loop within a second, with its own code") {
  const Fifo fifo;
  int full[2], empty[2];
  REQUIRE(pipe(full) == 0);
  REQUIRE(pipe(empty) == 0);
  const std::string text(1 << 20, 'x');
  const auto forever = [](const std::function<Status()>& step) {
    return [=] {
      Status status;
      while (status.ok()) status = step();
      return status;
    };
  };
  const std::function<Status()> waits[] = {
      [&] { return OpenInput(fifo.path(), 1, Code::kRefused).status(); },  // nobody writes
      [&] { return OpenInput("/dev/fd/" + std::to_string(empty[0]), 1, Code::kRefused).status(); },
      [&] { return WriteStream(full[1], "pipe", std::as_bytes(std::span(text))); },  // nobody reads
      [&] { return WriteFileAtomically(fifo.path(), std::as_bytes(std::span(text))); },
      [] { return OpenInput("/dev/zero", ~uint64_t{0} >> 16, Code::kRefused).status(); },
      forever([] { return Buffer::Create(64 << 20, "test").status(); }),
      forever([&] { return WriteFileAtomically(fifo.path() + "_file", std::as_bytes(std::span(text))); }),
  };
  for (const auto& wait : waits) {
    CAPTURE(&wait - waits);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      const Ended ended = Signalled(wait, {signal});
      CHECK(WIFEXITED(ended.status));
      CHECK(WEXITSTATUS(ended.status) == 130);
      CHECK(ended.seconds < 1.0);
    }
  }
  unlink((fifo.path() + "_file").c_str());
  for (const int end : {full[0], full[1], empty[0], empty[1]}) close(end);
}

TEST_CASE("a second signal ends the process at once, whatever it does") {
  for (const auto& [first, second] : {std::pair{SIGINT, SIGINT}, {SIGINT, SIGTERM}, {SIGTERM, SIGINT}}) {
    const Ended ended = Signalled(
        [] {
          for (;;) pause();
          return Status();
        },
        {first, second});
    CHECK(WIFSIGNALED(ended.status));
    CHECK(WTERMSIG(ended.status) == second);
  }
}

TEST_CASE("signals that were ignored stay ignored") {
  const auto before = std::signal(SIGINT, SIG_IGN);
  const Ended ended = Signalled(
      [] {
        std::this_thread::sleep_for(std::chrono::milliseconds(400));
        return CheckInterrupt();
      },
      {SIGINT});
  std::signal(SIGINT, before);
  CHECK(WIFEXITED(ended.status));
  CHECK(WEXITSTATUS(ended.status) == 0);
}

}  // namespace
}  // namespace mien
