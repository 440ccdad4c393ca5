// A source of bytes, read forwards.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/file.h"

namespace mien {

// Reads through a window, which costs one call of the source for 64 KiB.
class ForwardReader {
 public:
  explicit ForwardReader(const ByteSource* source) : source_(source) {}
  uint64_t left() const { return source_->size() - at_; }
  // Fills `out`; the caller has looked whether so much is left.
  Status Read(std::span<std::byte> out);
  void Skip(uint64_t bytes) { at_ += bytes; }

 private:
  const ByteSource* source_;
  uint64_t at_ = 0, window_at_ = 0;
  std::vector<std::byte> window_;
};

}  // namespace mien
