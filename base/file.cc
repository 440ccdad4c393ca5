#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "base/checked.h"
#include "base/interrupt.h"
#include "base/stream.h"

namespace mien {
namespace {

constexpr size_t kPiece = 1 << 20;  // between two looks at the stop flag

Status SystemError(const std::string& path, const char* action) {
  return Status::Error(Code::kFailure, "%s: %s: %s", path.c_str(), action, std::strerror(errno));
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Where a chain of symbolic links ends, whether something is there or not.
Result<std::string> FollowLinks(std::string path) {
  constexpr int kMostLinks = 40;  // as the system itself follows
  for (int i = 0; i <= kMostLinks; ++i) {
    char target[PATH_MAX];
    const ssize_t length = readlink(path.c_str(), target, sizeof target);
    if (length < 0) return path;
    const std::string next(target, static_cast<size_t>(length));
    path = next.starts_with('/') ? next : FolderOf(path) + "/" + next;
  }
  errno = ELOOP;
  return SystemError(path, "cannot follow");
}

// The new file gets the permissions of the one it replaces, and its owner and group as far as this process may give
// them.
void TakeAfter(int descriptor, const struct stat* old) {
  if (old == nullptr) {
    const mode_t mask = umask(0);
    umask(mask);
    fchmod(descriptor, 0666 & ~mask);  // mkostemp gives 0600; a result is an ordinary file
    return;
  }
  if (fchown(descriptor, old->st_uid, old->st_gid) != 0 &&
      fchown(descriptor, static_cast<uid_t>(-1), old->st_gid) != 0) {
    // Not permitted: the file belongs to who wrote it.
  }
  fchmod(descriptor, old->st_mode & 0777);
}

}  // namespace

Result<File> File::Open(const std::string& path) {
  // Non-blocking, so that a pipe without a writer is refused rather than waited for.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return SystemError(path, "cannot open");
  File file;
  file.descriptor_ = descriptor;
  file.path_ = path;
  struct stat info;
  if (fstat(descriptor, &info) != 0) return SystemError(path, "cannot read its size");
  if (S_ISDIR(info.st_mode)) return Status::Error(Code::kFailure, "%s: a folder, a file expected", path.c_str());
  if (!S_ISREG(info.st_mode)) return Status::Error(Code::kFailure, "%s: not a regular file", path.c_str());
  file.size_ = static_cast<uint64_t>(info.st_size);
  return file;
}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) close(descriptor_);
}

Status File::ReadAt(uint64_t offset, std::span<std::byte> out) const {
  const auto end = CheckedAdd(offset, out.size());
  if (!end || *end > size_) {
    return Status::Error(Code::kRefused, "%s: truncated: %zu bytes at offset %llu expected, the file has %llu",
                         path_.c_str(), out.size(), static_cast<unsigned long long>(offset),
                         static_cast<unsigned long long>(size_));
  }
  size_t done = 0;
  while (done < out.size()) {
    MIEN_TRY(CheckInterrupt());
    const size_t piece = std::min(kPiece, out.size() - done);
    const ssize_t got = pread(descriptor_, out.data() + done, piece, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(path_, "cannot read");
    if (got == 0) return Status::Error(Code::kRefused, "%s: truncated while being read", path_.c_str());
    done += static_cast<size_t>(got);
  }
  return {};
}

Status MemorySource::ReadAt(uint64_t offset, std::span<std::byte> out) const {
  const auto end = CheckedAdd(offset, out.size());
  if (!end || *end > bytes_.size()) {
    return Status::Error(Code::kRefused, "truncated: %zu bytes at offset %llu expected, %zu there", out.size(),
                         static_cast<unsigned long long>(offset), bytes_.size());
  }
  if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
  return {};
}

Result<AtomicFile> AtomicFile::Create(const std::string& path) {
  AtomicFile file;
  file.path_ = path;
  file.stream_ = IsOutputStream(path);
  if (file.stream_) {
    MIEN_ASSIGN(file.descriptor_, OpenOutputStream(path));
    return file;
  }
  struct stat old;
  const bool there = stat(path.c_str(), &old) == 0;
  if (there && !S_ISREG(old.st_mode)) {
    return Status::Error(Code::kFailure, "%s: exists and is neither a regular file nor a stream", path.c_str());
  }
  MIEN_ASSIGN(file.place_, FollowLinks(path));
  // A short name of its own: the longest name that the folder takes has no room for an ending.
  std::string pattern = FolderOf(file.place_) + "/.mien-XXXXXX";
  file.descriptor_ = mkostemp(pattern.data(), O_CLOEXEC);
  if (file.descriptor_ < 0) return SystemError(path, "cannot create");
  file.temporary_ = std::move(pattern);
  TakeAfter(file.descriptor_, there ? &old : nullptr);
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      stream_(other.stream_),
      path_(std::move(other.path_)),
      place_(std::move(other.place_)),
      temporary_(std::exchange(other.temporary_, std::string())) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

Status AtomicFile::Write(std::span<const std::byte> bytes) {
  if (stream_) return WriteStream(descriptor_, path_.c_str(), bytes);
  size_t done = 0;
  while (done < bytes.size()) {
    MIEN_TRY(CheckInterrupt());
    const ssize_t put = write(descriptor_, bytes.data() + done, std::min(kPiece, bytes.size() - done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return SystemError(path_, "cannot write");
    done += static_cast<size_t>(put);
  }
  return {};
}

Status AtomicFile::Commit() {
  if (!stream_ && fsync(descriptor_) != 0) return SystemError(path_, "cannot flush");
  if (close(std::exchange(descriptor_, -1)) != 0) return SystemError(path_, "cannot close");
  if (stream_) return {};
  if (rename(temporary_.c_str(), place_.c_str()) != 0) return SystemError(path_, "cannot put in place");
  temporary_.clear();
  const int folder = open(FolderOf(place_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    fsync(folder);  // the rename itself is done; a folder that cannot be flushed does not undo it
    close(folder);
  }
  return {};
}

Result<std::string> ReadTextFile(const std::string& path, uint64_t limit) {
  MIEN_ASSIGN(File file, File::Open(path));
  if (file.size() > limit) {
    return Status::Error(Code::kRefused, "%s: %llu bytes, at most %llu expected", path.c_str(),
                         static_cast<unsigned long long>(file.size()), static_cast<unsigned long long>(limit));
  }
  std::string text(file.size(), '\0');
  MIEN_TRY(file.ReadAt(0, std::as_writable_bytes(std::span(text))));
  return text;
}

Status WriteFileAtomically(const std::string& path, std::span<const std::byte> bytes) {
  MIEN_ASSIGN(AtomicFile file, AtomicFile::Create(path));
  MIEN_TRY(file.Write(bytes));
  return file.Commit();
}

}  // namespace mien
