// Archives of numpy arrays (networks.md, "NumPy arrays"): a zip of .npy members, stored or deflated; and a .npy alone,
// also of Python objects. Its header is a Python literal of three known keys; nothing else of the language is
// understood.
#include <cinttypes>
#include <cstring>

#include "base/checked.h"
#include "weights/header.h"
#include "weights/import/pickle.h"
#include "weights/import/readers.h"
#include "weights/import/zip.h"

namespace mien {
namespace {

constexpr uint64_t kMaxHeader = 4096;
constexpr const char* kObjects = "|O";  // their type

struct ArrayType {
  const char* text;
  DType type;
};
constexpr ArrayType kTypes[] = {{"<f8", DType::kF64}, {"<f4", DType::kF32}, {"<f2", DType::kF16},
                                {"<i8", DType::kI64}, {"<i4", DType::kI32}, {"<i2", DType::kI16},
                                {"|i1", DType::kI8},  {"|u1", DType::kU8},  {"|b1", DType::kBool}};

struct ArrayHeader {
  DType type = DType::kF32;
  std::string other_type;  // one that is not read
  bool columns_first = false;
  std::vector<uint64_t> shape;
  uint64_t data = 0;  // where what follows it begins in the source
};

// {'descr': '<f4', 'fortran_order': False, 'shape': (1, 18, 512), }
class HeaderText {
 public:
  HeaderText(std::string_view text, ArrayHeader* header) : text_(text), header_(*header) {}

  bool Parse() {
    bool seen[3] = {false, false, false};
    if (!Take("{")) return false;
    while (!Take("}")) {
      if (Key("'descr'", &seen[0])) {
        if (!Type()) return false;
      } else if (Key("'fortran_order'", &seen[1])) {
        header_.columns_first = Take("True");
        if (!header_.columns_first && !Take("False")) return false;
      } else if (Key("'shape'", &seen[2])) {
        if (!Tuple()) return false;
      } else {
        return false;
      }
      if (!Take(",")) {
        if (!Take("}")) return false;
        break;
      }
    }
    while (!text_.empty() && text_[0] == ' ') text_.remove_prefix(1);
    return text_ == "\n" && seen[0] && seen[1] && seen[2];
  }

 private:
  bool Take(std::string_view token) {
    while (!text_.empty() && text_[0] == ' ') text_.remove_prefix(1);
    if (!text_.starts_with(token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }
  bool Key(std::string_view key, bool* seen) {
    if (*seen || !Take(key) || !Take(":")) return false;
    return *seen = true;
  }
  // A text, or the list of the fields of a record.
  bool Type() {
    for (const ArrayType& known : kTypes) {
      if (Take(std::string("'") + known.text + "'")) {
        header_.type = known.type;
        return true;
      }
    }
    size_t end = 0;
    if (Take("'")) {
      end = text_.find('\'');
    } else if (Take("[")) {
      int depth = 1;
      for (; end < text_.size(); ++end) {
        depth += (text_[end] == '[') - (text_[end] == ']');
        if (depth == 0) break;
      }
    } else {
      return false;
    }
    if (end >= text_.size()) return false;
    header_.other_type = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return true;
  }
  bool Tuple() {
    constexpr size_t kMaxAxes = 64;
    if (!Take("(")) return false;
    while (!Take(")")) {
      while (!text_.empty() && text_[0] == ' ') text_.remove_prefix(1);
      uint64_t value = 0;
      size_t digits = 0;
      for (; digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9'; ++digits) {
        if (digits > 9) return false;
        value = value * 10 + static_cast<uint64_t>(text_[digits] - '0');
      }
      if (digits == 0 || header_.shape.size() >= kMaxAxes) return false;
      text_.remove_prefix(digits);
      header_.shape.push_back(value);
      if (Take(",")) continue;
      if (!Take(")")) return false;
      break;
    }
    return true;
  }

  std::string_view text_;
  ArrayHeader& header_;
};

Status Refuse(const std::string& name, const char* what) {
  return Status::Error(Code::kRefused, "npy: %s: %s", Printable(name).c_str(), what);
}

Result<ArrayHeader> ReadHeader(const ZipData& member, const std::string& name) {
  const ByteSource& source = *member.source;
  std::byte start[12];
  if (member.bytes < sizeof start) return Refuse(name, "too short for an array");
  MIEN_TRY(source.ReadAt(member.begin, start));
  const int version = static_cast<int>(start[6]);
  if (std::memcmp(start, "\x93NUMPY", 6) != 0 || version < 1 || version > 3 || start[7] != std::byte{0}) {
    return Refuse(name, "no .npy of version 1 to 3");
  }
  const uint64_t prefix = version == 1 ? 10 : 12;
  uint64_t length = 0;
  for (uint64_t i = prefix; i-- > 8;) length = length << 8 | static_cast<uint64_t>(start[i]);
  if (length > kMaxHeader || length > member.bytes - prefix) return Refuse(name, "its header is too long");
  std::string text(length, '\0');
  MIEN_TRY(source.ReadAt(member.begin + prefix, std::as_writable_bytes(std::span(text))));
  ArrayHeader header;
  if (!HeaderText(text, &header).Parse()) return Refuse(name, "its header is not understood");
  header.data = member.begin + prefix + length;
  return header;
}

// The array of one .npy, as a tensor of the file or as something that is not read.
Status AddArray(const ZipData& member, const ArrayHeader& header, const std::string& name, ForeignFile* file) {
  if (!header.other_type.empty()) {
    file->unread.emplace(name, header.other_type == kObjects ? "an array of Python objects"
                                                             : "an array of type " + header.other_type);
    return {};
  }
  const auto shape = Shape::Checked(header.shape);
  if (!shape.ok()) {
    file->unread.emplace(name, std::string("an array of an odd shape (") + shape.status().message() + ")");
    return {};
  }
  ForeignTensor tensor;
  tensor.name = name;
  tensor.type = header.type;
  tensor.shape = *shape;
  tensor.storage = {tensor.type, static_cast<uint64_t>(shape->elements()), header.data, member.source};
  if (tensor.bytes() != member.begin + member.bytes - header.data)
    return Refuse(name, "its data do not fill the member");
  SetContiguous(&tensor);
  if (header.columns_first) {
    int64_t stride = 1;
    for (int i = 0; i < tensor.shape.rank; ++i) {
      tensor.strides[i] = stride;
      stride *= tensor.shape[i];
    }
  }
  file->tensors.push_back(std::move(tensor));
  return {};
}

}  // namespace

Result<ForeignFile> ReadNpz(const SharedSource& source) {
  Budget budget(source->size());
  ForeignFile file;
  file.kind = "npz";
  MIEN_ASSIGN(const std::vector<ZipEntry> entries, ReadZip(*source, budget));
  for (const ZipEntry& entry : entries) {
    if (!budget.Memory(MemoryOf(entry.name) + kMaxHeader)) return budget.Spent();
    if (!entry.name.ends_with(".npy")) {
      file.unread.emplace(entry.name, "no .npy");
      continue;
    }
    MIEN_ASSIGN(const ZipData data, OpenZipEntry(source, entry, budget));
    const std::string name = entry.name.substr(0, entry.name.size() - 4);
    MIEN_ASSIGN(const ArrayHeader header, ReadHeader(data, name));
    MIEN_TRY(AddArray(data, header, name, &file));
  }
  MIEN_TRY(file.Finish(source->size()));
  return file;
}

Result<ForeignFile> ReadNpy(const SharedSource& source) {
  ForeignFile file;
  file.kind = "npy";
  const ZipData whole = {source, 0, source->size()};
  const std::string name = "arr_0";
  MIEN_ASSIGN(const ArrayHeader header, ReadHeader(whole, name));
  if (header.other_type == kObjects) {  // numpy.save of a dictionary: what follows is a pickle of the array
    Budget budget(whole.bytes);
    MIEN_ASSIGN(const PickleTree tree, ReadPickle(source, header.data, whole.bytes, {}, budget));
    if (tree.end != whole.bytes) return Refuse(name, "bytes after its objects");
    MIEN_TRY(Flatten(tree, &file, budget));
  } else {
    MIEN_TRY(AddArray(whole, header, name, &file));
  }
  MIEN_TRY(file.Finish(source->size()));
  return file;
}

}  // namespace mien
