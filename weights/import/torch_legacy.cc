// Torch files before 1.6 (networks.md, "Legacy torch files"): five pickles in a row (magic number, protocol, machine,
// the object, the list of storage keys), then for each key its number of elements and its bytes.
#include <cinttypes>
#include <cstring>
#include <map>

#include "base/checked.h"
#include "weights/header.h"
#include "weights/import/pickle.h"
#include "weights/import/readers.h"

namespace mien {
namespace {

constexpr char kMagic[] =
    "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";  // 0x1950a86a20f9469cfc6c, little endian

Status Refuse(const char* what) { return Status::Error(Code::kRefused, "torch legacy: %s", what); }

// A storage as the object names it, before its place is known.
struct NamedStorage {
  ElementType type;
  uint64_t elements = 0;
  uint64_t begin = 0;
  bool placed = false;
};

struct Stream {
  PickleTree tree;
  std::map<std::string, NamedStorage> storages;
  std::vector<std::string> keys;       // of tree.storages, in their order
  std::vector<uint64_t> view_offsets;  // in elements
};

Status CheckPreamble(const SharedSource& source, uint64_t* at, uint64_t end, Budget& budget) {
  MIEN_ASSIGN(const PickleTree magic, ReadPickle(source, *at, end, {}, budget));
  const PickleValue& number = magic[magic.root];
  if (number.kind != PickleKind::kLong || magic.Text(number) != std::string_view(kMagic, 10)) {
    return Refuse("the magic number is wrong");
  }
  MIEN_ASSIGN(const PickleTree protocol, ReadPickle(source, magic.end, end, {}, budget));
  if (protocol[protocol.root].kind != PickleKind::kInt || protocol[protocol.root].integer != 1001) {
    return Refuse("protocol 1001 expected");
  }
  MIEN_ASSIGN(const PickleTree machine, ReadPickle(source, protocol.end, end, {}, budget));
  const PickleValue& about = machine[machine.root];
  bool little = false;
  if (about.kind == PickleKind::kDict) {
    const auto& items = machine.Items(about);
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      const PickleValue &key = machine[items[i]], &value = machine[items[i + 1]];
      if (key.kind == PickleKind::kString && machine.Text(key) == "little_endian") {
        little = value.kind == PickleKind::kBool && value.integer != 0;
      }
    }
  }
  if (!little) return Refuse("not written by a little endian machine");
  *at = machine.end;
  return {};
}

// The storage of a persistent id; one key has one type and one size.
Result<ForeignStorage> Name(const SharedSource& source, const PersistentId& id, Stream* stream) {
  const auto [found, inserted] =
      stream->storages.emplace(id.key, NamedStorage{id.type, id.elements, 0, false});
  if (!inserted && (found->second.type.type != id.type.type || found->second.type.other != id.type.other ||
                    found->second.elements != id.elements)) {
    return Status::Error(Code::kRefused, "storage %s has two types or sizes", Printable(id.key).c_str());
  }
  uint64_t elements = id.elements;
  if (id.has_view) {
    const auto end = CheckedAdd(id.view_offset, id.view_elements);
    if (!end || *end > id.elements) {
      return Status::Error(Code::kRefused, "storage %s: a view that leaves it", Printable(id.key).c_str());
    }
    elements = id.view_elements;
  }
  stream->keys.push_back(id.key);
  stream->view_offsets.push_back(id.has_view ? id.view_offset : 0);
  return ForeignStorage{id.type.type, elements, 0, source};
}

// The bytes of every storage, in the order of the key list, up to the very end.
Status PlaceStorages(const ByteSource& source, const PickleTree& keys, uint64_t end, Stream* stream) {
  const PickleValue& list = keys[keys.root];
  if (list.kind != PickleKind::kList) return Refuse("no list of storage keys");
  uint64_t at = keys.end;
  for (ValueId id : keys.Items(list)) {
    const PickleValue& key = keys[id];
    if (key.kind != PickleKind::kString) return Refuse("a storage key that is no text");
    const std::string name(keys.Text(key).substr(0, 65));
    const auto found = stream->storages.find(name);
    if (found == stream->storages.end() || found->second.placed) {
      return Status::Error(Code::kRefused, "torch legacy: storage %s is unknown or there twice",
                           Printable(name).c_str());
    }
    NamedStorage& storage = found->second;
    uint64_t count = 0;
    if (end - at < 8) return Refuse("truncated");
    MIEN_TRY(source.ReadAt(at, std::as_writable_bytes(std::span(&count, 1))));
    at += 8;
    const auto bytes = CheckedMul(storage.elements, storage.type.bytes);
    if (count != storage.elements || !bytes || *bytes > end - at) {
      return Status::Error(Code::kRefused,
                           "torch legacy: storage %s: %" PRIu64 " elements, %" PRIu64
                           " expected, or truncated",
                           Printable(name).c_str(), count, storage.elements);
    }
    storage.begin = at;
    storage.placed = true;
    at += *bytes;
  }
  if (at != end) return Refuse("bytes after the last storage");
  for (const auto& [key, storage] : stream->storages) {
    if (!storage.placed) {
      return Status::Error(Code::kRefused, "torch legacy: storage %s is missing", Printable(key).c_str());
    }
  }
  return {};
}

Status ReadStream(const SharedSource& source, uint64_t begin, uint64_t end, Budget& budget, Stream* stream) {
  uint64_t at = begin;
  MIEN_TRY(CheckPreamble(source, &at, end, budget));
  PickleOptions options;
  options.persistent = [&](const PersistentId& id, uint32_t) { return Name(source, id, stream); };
  MIEN_ASSIGN(stream->tree, ReadPickle(source, at, end, options, budget));
  MIEN_ASSIGN(const PickleTree keys, ReadPickle(source, stream->tree.end, end, {}, budget));
  MIEN_TRY(PlaceStorages(*source, keys, end, stream));
  PickleTree& tree = stream->tree;
  for (size_t i = 0; i < tree.storages.size(); ++i) {
    const NamedStorage& named = stream->storages[stream->keys[i]];
    tree.storages[i].place.begin = named.begin + stream->view_offsets[i] * named.type.bytes;
  }
  for (size_t i = 0; i < tree.tensors.size(); ++i) {
    if (tree.tensor_storage[i] != PickleTree::kNoStorage)
      tree.tensors[i].storage = tree.storages[tree.tensor_storage[i]].place;
  }
  return {};
}

}  // namespace

Result<bool> StartsLikeLegacy(const ByteSource& source, uint64_t begin, uint64_t end) {
  char head[15];
  if (end < begin || end - begin < sizeof head) return false;
  MIEN_TRY(source.ReadAt(begin, std::as_writable_bytes(std::span(head))));
  return head[0] == '\x80' && head[2] == '\x8a' && head[3] == 10 && std::memcmp(head + 4, kMagic, 10) == 0;
}

Result<ForeignFile> ReadTorchLegacy(const SharedSource& source) {
  Budget budget(source->size());
  ForeignFile file;
  file.kind = "torch legacy";
  {
    Stream stream;
    MIEN_TRY(ReadStream(source, 0, source->size(), budget, &stream));
    MIEN_TRY(Flatten(stream.tree, &file, budget));
  }
  MIEN_TRY(file.Finish(source->size()));
  return file;
}

Result<ForeignStorage> ReadEmbeddedStorage(const SharedSource& source, uint64_t begin, uint64_t bytes,
                                           Budget& budget) {
  Stream stream;
  MIEN_TRY(ReadStream(source, begin, begin + bytes, budget, &stream));
  const PickleValue& root = stream.tree[stream.tree.root];
  if (root.kind != PickleKind::kStorage) return Refuse("an embedded stream that is no single storage");
  const PickleStorage& storage = stream.tree.storages[root.index];
  if (storage.other != nullptr) return Refuse("an embedded storage of an unknown type");
  return storage.place;
}

}  // namespace mien
