// Checksums of the container: CRC-32C (Castagnoli, RFC 3720 appendix B.4) for damage, SHA-256 (FIPS 180-4) to
// name a source file. Crc32c itself is declared in container.h.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "base/file.h"

namespace mien {

class Sha256 {
 public:
  Sha256();
  void Update(std::span<const std::byte> bytes);
  std::array<uint8_t, 32> Finish();

 private:
  void Block(const uint8_t* block);
  uint32_t state_[8];
  uint64_t length_ = 0;
  uint8_t pending_[64];
};

std::string HexLower(std::span<const uint8_t> bytes);
// SHA-256 of a whole source as 64 lowercase digits, read in pieces.
Result<std::string> Sha256Hex(const ByteSource& source);

}  // namespace mien
