// What every foreign reader hands back: named tensors that still lie in the file, and the scalars beside
// them. Plain data; nothing of the foreign program survives.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "runtime/base/file.h"
#include "runtime/base/tensor.h"

namespace mien {

// A run of elements of one type somewhere in a source.
struct ForeignStorage {
  DType type = DType::kF32;
  uint64_t elements = 0;
  uint64_t begin = 0;  // byte position of element 0
  std::shared_ptr<const ByteSource> source;
};

// A strided view of a storage. The reader that made it checked that every element lies inside the storage.
struct ForeignTensor {
  std::string name;  // logical dotted path, e.g. g_ema.conv1.conv.weight, nested.0.t
  DType type = DType::kF32;
  Shape shape;
  int64_t strides[Shape::kMaxRank] = {0, 0, 0, 0, 0};  // in elements, never negative
  uint64_t offset = 0;                                 // in elements
  ForeignStorage storage;

  uint64_t bytes() const { return static_cast<uint64_t>(shape.elements()) * DTypeBytes(type); }
};

// monostate: None. A function reference is its dotted name.
using ForeignScalar = std::variant<std::monostate, bool, int64_t, double, std::string>;

struct ForeignFile {
  std::string kind;  // "torch zip", "torch legacy", "pickle", "npz", "npy", "safetensors"
  std::vector<ForeignTensor> tensors;
  std::map<std::string, ForeignScalar> scalars;  // by dotted path
  std::map<std::string, std::string> unread;     // what lies there and was not read, by path: what it is
  std::map<std::string, std::string> metadata;   // safetensors only

  const ForeignTensor* Find(const std::string& name) const;  // null: not there
  void Index();                                              // after `tensors` changed

 private:
  std::map<std::string, size_t> index_;
};

// Refuses a view that leaves its storage, has negative numbers, or blows up a tiny storage into a huge
// tensor.
Status CheckView(const ForeignTensor& tensor);

// The tensor's elements in row-major order, type unchanged, into `out` (resized).
Status ReadContiguous(const ForeignTensor& tensor, std::vector<std::byte>* out);

// Row-major strides of a shape.
void SetContiguous(ForeignTensor* tensor);

// Bytes in memory that outlive their reader (an inflated archive member).
std::shared_ptr<const ByteSource> OwnedSource(std::vector<std::byte> bytes);

}  // namespace mien
