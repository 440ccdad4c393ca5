#include "base/buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/checked.h"
#include "base/interrupt.h"

namespace mien {

Result<Buffer> Buffer::Uninitialised(uint64_t bytes, const char* what) {
  Buffer buffer;
  if (bytes == 0) return buffer;
  constexpr uint64_t kHugePage = 2 << 20;
  const auto rounded = CheckedAlignUp(bytes, 64);
  const bool huge = bytes >= kHugePage;
  void* memory = nullptr;
  if (!rounded || posix_memalign(&memory, huge ? kHugePage : 64, *rounded) != 0) {
    return Status::Error(Code::kMemory, "%s: %llu bytes could not be allocated", what,
                         static_cast<unsigned long long>(bytes));
  }
  // Planes and panels lie far apart: with small pages the kernels would wait for address translations. A system that
  // has no huge pages refuses, which does no harm.
  if (huge) madvise(memory, *rounded, MADV_HUGEPAGE);
  buffer.data_ = static_cast<std::byte*>(memory);
  buffer.bytes_ = bytes;
  return buffer;
}

Result<Buffer> Buffer::Create(uint64_t bytes, const char* what) {
  MIEN_ASSIGN(Buffer buffer, Uninitialised(bytes, what));
  constexpr uint64_t kPiece = 16 << 20;  // milliseconds, also where the system has to find the pages
  for (uint64_t done = 0; done < bytes; done += kPiece) {
    MIEN_TRY(CheckInterrupt());
    std::memset(buffer.data() + done, 0, std::min(kPiece, bytes - done));
  }
  return buffer;
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Buffer::~Buffer() { std::free(data_); }

}  // namespace mien
