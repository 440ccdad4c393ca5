// Zip archives of checkpoints (PKWARE APPNOTE 4.3): the central directory rules, local headers must agree
// with it, and every byte of the file belongs to exactly one entry or record. Nothing before, between or
// after.
#pragma once

#include <memory>
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

// All members but folders.
Result<std::vector<ZipEntry>> ReadZip(const ByteSource& source, Budget& budget);

// Where the bytes of a member are: in the file itself, or unpacked in memory. Its checksum was right.
struct ZipData {
  std::shared_ptr<const ByteSource> source;
  uint64_t begin = 0, bytes = 0;
};
Result<ZipData> OpenZipEntry(const std::shared_ptr<const ByteSource>& source, const ZipEntry& entry,
                             Budget& budget);

}  // namespace mien
