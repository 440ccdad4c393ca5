// Files: only regular files are read, reads are all or nothing, and an output is either the old file or the
// new one.
#include "base/file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace mien {
namespace {

namespace fs = std::filesystem;

// A folder of its own, gone afterwards.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "mien_base_XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    fs::permissions(path_, fs::perms::owner_all, ignored);
    fs::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  fs::path path() const { return path_; }

 private:
  fs::path path_;
};

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

void Put(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

std::string Get(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

using Names = std::vector<std::string>;

TEST_CASE("a regular file reads at any position, and never past its end") {
  const Folder folder;
  Put(folder / "file", "0123456789");
  const auto file = File::Open(folder / "file");
  REQUIRE(file.ok());
  CHECK(file->size() == 10);
  char out[4] = {};
  CHECK(file->ReadAt(6, std::as_writable_bytes(std::span(out))).ok());
  CHECK(std::string(out, 4) == "6789");
  for (uint64_t offset : {uint64_t{7}, uint64_t{10}, uint64_t{11}, ~uint64_t{0}, ~uint64_t{0} - 3}) {
    CAPTURE(offset);
    CHECK(file->ReadAt(offset, std::as_writable_bytes(std::span(out))).code() == Code::kRefused);
  }
  CHECK(file->ReadAt(10, {}).ok());
  CHECK(file->ReadAt(11, {}).code() == Code::kRefused);
}

TEST_CASE("a file that shrinks while it is open is an error, not a crash") {
  const Folder folder;
  Put(folder / "file", "0123456789");
  const auto file = File::Open(folder / "file");
  REQUIRE(file.ok());
  fs::resize_file(folder / "file", 5);
  char out[10];
  CHECK(file->ReadAt(0, std::as_writable_bytes(std::span(out))).code() == Code::kRefused);
}

TEST_CASE("memory reads like a file") {
  const std::string text = "0123456789";
  const MemorySource source(Bytes(text));
  char out[3];
  CHECK(source.size() == 10);
  CHECK(source.ReadAt(7, std::as_writable_bytes(std::span(out))).ok());
  CHECK(std::string(out, 3) == "789");
  CHECK(source.ReadAt(8, std::as_writable_bytes(std::span(out))).code() == Code::kRefused);
  CHECK(source.ReadAt(~uint64_t{0}, std::as_writable_bytes(std::span(out))).code() == Code::kRefused);
}

TEST_CASE("folders, pipes, devices and nothing are refused as inputs, without waiting") {
  const Folder folder;
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  for (const std::string& path :
       {folder.path().string(), folder / "pipe", std::string("/dev/zero"), folder / "none"}) {
    CAPTURE(path);
    const auto file = File::Open(path);
    CHECK(file.status().code() == Code::kFailure);
    CHECK(std::string(file.status().message()).find(path) == 0);
  }
}

TEST_CASE("text files have a limit") {
  const Folder folder;
  Put(folder / "file", "12345");
  CHECK(*ReadTextFile(folder / "file", 5) == "12345");
  CHECK(ReadTextFile(folder / "file", 4).status().code() == Code::kRefused);
  Put(folder / "empty", "");
  CHECK(ReadTextFile(folder / "empty", 0)->empty());
}

TEST_CASE("an output appears whole, as an ordinary file, with nothing beside it") {
  const Folder folder;
  const std::string big(1 << 20, 'x');
  const mode_t mask = umask(022);
  CHECK(WriteFileAtomically(folder / "out", Bytes(big)).ok());
  umask(mask);
  CHECK(Get(folder / "out") == big);
  CHECK(folder.Names() == Names{"out"});
  CHECK(fs::status(folder / "out").permissions() == fs::perms(0644));
  CHECK(WriteFileAtomically(folder / "out", Bytes("new")).ok());
  CHECK(Get(folder / "out") == "new");
  CHECK(folder.Names() == Names{"out"});
}

TEST_CASE("without Commit the old file stays and the new one leaves no trace") {
  const Folder folder;
  Put(folder / "out", "old");
  {
    auto file = AtomicFile::Create(folder / "out");
    REQUIRE(file.ok());
    CHECK(file->Write(Bytes("new")).ok());
    CHECK(Get(folder / "out") == "old");
    CHECK(folder.Names().size() == 2);
    const AtomicFile moved(std::move(*file));
    CHECK(folder.Names().size() == 2);
  }
  CHECK(Get(folder / "out") == "old");
  CHECK(folder.Names() == Names{"out"});
}

TEST_CASE("a write that fails leaves the old file") {
  const Folder folder;
  Put(folder / "out", "old");
  // A file size limit stands in for a full disk.
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string big(10000, 'x');
  const Status status = WriteFileAtomically(folder / "out", Bytes(big));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(status.code() == Code::kFailure);
  CHECK(std::string(status.message()).find("cannot write") != std::string::npos);
  CHECK(Get(folder / "out") == "old");
  CHECK(folder.Names() == Names{"out"});
}

TEST_CASE("folders and missing folders are refused as outputs") {
  const Folder folder;
  fs::create_directory(folder / "folder");
  const Names before = folder.Names();
  for (const std::string& path : {folder / "folder", folder / "missing/out"}) {
    CAPTURE(path);
    const auto file = AtomicFile::Create(path);
    CHECK(file.status().code() == Code::kFailure);
    CHECK(std::string(file.status().message()).find(path) == 0);
  }
  CHECK(folder.Names() == before);
}

TEST_CASE("an output that becomes a folder meanwhile is an error and leaves no trace") {
  const Folder folder;
  auto file = AtomicFile::Create(folder / "out");
  REQUIRE(file.ok());
  CHECK(file->Write(Bytes("new")).ok());
  fs::create_directory(folder / "out");
  Put(folder / "out/inside", "kept");
  CHECK(file->Commit().code() == Code::kFailure);
  { const AtomicFile gone(std::move(*file)); }
  CHECK(folder.Names() == Names{"out"});
  CHECK(Get(folder / "out/inside") == "kept");
}

TEST_CASE("a symbolic link as output stays, and what it points to is replaced") {
  const Folder folder;
  fs::create_directory(folder / "folder");
  Put(folder / "folder/target", "old");
  fs::create_symlink("folder/target", folder / "relative");
  fs::create_symlink(folder / "relative", folder / "link");
  CHECK(WriteFileAtomically(folder / "link", Bytes("new")).ok());
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(fs::is_symlink(folder / "relative"));
  CHECK(Get(folder / "folder/target") == "new");
  fs::create_symlink("folder/nowhere", folder / "dangling");
  CHECK(WriteFileAtomically(folder / "dangling", Bytes("new")).ok());
  CHECK(fs::is_symlink(folder / "dangling"));
  CHECK(Get(folder / "folder/nowhere") == "new");
  fs::create_symlink(folder / "folder", folder / "link_to_folder");
  CHECK(WriteFileAtomically(folder / "link_to_folder", Bytes("new")).code() == Code::kFailure);
  fs::create_symlink("round", folder / "round");
  CHECK(WriteFileAtomically(folder / "round", Bytes("new")).code() == Code::kFailure);
  CHECK(folder.Names() == Names{"dangling", "folder", "link", "link_to_folder", "relative", "round"});
}

TEST_CASE("a file that is replaced hands on its permissions, and its group and owner where that is permitted") {
  const Folder folder;
  for (const mode_t mode : {0600, 0640, 0644, 0666, 0400, 0755}) {
    CAPTURE(mode);
    Put(folder / "out", "old");
    REQUIRE(chmod((folder / "out").c_str(), mode) == 0);
    CHECK(WriteFileAtomically(folder / "out", Bytes("new")).ok());
    struct stat now;
    REQUIRE(stat((folder / "out").c_str(), &now) == 0);
    CHECK((now.st_mode & 07777) == mode);
    CHECK(Get(folder / "out") == "new");
    fs::remove(folder / "out");
  }
  if (geteuid() != 0) return;  // only root may give files away
  Put(folder / "out", "old");
  REQUIRE(chown((folder / "out").c_str(), 1234, 4321) == 0);
  CHECK(WriteFileAtomically(folder / "out", Bytes("new")).ok());
  struct stat now;
  REQUIRE(stat((folder / "out").c_str(), &now) == 0);
  CHECK(now.st_uid == 1234);
  CHECK(now.st_gid == 4321);
}

TEST_CASE("the longest name that a folder takes is taken") {
  const Folder folder;
  const std::string longest(255, 'n');
  CHECK(WriteFileAtomically(folder / longest, Bytes("new")).ok());
  CHECK(Get(folder / longest) == "new");
  CHECK(WriteFileAtomically(folder / (longest + "n"), Bytes("new")).code() == Code::kFailure);
  CHECK(folder.Names() == Names{longest});
}

TEST_CASE("the message about a path of any length gives the reason") {
  const Folder folder;
  std::string path = folder.path().string();
  while (path.size() < 3000) path += "/" + std::string(200, 'd');
  for (const std::string& message : {std::string(File::Open(path).status().message()),
                                    std::string(WriteFileAtomically(path, Bytes("new")).message())}) {
    CHECK(message.starts_with(folder.path().string()));
    CHECK(message.ends_with("No such file or directory"));
  }
}

TEST_CASE("a symbolic link as input is followed") {
  const Folder folder;
  Put(folder / "target", "text");
  fs::create_symlink(folder / "target", folder / "link");
  CHECK(*ReadTextFile(folder / "link", 10) == "text");
}

}  // namespace
}  // namespace mien
