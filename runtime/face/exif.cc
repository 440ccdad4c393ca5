#include "runtime/face/exif.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

namespace mien {
namespace {

constexpr uint32_t kOrientationTag = 0x0112, kPlaceTag = 0x8825;  // the latter refers to the directory of GPS
// Where a thumbnail begins and how long it is: compressed, or in strips.
constexpr uint32_t kThumbnailTags[][2] = {{0x0201, 0x0202}, {0x0111, 0x0117}};
constexpr uint32_t kByte = 1, kShort = 3, kLong = 4;                      // types of values
constexpr size_t kTypeBytes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};  // of all of them
constexpr size_t kHeaderBytes = 8;
constexpr size_t kEntryBytes = 12;                    // tag 2, type 2, count 4, value or its place 4

bool StartsWith(std::span<const std::byte> exif, const char* text, size_t size) {
  return exif.size() >= size && std::memcmp(exif.data(), text, size) == 0;
}

std::span<const std::byte> WithoutPrefix(std::span<const std::byte> exif) {
  return StartsWith(exif, "Exif\0\0", 6) ? exif.subspan(6) : exif;
}

bool IsBig(std::span<const std::byte> exif) { return StartsWith(exif, "MM\0*", 4); }

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

struct Directory {
  size_t at = 0, entries = 0;
  size_t Entry(size_t i) const { return at + 2 + i * kEntryBytes; }
  size_t end() const { return Entry(entries); }  // where the place of the next directory stands
};

// A directory that is whole.
std::optional<Directory> DirectoryAt(const Block& block, size_t at) {
  if (at < kHeaderBytes || at > block.size() || block.size() - at < 2) return {};
  const Directory directory = {at, block.Number(at, 2)};
  if (directory.end() > block.size()) return {};
  return directory;
}

// Takes parts of a block out of it. The header and the first directory are never erased, and of what a hostile block
// names many times only so much that it is done soon.
class Eraser {
 public:
  // The bytes outlive it and keep their size.
  Eraser(std::vector<std::byte>* bytes, bool big)
      : block(*bytes, big), bytes_(*bytes), big_(big), left_(2 * bytes->size()) {}

  std::span<std::byte> At(size_t at, size_t count) { return std::span(bytes_).subspan(at, count); }

  void Write(size_t at, size_t count, uint32_t number) {
    for (size_t i = 0; i < count; ++i)
      bytes_[at + (big_ ? count - 1 - i : i)] = static_cast<std::byte>(number >> (8 * i));
  }

  void Erase(size_t from, size_t count) {
    from = std::min(from, bytes_.size());
    count = std::min(count, bytes_.size() - from);
    if (count > left_) {
      gave_up = true;
      return;
    }
    left_ -= count;
    for (size_t i = from; i < from + count; ++i) {
      if (i >= kHeaderBytes && (i < kept.at || i >= kept.end() + 4)) bytes_[i] = std::byte{0};
    }
  }

  // With the values that stand elsewhere.
  void Erase(const Directory& directory) {
    for (size_t i = 0; i < directory.entries && !gave_up; ++i) {
      const size_t entry = directory.Entry(i), bytes = ValueBytes(entry);
      if (bytes > 4) Erase(block.Number(entry + 8, 4), bytes);
    }
    Erase(directory.at, directory.end() + 4 - directory.at);
  }

  size_t ValueBytes(size_t entry) const {
    const uint32_t type = block.Number(entry + 2, 2);
    return type < std::size(kTypeBytes) ? kTypeBytes[type] * block.Number(entry + 4, 4) : 0;
  }

  // Whole numbers.
  std::vector<size_t> Values(size_t entry) const {
    const size_t bytes = ValueBytes(entry), each = block.Number(entry + 2, 2) == kShort ? 2 : 4;
    const size_t at = bytes <= 4 ? entry + 8 : block.Number(entry + 8, 4);
    std::vector<size_t> values;
    if (at > block.size() || bytes > block.size() - at) return values;
    for (size_t i = 0; i + each <= bytes; i += each) values.push_back(block.Number(at + i, each));
    return values;
  }

  const Block block;
  Directory kept;
  bool gave_up = false;

 private:
  std::vector<std::byte>& bytes_;
  const bool big_;
  size_t left_;
};

// Where the thumbnail of a directory lies, as begin and length.
std::vector<std::pair<size_t, size_t>> Thumbnails(const Eraser& eraser, const Directory& directory) {
  std::vector<std::pair<size_t, size_t>> parts;
  for (const auto& tags : kThumbnailTags) {
    std::vector<size_t> values[2];
    for (size_t i = 0; i < directory.entries; ++i) {
      for (const int k : {0, 1}) {
        if (eraser.block.Number(directory.Entry(i), 2) == tags[k] && values[k].empty())
          values[k] = eraser.Values(directory.Entry(i));
      }
    }
    for (size_t i = 0; i < std::min(values[0].size(), values[1].size()); ++i)
      parts.emplace_back(values[0][i], values[1][i]);
  }
  return parts;
}

}  // namespace

Result<int> ExifOrientation(std::span<const std::byte> exif) {
  exif = WithoutPrefix(exif);
  const bool big = IsBig(exif);
  if (!big && !StartsWith(exif, "II*\0", 4)) return Status::Error(Code::kRefused, "no TIFF header");
  const Block block(exif, big);
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

std::vector<std::byte> UprightExif(std::span<const std::byte> exif) {
  if (!ExifOrientation(exif).ok()) return {};
  exif = WithoutPrefix(exif);
  std::vector<std::byte> bytes(exif.begin(), exif.end());
  Eraser eraser(&bytes, IsBig(exif));
  const auto first = DirectoryAt(eraser.block, eraser.block.Number(4, 4));
  if (!first) return {};
  eraser.kept = *first;
  for (size_t i = 0; i < first->entries; ++i) {
    const size_t entry = first->Entry(i);
    if (eraser.block.Number(entry, 2) != kOrientationTag) continue;
    eraser.Write(entry + 2, 2, kShort);
    eraser.Write(entry + 4, 4, 1);
    eraser.Write(entry + 8, 4, 0);
    eraser.Write(entry + 8, 2, 1);
  }
  if (bytes.size() - first->end() < 4) return bytes;
  const auto second = DirectoryAt(eraser.block, eraser.block.Number(first->end(), 4));
  eraser.Write(first->end(), 4, 0);
  if (!second || second->at == first->at) return bytes;
  size_t end = bytes.size();
  for (const auto& [begin, count] : Thumbnails(eraser, *second)) {
    eraser.Erase(begin, count);
    if (begin < end && count >= end - begin) end = std::max(begin, first->end() + 4);
  }
  eraser.Erase(*second);
  if (eraser.gave_up) return {};
  bytes.resize(end);
  return bytes;
}

bool ExifTellsPlace(std::span<const std::byte> exif) {
  if (exif.size() < kHeaderBytes) return false;
  const Block block(exif, IsBig(exif));
  const auto first = DirectoryAt(block, block.Number(4, 4));
  for (size_t i = 0; first && i < first->entries; ++i) {
    if (block.Number(first->Entry(i), 2) == kPlaceTag) return true;
  }
  return false;
}

std::vector<std::byte> ExifWithoutPlace(std::vector<std::byte> exif) {
  if (!ExifTellsPlace(exif)) return exif;
  Eraser eraser(&exif, IsBig(exif));
  const Directory first = *DirectoryAt(eraser.block, eraser.block.Number(4, 4));
  eraser.kept = first;
  size_t entry = first.Entry(0);
  while (eraser.block.Number(entry, 2) != kPlaceTag) entry += kEntryBytes;
  if (const auto place = DirectoryAt(eraser.block, eraser.block.Number(entry + 8, 4)); place && place->at != first.at)
    eraser.Erase(*place);
  // The entries behind it and the place of the next directory move up.
  const auto rest = eraser.At(entry, std::min(exif.size(), first.end() + 4) - entry);
  std::shift_left(rest.begin(), rest.end(), kEntryBytes);
  std::ranges::fill(rest.last(kEntryBytes), std::byte{0});
  eraser.Write(first.at, 2, static_cast<uint32_t>(first.entries - 1));
  if (eraser.gave_up || ExifTellsPlace(exif)) exif.clear();
  return exif;
}

}  // namespace mien
