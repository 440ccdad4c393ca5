// Owned, 64-byte aligned memory whose allocation can fail politely.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace mien {

class Buffer {
 public:
  Buffer() = default;
  // `what` names the purpose in the error message. Zero bytes give an empty buffer. Memory is zeroed; a stop
  // (interrupt.h) ends that early.
  static Result<Buffer> Create(uint64_t bytes, const char* what);
  // The same for what is written whole before it is read: nothing is zeroed.
  static Result<Buffer> Uninitialised(uint64_t bytes, const char* what);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  std::byte* data() const { return data_; }
  uint64_t bytes() const { return bytes_; }
  template <class T>
  T* as() const { return reinterpret_cast<T*>(data_); }

 private:
  std::byte* data_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace mien
