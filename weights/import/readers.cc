#include "weights/import/readers.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <new>
#include <stdexcept>

#include "base/stream.h"
#include "weights/container.h"
#include "weights/import/other_files.h"
#include "weights/import/pickle.h"
#include "weights/json.h"

namespace mien {

// NVIDIA's module pickles (networks.md, "Module pickles of NVIDIA"); their tensors are byte strings inside the pickle.
Result<ForeignFile> ReadModulePickle(const SharedSource& source) {
  Budget budget(source->size());
  PickleOptions options;
  options.embedded = [&](uint64_t begin, uint64_t bytes) {
    return ReadEmbeddedStorage(source, begin, bytes, budget);
  };
  ForeignFile file;
  file.kind = "pickle";
  {
    MIEN_ASSIGN(const PickleTree tree, ReadPickle(source, 0, source->size(), options, budget));
    if (tree.end != source->size()) return Status::Error(Code::kRefused, "pickle: bytes after its end");
    MIEN_TRY(Flatten(tree, &file, budget));
  }
  MIEN_TRY(file.Finish(source->size()));
  return file;
}

namespace {

// What can hold only texts keeps dictionaries and lists as JSON.
Status AddJson(const std::string& path, const JsonValue& value, Budget& budget, ForeignFile* file) {
  for (size_t i = 0; i < value.items.size(); ++i) {
    const std::string name = value.keys.empty() ? std::to_string(i) : value.keys[i];
    MIEN_TRY(AddJson(path + "." + name, value.items[i], budget, file));
  }
  if (value.kind == JsonValue::Kind::kList || value.kind == JsonValue::Kind::kObject) return {};
  if (!budget.Work(16) || !budget.Memory(256 + 2 * path.size() + value.text.size())) return budget.Spent();
  ForeignScalar& scalar = file->scalars[path];
  if (value.kind == JsonValue::Kind::kString) scalar = value.text;
  if (value.kind == JsonValue::Kind::kBool) scalar = value.text == "true";
  if (value.kind == JsonValue::Kind::kNumber) {
    double number = 0;
    std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
    scalar = number;
  }
  return {};
}

Status AddMetadata(const std::string& key, const std::string& text, Budget& budget, ForeignFile* file) {
  constexpr size_t kMaxJson = 16 << 10;  // no settings are longer
  if (!budget.Work(text.size()) || !budget.Memory(256 + 2 * key.size() + text.size())) return budget.Spent();
  if ((text.starts_with('{') || text.starts_with('[')) && text.size() <= kMaxJson) {
    const auto value = ParseJson(text, "metadata");
    if (value.ok()) return AddJson(key, *value, budget, file);
  }
  file->scalars.emplace(key, text);
  return {};
}

}  // namespace

Result<ForeignFile> ReadPlainTensors(const SharedSource& source) {
  Budget budget(source->size());
  MIEN_ASSIGN(const TensorFile table, TensorFile::Open(source, TensorFile::Profile::kPlain));
  ForeignFile file;
  file.kind = "safetensors";
  file.metadata = table.metadata();
  for (const auto& [key, text] : file.metadata) {
    if (!key.starts_with("mien.")) MIEN_TRY(AddMetadata(key, text, budget, &file));
  }
  for (const TensorEntry& entry : table.tensors()) {
    if (!budget.Memory(MemoryOf(entry.name))) return budget.Spent();
    ForeignTensor tensor;
    tensor.name = entry.name;
    tensor.type = entry.type;
    tensor.shape = entry.shape;
    tensor.quantization = entry.quantization;
    tensor.storage = {entry.type, static_cast<uint64_t>(entry.shape.elements()), entry.offset, source};
    SetContiguous(&tensor);
    file.tensors.push_back(std::move(tensor));
  }
  for (const auto& [name, what] : table.unread()) file.unread.emplace(name, what);
  MIEN_TRY(file.Finish(source->size()));
  return file;
}

namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{8} << 30;
constexpr uint64_t kMaxHeader = 100 << 20;  // of safetensors
constexpr uint64_t kShortest = 16;          // file that is one of torch, NVIDIA or NumPy
constexpr size_t kManifestHead = 64;        // by so many bytes a manifest shows

Status UnknownKind() {
  return Status::Error(Code::kRefused,
                       "neither a torch file (zip or legacy), an NVIDIA pickle, safetensors, npz nor npy");
}

Result<ForeignFile> ReadByContent(const SharedSource& source) {
  const uint64_t size = source->size();
  if (size > kMaxFileBytes) return Status::Error(Code::kRefused, "more than 8 GiB");
  char head[kManifestHead] = {0};
  MIEN_TRY(source->ReadAt(0, std::as_writable_bytes(std::span(head).first(std::min<uint64_t>(size, sizeof head)))));
  if (size >= kShortest) {
    // Safetensors first: their length may start with any byte, while no other kind starts with a small 64-bit
    // number.
    uint64_t length = 0;
    std::memcpy(&length, head, 8);
    if (head[8] == '{' && length <= size - 8) return ReadPlainTensors(source);
    if (head[8] == '{' && length < kMaxHeader) {
      return Status::Error(Code::kRefused,
                           "it is a safetensors file without its end: the download is not complete");
    }
  }
  if (LooksLikeManifest({head, sizeof head})) return ReadManifest(source);
  MIEN_ASSIGN(const std::string other, NameOtherFile(*source));
  if (!other.empty()) return Status::Error(Code::kRefused, "it is %s", other.c_str());
  if (size < kShortest)
    return Status::Error(Code::kRefused, "%llu bytes are no checkpoint",
                         static_cast<unsigned long long>(size));
  if (std::memcmp(head, "PK\x03\x04", 4) == 0) {
    // The first member's name tells the two kinds apart; either reader then checks everything.
    std::string start(std::min<uint64_t>(size, 1024), '\0');
    MIEN_TRY(source->ReadAt(0, std::as_writable_bytes(std::span(start))));
    const size_t length = start.size() < 30 ? 0
                                            : static_cast<unsigned char>(start[26]) |
                                                  static_cast<unsigned char>(start[27]) << 8;
    return start.size() >= 30 + length && start.substr(30, length).ends_with(".npy") ? ReadNpz(source)
                                                                                     : ReadTorchZip(source);
  }
  if (std::memcmp(head, "\x93NUMPY", 6) == 0) return ReadNpy(source);
  MIEN_ASSIGN(const bool legacy, StartsLikeLegacy(*source, 0, size));
  if (legacy) return ReadTorchLegacy(source);
  if (head[0] == '\x80') return ReadModulePickle(source);
  return UnknownKind();
}

// A stream without end is refused before much of it is kept.
Status CheckBeginning(std::span<const std::byte> first) {
  const std::string_view text(reinterpret_cast<const char*>(first.data()), first.size());
  const bool known = text.starts_with("PK\x03\x04") || text.starts_with("\x93NUMPY") || text.starts_with('\x80') ||
                     (text.size() > 8 && text[8] == '{');
  return known ? Status() : UnknownKind();
}

}  // namespace

Result<ForeignFile> ReadForeign(const SharedSource& source) try {
  return ReadByContent(source);
} catch (const std::bad_alloc&) {
  return Status::Error(Code::kMemory, "not enough memory to read a checkpoint");
} catch (const std::length_error&) {
  return Status::Error(Code::kMemory, "not enough memory to read a checkpoint");
}

Result<SharedSource> OpenForeign(const std::string& path) {
  MIEN_ASSIGN(SharedSource source,
              OpenInput(path, kMaxFileBytes, Code::kRefused, IsStream(path) ? FirstBytes(CheckBeginning) : nullptr));
  if (IsStream(path)) return source;
  char head[kManifestHead] = {0};
  MIEN_TRY(source->ReadAt(
      0, std::as_writable_bytes(std::span(head).first(std::min<uint64_t>(source->size(), sizeof head)))));
  if (!LooksLikeManifest({head, sizeof head})) return source;
  auto joined = OpenManifest(path, source);
  if (!joined.ok()) return joined.status().Within("%s", path.c_str());
  return joined;
}

Result<ForeignFile> ReadForeign(const std::string& path) try {
  MIEN_ASSIGN(const SharedSource source, OpenForeign(path));
  auto foreign = ReadForeign(source);
  if (!foreign.ok()) return foreign.status().Within("%s", InputName(path).c_str());
  return foreign;
} catch (const std::bad_alloc&) {
  return Status::Error(Code::kMemory, "%s: not enough memory", path.c_str());
}

}  // namespace mien
