// Zip archives of checkpoints (PKWARE APPNOTE 4.3): the central directory rules, local headers must agree
// with it, and every byte of the file belongs to exactly one entry or record. Nothing before, between or
// after.
#pragma once

#include <string>
#include <vector>

#include "weights/import/foreign.h"

namespace mien {

struct ZipEntry {
  std::string name;
  bool deflated = false;
  uint32_t crc = 0;
  uint64_t packed_bytes = 0, bytes = 0;
  uint64_t begin = 0;  // of the (packed) data in the file
};

// Deflated entries are refused unless `allow_deflate` (torch archives are stored; spec i.1, i.6).
Result<std::vector<ZipEntry>> ReadZip(const ByteSource& source, bool allow_deflate);

// CRC-32 of a stored entry, in pieces.
Status VerifyZipEntry(const ByteSource& source, const ZipEntry& entry);

// The bytes of an entry, checked; at most `limit` of them.
Result<std::vector<std::byte>> ReadZipEntry(const ByteSource& source, const ZipEntry& entry, uint64_t limit);

}  // namespace mien
