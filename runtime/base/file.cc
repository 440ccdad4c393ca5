#include "runtime/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/base/checked.h"

namespace mien {
namespace {

Status SystemError(const std::string& path, const char* action) {
  return Status::Error(Code::kFailure, "%s: %s: %s", path.c_str(), action, std::strerror(errno));
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
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
    const ssize_t got = pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
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
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return Status::Error(Code::kFailure, "%s: exists and is not a regular file", path.c_str());
  }
  AtomicFile file;
  file.path_ = path;
  std::string pattern = path + ".XXXXXX";
  file.descriptor_ = mkostemp(pattern.data(), O_CLOEXEC);
  if (file.descriptor_ < 0) return SystemError(path, "cannot create");
  file.temporary_ = std::move(pattern);
  const mode_t mask = umask(0);
  umask(mask);
  fchmod(file.descriptor_, 0666 & ~mask);  // mkostemp gives 0600; a result is an ordinary file
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, std::string())) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

Status AtomicFile::Write(std::span<const std::byte> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = write(descriptor_, bytes.data() + done, bytes.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return SystemError(path_, "cannot write");
    done += static_cast<size_t>(put);
  }
  return {};
}

Status AtomicFile::Commit() {
  if (fsync(descriptor_) != 0) return SystemError(path_, "cannot flush");
  if (close(std::exchange(descriptor_, -1)) != 0) return SystemError(path_, "cannot close");
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return SystemError(path_, "cannot put in place");
  temporary_.clear();
  const int folder = open(FolderOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
