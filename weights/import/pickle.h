// A pickle read as data. The machine knows the opcodes and the handful of names that checkpoints are made of
// (spec i.4) and turns them into plain values; it never imports, calls or executes anything. An unknown name
// or opcode is refused by name. (Opcodes: the Python standard library's pickletools.)
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "weights/import/foreign.h"

namespace mien {

enum class PickleKind : uint8_t {
  kNone,
  kBool,
  kInt,
  kLong,
  kFloat,
  kString,
  kBytes,
  kList,
  kTuple,
  kDict,
  kSet,
  kGlobal,   // an allowed name, inert
  kStorage,  // index into PickleTree::storages
  kTensor,   // index into PickleTree::tensors
  kModule,   // a persistent object of spec i.3: `index` is the value id of its dict
  kType,     // a numpy dtype
};

using ValueId = uint32_t;

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  uint32_t index = 0;  // container, storage, tensor, module dict, global; length of a string
  union {
    int64_t integer;
    double real;
    uint64_t at;  // kString, kLong: place in the pool; kBytes: place in the source
  };
  PickleValue() : integer(0) {}
};

enum class PickleGlobal : uint8_t {
  kOrderedDict,
  kEasyDict,
  kNamespace,
  kSet,
  kSize,
  kRebuildTensor,
  kRebuildParameter,
  kLoadFromBytes,
  kPersistentObject,
  kNumpyDtype,
  kNumpyScalar,
  kFunction,
  kStorageType,
};

struct PickleTree {
  std::vector<PickleValue> values;
  std::vector<std::vector<ValueId>> containers;  // dictionaries: key, value, key, value
  std::string pool;
  std::vector<ForeignStorage> storages;
  std::vector<ForeignTensor> tensors;    // without names
  std::vector<uint32_t> tensor_storage;  // storage of each tensor (legacy files learn its place later)
  ValueId root = 0;
  uint64_t end = 0;  // position after STOP

  const PickleValue& operator[](ValueId id) const { return values[id]; }
  std::string_view Text(const PickleValue& value) const {
    return std::string_view(pool).substr(value.at, value.index);
  }
  const std::vector<ValueId>& Items(const PickleValue& value) const { return containers[value.index]; }
};

// What a persistent id names: ('storage', type, key, location, elements[, view]).
struct PersistentId {
  DType type;
  std::string key;
  uint64_t elements = 0;
  bool has_view = false;
  uint64_t view_offset = 0, view_elements = 0;
};

struct PickleOptions {
  // Gives the storage of a persistent id; absent: persistent ids are refused.
  std::function<Result<ForeignStorage>(const PersistentId& id, uint32_t storage_index)> persistent;
  // Reads the storage that a byte string of the pickle holds (spec i.3); absent: refused.
  std::function<Result<ForeignStorage>(uint64_t begin, uint64_t bytes)> embedded;
};

Result<PickleTree> ReadPickle(const ByteSource& source, uint64_t begin, uint64_t end,
                              const PickleOptions& options);

// Dotted paths for everything below the root: tensors into `file->tensors`, scalars into `file->scalars`.
Status Flatten(const PickleTree& tree, ForeignFile* file);

}  // namespace mien
