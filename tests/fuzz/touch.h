// A parser that accepts nonsense lazily looks clean: read every byte of everything that was accepted.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "weights/container.h"
#include "weights/import/detect.h"
#include "weights/import/readers.h"
#include "weights/schema.h"

namespace mien::fuzz {

inline volatile unsigned char g_sink;

inline void TouchBytes(std::span<const std::byte> bytes) {
  unsigned char sum = 0;
  for (std::byte byte : bytes) sum = static_cast<unsigned char>(sum + static_cast<unsigned char>(byte));
  g_sink = sum;
}

[[noreturn]] inline void Bug(const char* what) {
  std::fprintf(stderr, "bug: %s\n", what);
  std::abort();
}

inline void Touch(const TensorFile& file) {
  std::vector<std::byte> bytes;
  std::vector<float> floats;
  for (const TensorEntry& entry : file.tensors()) {
    bytes.resize(entry.bytes);
    if (file.Read(entry, bytes).ok()) TouchBytes(bytes);
    floats.resize(static_cast<size_t>(entry.shape.elements()));
    if (file.ReadFloats(entry, floats).ok()) TouchBytes(std::as_bytes(std::span(floats)));
    if (file.Find(entry.name) == nullptr) Bug("a tensor that cannot be found");
  }
}

inline void Touch(const ForeignFile& file) {
  std::vector<std::byte> bytes;
  uint64_t budget = 1 << 20;  // views may repeat a storage; their limits are a matter of the unit tests
  for (const ForeignTensor& tensor : file.tensors) {
    if (tensor.bytes() > budget) break;
    budget -= tensor.bytes();
    const Status status = ReadContiguous(tensor, &bytes);
    if (!status.ok()) Bug("an accepted tensor lies outside the file");
    TouchBytes(bytes);
  }
  std::vector<std::string> notes;
  const auto components = DetectComponents(file, &notes);
  if (!components.ok()) return;
  for (const FoundComponent& found : *components) {
    const auto specs = ExpectedTensors(found.config);
    if (specs.size() != found.tensors.size()) Bug("a component without all of its tensors");
    for (size_t i = 0; i < specs.size(); ++i) {
      if (!(specs[i].shape == found.tensors[i].shape)) Bug("a component with a wrong shape");
    }
  }
}

inline std::shared_ptr<const ByteSource> Borrow(const uint8_t* data, size_t size) {
  return std::make_shared<MemorySource>(std::as_bytes(std::span(data, size)));
}

}  // namespace mien::fuzz
