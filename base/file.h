// Files: positioned reads (never a memory map: a file truncated under a map is SIGBUS) and outputs that
// are either the old file or the whole new one (temporary file in the same folder, fsync, rename). Reads and writes
// look at the stop flag (interrupt.h) every MiB.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"

namespace mien {

// A read-only source of bytes with a known size; hostile until parsed. Implementations: a regular file, and
// memory (tests, fuzzers, streams embedded in a pickle).
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;
  // Fills `out` from `offset`; anything but exactly out.size() bytes is an error.
  virtual Status ReadAt(uint64_t offset, std::span<std::byte> out) const = 0;
};

class File final : public ByteSource {
 public:
  // Opens a regular file; folders, devices and pipes are refused.
  static Result<File> Open(const std::string& path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File() override;

  uint64_t size() const override { return size_; }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override;

 private:
  File() = default;
  int descriptor_ = -1;
  uint64_t size_ = 0;
  std::string path_;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override;

 private:
  std::span<const std::byte> bytes_;
};

// Writes into a temporary file, .mien-XXXXXX in the same folder; Commit puts it in place. Destroyed without Commit, it
// leaves the old file untouched and no trace of the new one. A file that is replaced hands on its permissions and,
// where this process may give them, its owner and group; a symbolic link stays, and what it points to is replaced.
// Streams (IsOutputStream) are written as it comes; there Create waits for a reader.
class AtomicFile {
 public:
  static Result<AtomicFile> Create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) = delete;
  ~AtomicFile();

  Status Write(std::span<const std::byte> bytes);
  Status Commit();  // fsync, close, rename, fsync of the folder; of a stream close

 private:
  AtomicFile() = default;
  int descriptor_ = -1;
  bool stream_ = false;
  std::string path_, place_, temporary_;  // as asked for; after the links; empty once it is in place
};

// Whole small files: at most `limit` bytes.
Result<std::string> ReadTextFile(const std::string& path, uint64_t limit);
Status WriteFileAtomically(const std::string& path, std::span<const std::byte> bytes);

}  // namespace mien
