#include "runtime/face/exif.h"

#include <cstdint>
#include <cstring>

namespace mien {
namespace {

constexpr uint32_t kOrientationTag = 0x0112;
constexpr uint32_t kByte = 1, kShort = 3, kLong = 4;  // types of values
constexpr size_t kEntryBytes = 12;                    // tag 2, type 2, count 4, value or its place 4

class Block {
 public:
  Block(std::span<const std::byte> bytes, bool big) : bytes_(bytes), big_(big) {}
  size_t size() const { return bytes_.size(); }
  // The number of `count` bytes at `at`, which are there.
  uint32_t Number(size_t at, size_t count) const {
    uint32_t value = 0;
    for (size_t i = 0; i < count; ++i) {
      value = value << 8 | std::to_integer<uint32_t>(bytes_[at + (big_ ? i : count - 1 - i)]);
    }
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  bool big_;
};

Result<int> OrientationOf(const Block& block, size_t entry) {
  const uint32_t type = block.Number(entry + 2, 2), count = block.Number(entry + 4, 4);
  const size_t bytes = type == kByte ? 1 : type == kShort ? 2 : type == kLong ? 4 : 0;
  if (bytes == 0 || count != 1) {
    return Status::Error(Code::kRefused, "orientation: one whole number expected, %u values of type %u found",
                         count, type);
  }
  const uint32_t value = block.Number(entry + 8, bytes);
  if (value < 1 || value > 8) return Status::Error(Code::kRefused, "orientation %u, 1 to 8 expected", value);
  return static_cast<int>(value);
}

}  // namespace

Result<int> ExifOrientation(std::span<const std::byte> exif) {
  const auto starts = [&](const char* text, size_t size) {
    return exif.size() >= size && std::memcmp(exif.data(), text, size) == 0;
  };
  if (starts("Exif\0\0", 6)) exif = exif.subspan(6);
  const bool big = starts("MM\0*", 4);
  if (!big && !starts("II*\0", 4)) return Status::Error(Code::kRefused, "no TIFF header");
  const Block block(exif, big);
  constexpr size_t kHeaderBytes = 8;
  const size_t directory = block.size() < kHeaderBytes ? block.size() : block.Number(4, 4);
  if (directory < kHeaderBytes || directory > block.size() || block.size() - directory < 2)
    return Status::Error(Code::kRefused, "the directory lies outside");
  const size_t entries = block.Number(directory, 2), room = (block.size() - directory - 2) / kEntryBytes;
  for (size_t i = 0; i < entries; ++i) {
    if (i == room) return Status::Error(Code::kRefused, "the directory is cut short");
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (block.Number(entry, 2) == kOrientationTag) return OrientationOf(block, entry);
  }
  return 1;
}

}  // namespace mien
