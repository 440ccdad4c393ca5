#include "runtime/base/buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "runtime/base/checked.h"

namespace mien {

Result<Buffer> Buffer::Create(uint64_t bytes, const char* what) {
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
  std::memset(memory, 0, *rounded);
  buffer.data_ = static_cast<std::byte*>(memory);
  buffer.bytes_ = bytes;
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
