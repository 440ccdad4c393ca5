#include "runtime/base/buffer.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include "runtime/base/checked.h"

namespace mien {

Result<Buffer> Buffer::Create(uint64_t bytes, const char* what) {
  Buffer buffer;
  if (bytes == 0) return buffer;
  const auto rounded = CheckedAlignUp(bytes, 64);
  void* memory = rounded ? std::aligned_alloc(64, *rounded) : nullptr;
  if (memory == nullptr) {
    return Status::Error(Code::kMemory, "%s: %llu bytes could not be allocated", what,
                         static_cast<unsigned long long>(bytes));
  }
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
