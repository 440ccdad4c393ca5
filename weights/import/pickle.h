// A pickle read as data. The machine knows the opcodes and the handful of names that checkpoints are made of
// (networks.md, "Pickles") and turns them into plain values; it never imports, calls or executes anything. Every other
// name stays a name: what is made with it is an inert object. Names that only an attack asks for are refused
// (pickle_attacks.cc). (Opcodes: the Python standard library's pickletools.)
#pragma once

#include <functional>
#include <memory>
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
  kBytes,       // in the file
  kOwnedBytes,  // index into PickleTree::owned: bytes that the pickle holds in another form
  kList,
  kTuple,
  kDict,
  kSet,
  kGlobal,   // a name that means something here
  kName,     // any other; its text is module.name
  kObject,   // what a call of such a name makes: a container of the name and the state (None: it got none)
  kSkipped,  // a number, array or tensor that is not read; its text says what it is
  kStorage,  // index into PickleTree::storages
  kTensor,   // index into PickleTree::tensors
  kArray,    // a numpy array before its state
  kModule,   // a persistent object of NVIDIA's: `index` is the value id of its dict
  kType,     // a numpy dtype: the DType, or the text of one that is not read (then index > 0)
};

using ValueId = uint32_t;

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  uint32_t index = 0;  // container, storage, tensor, module dict, global; length of a text
  union {
    int64_t integer;  // of a dictionary: 1 where its state is its content (argparse.Namespace)
    double real;
    uint64_t at;  // texts, kLong: place in the pool; kBytes: place in the source
  };
  PickleValue() : integer(0) {}
};

enum class PickleGlobal : uint8_t {
  kDict,
  kAttributes,
  kSet,
  kList,
  kSize,
  kRebuildTensor,
  kRebuildOther,
  kRebuildParameter,
  kRebuildSubclass,
  kReconstructor,
  kLoadFromBytes,
  kPersistentObject,
  kNumpyType,
  kNumpyScalar,
  kNumpyArray,
  kNumpyBuffer,
  kEncode,
  kAttribute,
  kStorageType,
};

// What a storage is made of. `other`: the name of a type that no network here is made of; such elements are
// counted.
struct ElementType {
  DType type = DType::kF32;
  uint64_t bytes = 4;
  const char* other = nullptr;
};

struct PickleStorage {
  ForeignStorage place;
  const char* other = nullptr;
};

struct PickleTree {
  std::vector<PickleValue> values;
  std::vector<std::vector<ValueId>> containers;  // dictionaries: key, value, key, value
  std::string pool;
  std::vector<PickleStorage> storages;
  std::vector<ForeignTensor> tensors;  // without names
  std::vector<uint32_t>
      tensor_storage;  // storage of each tensor, or kNoStorage (legacy files learn its place later)
  std::vector<std::shared_ptr<const ByteSource>> owned;
  ValueId root = 0;
  uint64_t end = 0;  // position after STOP

  static constexpr uint32_t kNoStorage = UINT32_MAX;

  const PickleValue& operator[](ValueId id) const { return values[id]; }
  std::string_view Text(const PickleValue& value) const {
    return std::string_view(pool).substr(value.at, value.index);
  }
  const std::vector<ValueId>& Items(const PickleValue& value) const { return containers[value.index]; }
};

// What a persistent id names: ('storage', type, key, location, elements[, view]).
struct PersistentId {
  ElementType type;
  std::string key;
  uint64_t elements = 0;
  bool has_view = false;
  uint64_t view_offset = 0, view_elements = 0;
};

struct PickleOptions {
  // Gives the storage of a persistent id; absent: persistent ids are refused.
  std::function<Result<ForeignStorage>(const PersistentId& id, uint32_t storage_index)> persistent;
  // Reads the storage that a byte string of the pickle holds (networks.md, "Module pickles of NVIDIA"); absent:
  // refused.
  std::function<Result<ForeignStorage>(uint64_t begin, uint64_t bytes)> embedded;
};

Result<PickleTree> ReadPickle(const std::shared_ptr<const ByteSource>& source, uint64_t begin, uint64_t end,
                              const PickleOptions& options, Budget& budget);

// Dotted paths for everything below the root: tensors, scalars, and what was not read.
Status Flatten(const PickleTree& tree, ForeignFile* file, Budget& budget);

// pickle_attacks.cc: true for a name that no checkpoint needs and that attacks are made of.
bool IsAttack(std::string_view module, std::string_view name);

}  // namespace mien
