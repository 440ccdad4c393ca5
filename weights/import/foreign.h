// What every foreign reader hands back: named tensors that still lie in the file, the settings beside them,
// and the names of what was not read. Plain data; nothing of the foreign program survives.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/file.h"
#include "base/tensor.h"
#include "weights/import/budget.h"
#include "weights/quantization.h"

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
  std::optional<Quantization> quantization;  // of U8 alone

  uint64_t bytes() const { return static_cast<uint64_t>(shape.elements()) * DTypeBytes(type); }
};

// monostate: None. A reference to a function, a class or a torch type is its dotted name ("torch.float32").
using ForeignScalar = std::variant<std::monostate, bool, int64_t, double, std::string>;

// Whatever holds a value (dict, OrderedDict, defaultdict, Namespace, EasyDict, list, tuple, the attributes of
// an object of an unknown class), its path is the same: names and indices joined by dots, e.g.
// opts.encoder_type, minmax.0.1.
struct ForeignFile {
  std::string kind;  // "torch zip", "torch legacy", "pickle", "npz", "safetensors"
  std::vector<ForeignTensor> tensors;
  std::map<std::string, ForeignScalar> scalars;
  // What lies in the file and was not read, by path (empty: the whole file), and what it is: "a F8_E4M3
  // tensor [2,3]", "a pickled module of class net.Generator (...)", "an object of class pathlib.PosixPath".
  // Nobody minds, unless a tensor or a setting is needed that Unread() finds here.
  std::map<std::string, std::string> unread;
  std::map<std::string, std::string> metadata;  // safetensors only

  const ForeignTensor* Find(const std::string& name) const;  // null: not there
  // Why a name that is neither a tensor nor a scalar cannot be known, e.g. "args is an object of class
  // x.Options": it, or something above it, was not read. Empty: it is simply not there.
  std::string Unread(const std::string& name) const;

  // For readers, after the last tensor. Tensors of one name count as not read: nobody knows which is meant.
  // Refuses tensors that together repeat the bytes of the file too often.
  Status Finish(uint64_t file_bytes);

 private:
  void Sort();

  std::vector<uint32_t> order_;  // of the tensors, by name
};

// What a tensor costs until it is written or reported somewhere: its entries here, names and rows there.
uint64_t MemoryOf(const std::string& tensor_name);

// Refuses a view that leaves its storage, has negative numbers, or blows up a tiny storage into a huge
// tensor.
Status CheckView(const ForeignTensor& tensor);

// The tensor's elements in row-major order, type unchanged, into `out` (resized).
Status ReadContiguous(const ForeignTensor& tensor, std::vector<std::byte>* out);

// The same in pieces: all of a few megabytes, or a sixteenth of the tensor where that is more.
Status ForEachPiece(const ForeignTensor& tensor,
                    const std::function<Status(std::span<const std::byte>)>& take);

// Row-major strides of a shape.
void SetContiguous(ForeignTensor* tensor);

// A float tensor of its own, row-major.
ForeignTensor OwnedTensor(const std::string& name, const Shape& shape, std::vector<std::byte> floats);

// Bytes in memory that outlive their reader (an inflated archive member).
std::shared_ptr<const ByteSource> OwnedSource(std::vector<std::byte> bytes);

}  // namespace mien
