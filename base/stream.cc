#include "base/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/interrupt.h"

namespace mien {
namespace {

constexpr int kWaitMilliseconds = 100;

Status SystemError(const char* name) {
  return Status::Error(Code::kFailure, "%s: %s", name, std::strerror(errno));
}

Status TooLarge(const std::string& name, Code code, uint64_t limit) {
  return Status::Error(code, "%s: too large: at most %llu bytes expected", name.c_str(),
                       static_cast<unsigned long long>(limit));
}

// Whether the descriptor is ready; false after a tenth of a second and when a signal came.
bool Ready(int descriptor, short event) {
  pollfd wait = {descriptor, event, 0};
  // What poll does not know (an error, a closed descriptor) the next read or write will say.
  return poll(&wait, 1, kWaitMilliseconds) > 0;
}

// The bytes of a stream, in pieces so that they are never copied while they become more.
class StreamBytes final : public ByteSource {
 public:
  uint64_t size() const override { return size_; }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override;
  // Room for the next bytes; at least one.
  Result<std::span<std::byte>> Room();
  void Added(size_t bytes) { size_ += bytes; }

 private:
  static constexpr size_t kPiece = 1 << 20;
  std::vector<Buffer> pieces_;
  uint64_t size_ = 0;
};

Status StreamBytes::ReadAt(uint64_t offset, std::span<std::byte> out) const {
  MIEN_TRY(CheckInterrupt());
  const auto end = CheckedAdd(offset, out.size());
  if (!end || *end > size_) {
    return Status::Error(Code::kRefused, "truncated: %zu bytes at offset %llu expected, %llu there",
                         out.size(), static_cast<unsigned long long>(offset),
                         static_cast<unsigned long long>(size_));
  }
  for (size_t done = 0; done < out.size();) {
    const uint64_t at = offset + done;
    const size_t part = std::min<size_t>(out.size() - done, kPiece - at % kPiece);
    std::memcpy(out.data() + done, pieces_[at / kPiece].data() + at % kPiece, part);
    done += part;
  }
  return {};
}

Result<std::span<std::byte>> StreamBytes::Room() {
  if (size_ == pieces_.size() * kPiece) {
    MIEN_ASSIGN(Buffer piece, Buffer::Uninitialised(kPiece, "input"));
    pieces_.push_back(std::move(piece));
  }
  return std::span(pieces_.back().data() + size_ % kPiece, kPiece - size_ % kPiece);
}

Result<std::shared_ptr<const ByteSource>> ReadStream(int descriptor, const std::string& name, uint64_t limit,
                                                     Code too_large, const FirstBytes& check) {
  auto bytes = std::make_shared<StreamBytes>();
  bool checked = !check;
  for (bool ended = false; !ended;) {
    MIEN_TRY(CheckInterrupt());
    if (!Ready(descriptor, POLLIN)) continue;
    MIEN_ASSIGN(const std::span<std::byte> room, bytes->Room());
    // A device without end gives as much as is asked for: before the check ask for no more than it needs.
    const ssize_t got = read(descriptor, room.data(), checked ? room.size() : kFirstBytes - bytes->size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return SystemError(name.c_str());
    bytes->Added(static_cast<size_t>(got));
    ended = got == 0;
    if (bytes->size() > limit) return TooLarge(name, too_large, limit);
    if (!checked && (ended || bytes->size() == kFirstBytes)) {
      std::byte first[kFirstBytes];
      const auto seen = std::span(first).first(bytes->size());
      MIEN_TRY(bytes->ReadAt(0, seen));
      const Status known = check(seen);
      if (!known.ok()) return known.Within("%s", name.c_str());
      checked = true;
    }
  }
  return std::shared_ptr<const ByteSource>(std::move(bytes));
}

Result<std::shared_ptr<const ByteSource>> OpenRegular(const std::string& path, uint64_t limit, Code too_large,
                                                      const FirstBytes& check) {
  MIEN_ASSIGN(File file, File::Open(path));
  if (file.size() > limit) return TooLarge(path, too_large, limit);
  if (check) {
    std::byte first[kFirstBytes];
    const auto seen = std::span(first).first(std::min<uint64_t>(kFirstBytes, file.size()));
    MIEN_TRY(file.ReadAt(0, seen));
    const Status known = check(seen);
    if (!known.ok()) return known.Within("%s", path.c_str());
  }
  return std::shared_ptr<const ByteSource>(std::make_shared<File>(std::move(file)));
}

// The open descriptor that a path names; -1: none.
int NamedDescriptor(const std::string& path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    int number = -1;
    const char* const end = path.data() + path.size();
    if (path.starts_with(folder) && std::from_chars(path.data() + folder.size(), end, number).ptr == end) return number;
  }
  return -1;
}

// Closes what it opened.
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

}  // namespace

std::string InputName(const std::string& path) { return path == "-" ? "stdin" : path; }

bool IsStream(const std::string& path) {
  struct stat info;
  return path == "-" || (stat(path.c_str(), &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode)));
}

Result<std::shared_ptr<const ByteSource>> OpenInput(const std::string& path, uint64_t limit, Code too_large,
                                                    const FirstBytes& check) try {
  if (path == "-") return ReadStream(STDIN_FILENO, InputName(path), limit, too_large, check);
  if (!IsStream(path)) return OpenRegular(path, limit, too_large, check);
  // Opened without waiting for a writer: the wait is in ReadStream, where a stop is heard.
  const Descriptor opened = {open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (opened.number < 0) return SystemError(path.c_str());
  return ReadStream(opened.number, path, limit, too_large, check);
} catch (const std::bad_alloc&) {
  return Status::Error(Code::kMemory, "%s: not enough memory", path.c_str());
}

bool IsOutputStream(const std::string& path) { return NamedDescriptor(path) >= 0 || IsStream(path); }

Status CheckOutputStream(const std::string& path) {
  const int named = NamedDescriptor(path);
  if (named < 0) return access(path.c_str(), W_OK) == 0 ? Status() : SystemError(path.c_str());
  const int flags = fcntl(named, F_GETFL);
  if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY) return {};
  errno = EBADF;
  return SystemError(path.c_str());
}

Result<int> OpenOutputStream(const std::string& path) {
  const int named = NamedDescriptor(path);
  struct stat info;
  const bool fifo = stat(path.c_str(), &info) == 0 && S_ISFIFO(info.st_mode);
  for (;;) {
    const int opened = named >= 0 ? fcntl(named, F_DUPFD_CLOEXEC, 0)
                                  : open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (opened >= 0) return opened;
    const bool unread = fifo && errno == ENXIO;  // nobody has opened it for reading yet
    if (!unread && errno != EINTR) return SystemError(path.c_str());
    MIEN_TRY(CheckInterrupt());
    if (unread) poll(nullptr, 0, kWaitMilliseconds);
  }
}

Status WriteStream(int descriptor, const char* name, std::span<const std::byte> bytes) {
  // poll promises room for so much in a pipe: a write of more could wait for the reader.
  constexpr size_t kPiece = 4096;
  for (size_t done = 0; done < bytes.size();) {
    if (done > 0) MIEN_TRY(CheckInterrupt());
    if (!Ready(descriptor, POLLOUT)) {
      MIEN_TRY(CheckInterrupt());
      continue;
    }
    const ssize_t put = write(descriptor, bytes.data() + done, std::min(kPiece, bytes.size() - done));
    if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (put < 0) return SystemError(name);
    done += static_cast<size_t>(put);
  }
  return {};
}

}  // namespace mien
