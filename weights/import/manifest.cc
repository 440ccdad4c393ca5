// Weights of TensorFlow.js: a manifest (JSON), which lists tensors, and binary files, in which they lie one behind
// the other (networks.md, "Manifests of TensorFlow.js"). Here the manifest and its binary files are one run of bytes.
// Convolutions are stored height, width, in, out and matrices in, out; what is handed out is a view of them in the
// order of torch, [O,I,kH,kW] and [O,I].
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <new>

#include "base/checked.h"
#include "base/stream.h"
#include "weights/header.h"
#include "weights/import/readers.h"
#include "weights/json.h"

namespace mien {
namespace {

constexpr size_t kMaxManifestBytes = 1 << 20;
constexpr int kManifestDepth = 5;
constexpr size_t kMaxManifests = 64;  // of a folder

struct Entry {
  std::string name;
  Shape shape;  // as stored
  DType type = DType::kF32;
  std::optional<Quantization> quantization;
  uint64_t bytes = 0;
  std::string unread;  // what it is that no network here is made of; empty: an ordinary tensor
};

struct Group {
  std::string path;  // of its binary file, beside the manifest
  std::vector<Entry> entries;
  uint64_t bytes = 0;
};

struct Manifest {
  std::vector<Group> groups;
  size_t bytes = 0;  // of its text, to the last bracket
};

Status Refuse(const std::string& name, const char* what) {
  return Status::Error(Code::kRefused, "manifest: %s: %s", Printable(name).c_str(), what);
}

template <class T>
bool ReadNumber(const JsonValue* item, T* out) {
  if (item == nullptr || item->kind != JsonValue::Kind::kNumber) return false;
  const char* const end = item->text.data() + item->text.size();
  const auto [read, error] = std::from_chars(item->text.data(), end, *out);
  return error == std::errc() && read == end;
}

std::string_view TextOf(const JsonValue* item) {
  return item != nullptr && item->kind == JsonValue::Kind::kString ? std::string_view(item->text) : std::string_view();
}

Result<Shape> ReadShape(const JsonValue* list) {
  std::vector<uint64_t> dims;
  if (list == nullptr || list->kind != JsonValue::Kind::kList) return Status::Error(Code::kRefused, "a shape expected");
  for (const JsonValue& item : list->items) {
    if (!ReadNumber(&item, &dims.emplace_back()))
      return Status::Error(Code::kRefused, "a shape of whole numbers expected");
  }
  return Shape::Checked(dims);
}

// Its type, and how many bytes an element takes; 0: none that is known.
size_t TakeType(std::string_view type, std::string_view stored, Entry* entry) {
  struct Known {
    const char* name;
    DType type;
  };
  if (stored == "uint8" && type == "float32") {
    entry->type = DType::kU8;
    return 1;
  }
  if (!stored.empty()) {
    entry->unread = "a tensor of type " + std::string(type) + " stored as " + std::string(stored);
    return stored == "uint8" ? 1 : stored == "uint16" || stored == "float16" ? 2 : 0;
  }
  for (const Known& known : {Known{"float32", DType::kF32}, Known{"int32", DType::kI32}, Known{"bool", DType::kBool}}) {
    if (type != known.name) continue;
    entry->type = known.type;
    return DTypeBytes(known.type);
  }
  return 0;
}

Result<Entry> ReadEntry(const JsonValue& item) {
  Entry entry;
  entry.name = TextOf(item.Find("name"));
  if (entry.name.empty()) return Status::Error(Code::kRefused, "manifest: a tensor without a name");
  const Result<Shape> shape = ReadShape(item.Find("shape"));
  if (!shape.ok()) return Refuse(entry.name, shape.status().message());
  entry.shape = *shape;
  const JsonValue* const quantization = item.Find("quantization");
  const std::string_view stored = quantization == nullptr ? std::string_view() : TextOf(quantization->Find("dtype"));
  const size_t size = TakeType(TextOf(item.Find("dtype")), stored, &entry);
  if (size == 0 || (quantization != nullptr && stored.empty())) return Refuse(entry.name, "its type is unknown");
  entry.bytes = static_cast<uint64_t>(entry.shape.elements()) * size;
  if (entry.type != DType::kU8) return entry;
  Quantization numbers;
  if (!ReadNumber(quantization->Find("scale"), &numbers.scale) ||
      !ReadNumber(quantization->Find("min"), &numbers.minimum) || !numbers.IsFinite()) {
    return Refuse(entry.name, "scale and min expected, two numbers that give floats");
  }
  entry.quantization = numbers;
  return entry;
}

// A file beside the manifest, and no other.
bool IsPlainName(std::string_view name) {
  return !name.empty() && name.size() < 256 && name != "." && name != ".." && IsModelName(name) &&
         name.find('/') == name.npos;
}

Result<Group> ReadGroup(const JsonValue& item) {
  Group group;
  const JsonValue* const weights = item.Find("weights");
  const JsonValue* const paths = item.Find("paths");
  if (weights == nullptr || weights->kind != JsonValue::Kind::kList)
    return Status::Error(Code::kRefused, "manifest: a list \"weights\" expected");
  if (paths == nullptr || paths->kind != JsonValue::Kind::kList || paths->items.size() != 1 ||
      !IsPlainName(TextOf(&paths->items[0])))
    return Status::Error(Code::kRefused, "manifest: \"paths\": the name of one file beside it expected");
  group.path = paths->items[0].text;
  for (const JsonValue& weight : weights->items) {
    MIEN_ASSIGN(Entry entry, ReadEntry(weight));
    const auto bytes = CheckedAdd(group.bytes, entry.bytes);
    if (!bytes) return Refuse(entry.name, "too large");
    group.bytes = *bytes;
    group.entries.push_back(std::move(entry));
  }
  return group;
}

// That at the beginning of a source.
Result<Manifest> ParseManifest(const ByteSource& source) {
  std::string text(std::min<uint64_t>(source.size(), kMaxManifestBytes), '\0');
  MIEN_TRY(source.ReadAt(0, std::as_writable_bytes(std::span(text))));
  Manifest manifest;
  MIEN_ASSIGN(const JsonValue groups, ParseJson(text, "manifest", kManifestDepth, &manifest.bytes));
  for (const JsonValue& item : groups.items) {
    MIEN_ASSIGN(Group group, ReadGroup(item));
    manifest.groups.push_back(std::move(group));
  }
  return manifest;
}

void TakeAxes(const Entry& entry, ForeignTensor* tensor) {
  ForeignTensor stored;
  stored.shape = entry.shape;
  SetContiguous(&stored);
  std::vector<int> order;
  const std::string_view own = std::string_view(entry.name).substr(entry.name.rfind('/') + 1);
  if (entry.shape.rank == 2) order = {1, 0};
  if (entry.shape.rank == 4) order = {3, 2, 0, 1};
  if (entry.shape.rank == 4 && own.starts_with("depthwise")) order = {2, 3, 0, 1};
  for (int i = 0; i < entry.shape.rank; ++i) {
    const int from = order.empty() ? i : order[static_cast<size_t>(i)];
    tensor->shape.dim[i] = entry.shape[from];
    tensor->strides[i] = stored.strides[from];
  }
  tensor->shape.rank = entry.shape.rank;
}

// Several sources, one behind the other.
class Joined final : public ByteSource {
 public:
  void Add(SharedSource part, uint64_t bytes) {
    parts_.push_back({size_, bytes, std::move(part)});
    size_ += bytes;
  }
  uint64_t size() const override { return size_; }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    for (const Part& part : parts_) {
      if (out.empty()) break;
      if (offset >= part.begin + part.bytes) continue;
      const uint64_t at = offset - part.begin;
      const auto here = out.first(std::min<uint64_t>(out.size(), part.bytes - at));
      MIEN_TRY(part.source->ReadAt(at, here));
      out = out.subspan(here.size());
      offset += here.size();
    }
    return out.empty() ? Status() : Status::Error(Code::kFailure, "a read beyond the end");
  }

 private:
  struct Part {
    uint64_t begin, bytes;
    SharedSource source;
  };
  std::vector<Part> parts_;
  uint64_t size_ = 0;
};

std::string Beside(const std::string& path, const std::string& name) {
  return (std::filesystem::path(path).parent_path() / name).string();
}

}  // namespace

bool LooksLikeManifest(std::string_view text) {
  for (const char bracket : {'[', '{'}) {
    const size_t at = text.find_first_not_of(" \t\r\n");
    if (at == text.npos || text[at] != bracket) return false;
    text.remove_prefix(at + 1);
  }
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(" \t\r\n")));
  return text.starts_with("\"weights\"") || text.starts_with("\"paths\"");
}

Result<ForeignFile> ReadManifest(const SharedSource& source) {
  Budget budget(source->size());
  if (!budget.Work(std::min<uint64_t>(source->size(), kMaxManifestBytes)) || !budget.Memory(8 * kMaxManifestBytes))
    return budget.Spent();
  MIEN_ASSIGN(const Manifest manifest, ParseManifest(*source));
  ForeignFile file;
  file.kind = "TensorFlow.js weights";
  uint64_t at = manifest.bytes;
  for (const Group& group : manifest.groups) {
    for (const Entry& entry : group.entries) {
      if (!budget.Work(16) || !budget.Memory(MemoryOf(entry.name))) return budget.Spent();
      if (entry.bytes > source->size() - at) return Refuse(entry.name, "it lies beyond the end of the binary file");
      ForeignTensor tensor;
      tensor.name = entry.name;
      tensor.type = entry.type;
      tensor.quantization = entry.quantization;
      tensor.storage = {entry.type, static_cast<uint64_t>(entry.shape.elements()), at, source};
      TakeAxes(entry, &tensor);
      at += entry.bytes;
      if (entry.unread.empty())
        file.tensors.push_back(std::move(tensor));
      else
        file.unread.emplace(entry.name, entry.unread);
    }
  }
  if (at != source->size()) {
    return Status::Error(Code::kRefused, "its tensors take %llu bytes, there are %llu",
                         static_cast<unsigned long long>(at), static_cast<unsigned long long>(source->size()));
  }
  MIEN_TRY(file.Finish(source->size()));
  return file;
}

Result<SharedSource> OpenManifest(const std::string& path, const SharedSource& manifest) {
  MIEN_ASSIGN(const Manifest parsed, ParseManifest(*manifest));
  const auto joined = std::make_shared<Joined>();
  joined->Add(manifest, parsed.bytes);
  for (const Group& group : parsed.groups) {
    const std::string name = Beside(path, group.path);
    MIEN_ASSIGN(File opened, File::Open(name));
    const auto file = std::make_shared<File>(std::move(opened));
    if (file->size() != group.bytes) {
      return Status::Error(Code::kRefused, "%s: %llu bytes, the manifest's tensors take %llu", name.c_str(),
                           static_cast<unsigned long long>(file->size()), static_cast<unsigned long long>(group.bytes));
    }
    joined->Add(file, group.bytes);
  }
  return SharedSource(joined);
}

Result<std::vector<std::string>> FilesOf(const std::string& path) {
  std::vector<std::string> files = {path};
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return files;
  MIEN_ASSIGN(const File file, File::Open(path));
  char head[64] = {0};
  MIEN_TRY(file.ReadAt(0, std::as_writable_bytes(std::span(head)).first(std::min<uint64_t>(file.size(), sizeof head))));
  if (!LooksLikeManifest({head, sizeof head})) return files;
  const auto manifest = ParseManifest(file);
  if (!manifest.ok()) return manifest.status().Within("%s", path.c_str());
  for (const Group& group : manifest->groups) files.push_back(Beside(path, group.path));
  return files;
}

Result<std::vector<std::string>> ManifestsIn(const std::string& path) {
  std::vector<std::string> found;
  std::error_code error;
  for (std::filesystem::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().string();
    if (name.ends_with("weights_manifest.json")) found.push_back(name);
  }
  std::sort(found.begin(), found.end());
  if (found.size() > kMaxManifests) {
    return Status::Error(Code::kRefused, "%s: %zu manifests, at most %zu expected", path.c_str(), found.size(),
                         kMaxManifests);
  }
  return found.empty() ? std::vector<std::string>{path} : found;
}

}  // namespace mien
