#include "weights/import/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <memory>

#include "base/checked.h"
#include "weights/header.h"

namespace mien {
namespace {

constexpr uint64_t kMaxEntries = 65536;  // an e4e checkpoint with training data has a few thousand
constexpr uint64_t kMaxDirectory = 16 << 20;
constexpr size_t kMaxName = 512;

uint64_t Get(const std::byte* p, int bytes) {
  uint64_t value = 0;
  for (int i = bytes; i-- > 0;) value = value << 8 | static_cast<uint64_t>(p[i]);
  return value;
}

Status Refuse(const char* what) { return Status::Error(Code::kRefused, "zip: %s", what); }

bool ChecksumMatches(uLong found, uint32_t expected) {
#ifdef MIEN_FUZZ_TRUST_CHECKSUMS
  (void)found, (void)expected;  // lets mutations reach what lies behind the checksum
  return true;
#else
  return found == expected;
#endif
}

struct Directory {
  uint64_t begin = 0, bytes = 0, entries = 0;
};

// End record, with its zip64 form in front where there is one (4.3.14 to 4.3.16). It must be the very end.
Result<Directory> FindDirectory(const ByteSource& source) {
  const uint64_t size = source.size();
  std::byte end[22];
  if (size < 22) return Refuse("too short");
  MIEN_TRY(source.ReadAt(size - 22, end));
  if (Get(end, 4) != 0x06054b50 || Get(end + 20, 2) != 0) {
    return Refuse("the end record is not at the end of the file (bytes after it, a comment, or truncated)");
  }
  if (Get(end + 4, 2) != 0 || Get(end + 6, 2) != 0 || Get(end + 8, 2) != Get(end + 10, 2)) {
    return Refuse("an archive of several parts");
  }
  Directory directory{Get(end + 16, 4), Get(end + 12, 4), Get(end + 10, 2)};
  const Directory narrow = directory;
  uint64_t directory_end = size - 22;

  std::byte locator[20];
  const bool has_room = size >= 22 + 20 + 56;
  if (has_room) MIEN_TRY(source.ReadAt(size - 22 - 20, locator));
  if (has_room && Get(locator, 4) == 0x07064b50) {
    const uint64_t at = size - 22 - 20 - 56;
    std::byte wide[56];
    MIEN_TRY(source.ReadAt(at, wide));
    if (Get(locator + 4, 4) != 0 || Get(locator + 8, 8) != at || Get(locator + 16, 4) != 1 ||
        Get(wide, 4) != 0x06064b50 || Get(wide + 4, 8) != 44 || Get(wide + 16, 4) != 0 ||
        Get(wide + 20, 4) != 0 || Get(wide + 24, 8) != Get(wide + 32, 8)) {
      return Refuse("the zip64 end record is not as it should be");
    }
    directory = {Get(wide + 48, 8), Get(wide + 40, 8), Get(wide + 32, 8)};
    const auto agrees = [](uint64_t small, uint64_t large, uint64_t full) {
      return small == full || small == large;
    };
    if (!agrees(narrow.begin, directory.begin, 0xffffffff) ||
        !agrees(narrow.bytes, directory.bytes, 0xffffffff) ||
        !agrees(narrow.entries, directory.entries, 0xffff)) {
      return Refuse("the end record and its zip64 form differ");
    }
    directory_end = at;
  }
  const auto end_at = CheckedAdd(directory.begin, directory.bytes);
  if (!end_at || *end_at != directory_end)
    return Refuse("the directory does not end where the end record begins");
  if (directory.entries > kMaxEntries || directory.bytes > kMaxDirectory) return Refuse("too many entries");
  return directory;
}

// 64-bit sizes of the extra field 0x0001 (4.5.3), in the fixed order, for those fields that say 0xffffffff.
Status ReadZip64Extra(std::span<const std::byte> extra, std::span<uint64_t* const> fields) {
  std::span<const std::byte> wide;
  bool found = false;
  while (extra.size() >= 4) {
    const uint64_t id = Get(extra.data(), 2), bytes = Get(extra.data() + 2, 2);
    if (bytes > extra.size() - 4) return Refuse("an extra field that leaves its record");
    if (id == 1 && found) return Refuse("two zip64 fields");
    if (id == 1) {
      found = true;
      wide = extra.subspan(4, bytes);
    }
    extra = extra.subspan(4 + bytes);
  }
  if (!extra.empty()) return Refuse("an extra field that leaves its record");
  for (uint64_t* field : fields) {
    if (*field != 0xffffffff) continue;
    if (wide.size() < 8) return Refuse("a zip64 size is missing");
    *field = Get(wide.data(), 8);
    wide = wide.subspan(8);
  }
  return {};
}

Status CheckName(const std::string& name) {
  const std::string shown = Printable(name);
  const bool escapes = name.empty() || name[0] == '/' || name.find('\\') != std::string::npos ||
                       ("/" + name + "/").find("/../") != std::string::npos ||
                       name.find("//") != std::string::npos || name.find(':') != std::string::npos;
  const bool odd = !IsValidUtf8(name) || std::any_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (escapes || odd)
    return Status::Error(Code::kRefused, "zip: \"%s\" is no name of a member", shown.c_str());
  return {};
}

struct CentralEntry : ZipEntry {
  uint64_t flags = 0, method = 0, local = 0;
};

bool IsFolder(const ZipEntry& entry) { return entry.name.back() == '/'; }

// One record of the directory (4.3.12); advances `*at`.
Status ReadCentral(std::span<const std::byte> directory, size_t* at, CentralEntry* entry) {
  const auto rest = directory.subspan(*at);
  if (rest.size() < 46 || Get(rest.data(), 4) != 0x02014b50)
    return Refuse("a directory entry is not where it should be");
  const std::byte* p = rest.data();
  entry->flags = Get(p + 8, 2);
  entry->method = Get(p + 10, 2);
  entry->crc = static_cast<uint32_t>(Get(p + 16, 4));
  entry->packed_bytes = Get(p + 20, 4);
  entry->bytes = Get(p + 24, 4);
  const size_t name = Get(p + 28, 2), extra = Get(p + 30, 2), comment = Get(p + 32, 2);
  entry->local = Get(p + 42, 4);
  if (rest.size() - 46 < name + extra + comment || name > kMaxName || comment != 0) {
    return Refuse("a directory entry leaves the directory, has a long name or a comment");
  }
  entry->name.assign(reinterpret_cast<const char*>(p + 46), name);
  MIEN_TRY(CheckName(entry->name));
  uint64_t* const fields[] = {&entry->bytes, &entry->packed_bytes, &entry->local};
  MIEN_TRY(ReadZip64Extra(rest.subspan(46 + name, extra), fields));
  const uint64_t unix_mode = Get(p + 38, 4) >> 16;
  if (Get(p + 34, 2) != 0 || (Get(p + 5, 1) == 3 && (unix_mode & 0170000) == 0120000)) {
    return Refuse("a member in another part, or a symbolic link");
  }
  *at += 46 + name + extra;
  return {};
}

Status CheckMethod(const CentralEntry& entry) {
  constexpr uint64_t kDescriptor = 1 << 3, kUtf8 = 1 << 11, kDeflateLevel = 3 << 1;
  const bool deflated = entry.method == 8;
  const uint64_t allowed = kDescriptor | kUtf8 | (deflated ? kDeflateLevel : 0);
  const std::string name = Printable(entry.name);
  if ((entry.flags & ~allowed) != 0) {
    return Status::Error(Code::kRefused, "zip: %s: flags 0x%04x (encrypted or patched)", name.c_str(),
                         static_cast<unsigned>(entry.flags));
  }
  if (entry.method != 0 && !deflated) {
    return Status::Error(Code::kRefused,
                         "zip: %s is compressed by method %u; only stored and deflated members are read",
                         name.c_str(), static_cast<unsigned>(entry.method));
  }
  if (IsFolder(entry) && entry.bytes != 0)
    return Status::Error(Code::kRefused, "zip: %s is a folder with content", name.c_str());
  if (!deflated && entry.packed_bytes != entry.bytes) {
    return Status::Error(Code::kRefused, "zip: %s: two sizes of a stored member differ", name.c_str());
  }
  return {};
}

// The local header (4.3.7) says the same, or zeros where a data descriptor (4.3.9) follows. `*end` becomes
// the first byte after the member.
Status CheckLocal(const ByteSource& source, CentralEntry* entry, uint64_t directory_begin, uint64_t* end) {
  const auto refuse = [&](const char* what) {
    return Status::Error(Code::kRefused, "zip: %s: %s", Printable(entry->name).c_str(), what);
  };
  std::byte p[30];
  if (entry->local > directory_begin || directory_begin - entry->local < 30)
    return refuse("its header lies outside");
  MIEN_TRY(source.ReadAt(entry->local, p));
  if (Get(p, 4) != 0x04034b50) return refuse("no header where the directory says");
  const uint64_t name = Get(p + 26, 2), extra = Get(p + 28, 2);
  const uint64_t begin = entry->local + 30 + name + extra;  // far below 2^64: local is inside the file
  if (name != entry->name.size() || begin > directory_begin ||
      directory_begin - begin < entry->packed_bytes) {
    return refuse("its data lie outside, or its names differ");
  }
  std::vector<std::byte> tail(name + extra);
  MIEN_TRY(source.ReadAt(entry->local + 30, tail));
  if (std::memcmp(tail.data(), entry->name.data(), name) != 0) return refuse("its two names differ");
  const bool descriptor = (entry->flags & 8) != 0;
  uint64_t packed = Get(p + 18, 4), bytes = Get(p + 22, 4);
  uint64_t* const fields[] = {&bytes, &packed};
  // torch pads this extra field with a made-up one; only sizes that ask for zip64 make its format matter.
  if (packed == 0xffffffff || bytes == 0xffffffff)
    MIEN_TRY(ReadZip64Extra(std::span(tail).subspan(name), fields));
  const bool empty = descriptor && packed == 0 && bytes == 0 && Get(p + 14, 4) == 0;
  const bool same = packed == entry->packed_bytes && bytes == entry->bytes && Get(p + 14, 4) == entry->crc;
  if (Get(p + 6, 2) != entry->flags || Get(p + 8, 2) != entry->method || !(empty || same)) {
    return refuse("its header and the directory differ");
  }
  entry->begin = begin;
  entry->deflated = entry->method == 8;
  *end = begin + entry->packed_bytes;
  if (!descriptor) return {};
  std::byte d[24];
  const uint64_t room = std::min<uint64_t>(24, directory_begin - *end);
  if (room < 16) return refuse("its data descriptor is missing");
  MIEN_TRY(source.ReadAt(*end, std::span(d).first(room)));
  if (Get(d, 4) != 0x08074b50 || Get(d + 4, 4) != entry->crc) return refuse("its data descriptor differs");
  if (Get(d + 8, 4) == entry->packed_bytes && Get(d + 12, 4) == entry->bytes &&
      !(room == 24 && entry->bytes == 0 && Get(d + 16, 8) == 0)) {
    *end += 16;
  } else if (room == 24 && Get(d + 8, 8) == entry->packed_bytes && Get(d + 16, 8) == entry->bytes) {
    *end += 24;
  } else {
    return refuse("its data descriptor differs");
  }
  return {};
}

}  // namespace

Result<std::vector<ZipEntry>> ReadZip(const ByteSource& source, Budget& budget) {
  MIEN_ASSIGN(const Directory where, FindDirectory(source));
  if (!budget.Memory(where.bytes)) return budget.Spent();
  std::vector<std::byte> directory(where.bytes);
  MIEN_TRY(source.ReadAt(where.begin, directory));
  std::vector<CentralEntry> entries;
  size_t at = 0;
  for (uint64_t i = 0; i < where.entries; ++i) {
    CentralEntry entry;
    MIEN_TRY(ReadCentral(directory, &at, &entry));
    MIEN_TRY(CheckMethod(entry));
    // Two reads of its header, its place in four lists.
    if (!budget.Work(64) || !budget.Memory(4 * sizeof(CentralEntry) + 2 * entry.name.size()))
      return budget.Spent();
    entries.push_back(std::move(entry));
  }
  if (at != directory.size()) return Refuse("bytes after the last directory entry");

  std::vector<CentralEntry*> order;
  for (CentralEntry& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->name < b->name; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (order[i]->name == order[i - 1]->name)
      return Status::Error(Code::kRefused, "zip: %s is there twice", Printable(order[i]->name).c_str());
  }
  std::sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->local < b->local; });
  uint64_t next = 0;
  for (CentralEntry* entry : order) {
    if (entry->local != next) {
      return Status::Error(Code::kRefused,
                           "zip: %s starts at byte %" PRIu64 ", %" PRIu64 " expected (overlap or gap)",
                           Printable(entry->name).c_str(), entry->local, next);
    }
    MIEN_TRY(CheckLocal(source, entry, where.begin, &next));
  }
  if (next != where.begin) return Refuse("bytes between the last member and the directory");
  std::vector<ZipEntry> members;
  for (CentralEntry& entry : entries) {
    if (!IsFolder(entry)) members.push_back(std::move(entry));
  }
  return members;
}

namespace {

// In pieces, like everything that reads a whole member.
constexpr uint64_t kPiece = 1 << 16;

Status CheckSum(const ZipEntry& entry, uLong found) {
  if (ChecksumMatches(found, entry.crc)) return {};
  return Status::Error(Code::kRefused, "zip: %s is damaged: checksum %08lx, %08x stated",
                       Printable(entry.name).c_str(), found, entry.crc);
}

uLong AddCrc(uLong crc, std::span<const std::byte> bytes) {
  return crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
}

Status Verify(const ByteSource& source, const ZipEntry& entry) {
  std::vector<std::byte> piece(std::min(kPiece, entry.bytes));
  uLong crc = crc32_z(0, nullptr, 0);
  for (uint64_t done = 0; done < entry.bytes;) {
    const auto part = std::span(piece).first(std::min<uint64_t>(piece.size(), entry.bytes - done));
    MIEN_TRY(source.ReadAt(entry.begin + done, part));
    crc = AddCrc(crc, part);
    done += part.size();
  }
  return CheckSum(entry, crc);
}

// The packed bytes must end where the unpacked ones do.
Status Inflate(const ByteSource& source, const ZipEntry& entry, z_stream* stream,
               std::vector<std::byte>* bytes) {
  std::vector<std::byte> piece(std::min(kPiece, entry.packed_bytes));
  std::byte nothing;  // zlib wants an address even for no bytes
  uint64_t taken = 0, made = 0;
  for (int outcome = Z_OK; outcome != Z_STREAM_END;) {
    if (stream->avail_in == 0) {
      const auto part = std::span(piece).first(std::min<uint64_t>(piece.size(), entry.packed_bytes - taken));
      MIEN_TRY(source.ReadAt(entry.begin + taken, part));
      taken += part.size();
      stream->next_in = reinterpret_cast<Bytef*>(part.data());
      stream->avail_in = static_cast<uInt>(part.size());
    }
    const uint64_t room = std::min<uint64_t>(bytes->size() - made, 1 << 30);
    stream->next_out = reinterpret_cast<Bytef*>(bytes->empty() ? &nothing : bytes->data() + made);
    stream->avail_out = static_cast<uInt>(room);
    outcome = inflate(stream, Z_NO_FLUSH);
    made += room - stream->avail_out;
    if (outcome == Z_MEM_ERROR) return Status::Error(Code::kMemory, "zip: no memory to unpack");
    if (outcome != Z_OK && outcome != Z_STREAM_END) break;
  }
  if (taken == entry.packed_bytes && stream->avail_in == 0 && made == entry.bytes) return {};
  return Status::Error(Code::kRefused, "zip: %s does not unpack to the stated %" PRIu64 " bytes",
                       Printable(entry.name).c_str(), entry.bytes);
}

}  // namespace

Result<ZipData> OpenZipEntry(const std::shared_ptr<const ByteSource>& source, const ZipEntry& entry,
                             Budget& budget) {
  if (!entry.deflated) {
    MIEN_TRY(Verify(*source, entry));
    return ZipData{source, entry.begin, entry.bytes};
  }
  if (!budget.Memory(entry.bytes)) {
    return budget.Spent().Within("zip: %s unpacks to %" PRIu64
                                 " bytes (`zip -0` makes an archive without compression)",
                                 Printable(entry.name).c_str(), entry.bytes);
  }
  std::vector<std::byte> bytes(entry.bytes);
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return Status::Error(Code::kMemory, "zip: no memory to unpack");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> ended(&stream, inflateEnd);
  MIEN_TRY(Inflate(*source, entry, &stream, &bytes));
  MIEN_TRY(CheckSum(entry, AddCrc(crc32_z(0, nullptr, 0), bytes)));
  return ZipData{OwnedSource(std::move(bytes)), 0, entry.bytes};
}

}  // namespace mien
