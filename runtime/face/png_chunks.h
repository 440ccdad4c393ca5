// The chunks of a PNG file, walked before any of it is decoded: how much compressed data there is, which way
// up the picture is, whether the file has its end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"

namespace mien {

// Reads a source forwards, through a window.
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

struct PngChunks {
  uint64_t data_bytes = 0;  // of all IDAT chunks
  int orientation =
      1;  // of the first eXIf chunk, or of the first EXIF profile in a text chunk; 1 where it is not valid
  std::vector<std::string> warnings;
};

// `file` begins with the signature. Damage before the pixels is left for the decoder to refuse; what stands
// after them cannot harm them and gives warnings. kFailure: a kind of PNG that no decoder here reads.
Result<PngChunks> ScanPng(const ByteSource& file);

}  // namespace mien
