// NumPy's arrays (spec i.6): one in an .npy file, or a zip of such members, stored or deflated. The .npy
// header is a Python literal of three known keys; nothing else of the language is understood.
#include <algorithm>
#include <cinttypes>
#include <cstring>

#include "runtime/base/checked.h"
#include "weights/header.h"
#include "weights/import/readers.h"
#include "weights/import/zip.h"

namespace mien {
namespace {

constexpr uint64_t kMaxInflated = 32 << 20;  // of one archive: latents are small, and a bomb stays harmless
constexpr uint64_t kMaxHeader = 4096;

struct ArrayType {
  std::string_view text;
  DType type;
};
constexpr ArrayType kTypes[] = {{"<f8", DType::kF64}, {"<f4", DType::kF32}, {"<f2", DType::kF16},
                                {"<i8", DType::kI64}, {"<i4", DType::kI32}, {"<i2", DType::kI16},
                                {"|i1", DType::kI8},  {"|u1", DType::kU8},  {"|b1", DType::kBool}};

// {'descr': '<f4', 'fortran_order': False, 'shape': (1, 18, 512), }
class HeaderText {
 public:
  explicit HeaderText(std::string_view text) : text_(text) {}

  // `type` is NumPy's word for the elements.
  bool Parse(std::string* type, bool* columns_first, std::vector<uint64_t>* shape) {
    bool seen[3] = {false, false, false};
    if (!Take("{")) return false;
    while (!Take("}")) {
      if (Key("'descr'", &seen[0])) {
        if (!Type(type)) return false;
      } else if (Key("'fortran_order'", &seen[1])) {
        *columns_first = Take("True");
        if (!*columns_first && !Take("False")) return false;
      } else if (Key("'shape'", &seen[2])) {
        if (!Tuple(shape)) return false;
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
  bool Type(std::string* type) {
    const char close = Take("'") ? '\'' : Take("[") ? ']' : '\0';
    const size_t end = close == '\0' ? text_.npos : text_.find(close);
    if (end == text_.npos) return false;
    *type = close == ']' ? "a record" : std::string(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return true;
  }
  bool Tuple(std::vector<uint64_t>* shape) {
    if (!Take("(")) return false;
    while (!Take(")")) {
      while (!text_.empty() && text_[0] == ' ') text_.remove_prefix(1);
      uint64_t value = 0;
      size_t digits = 0;
      for (; digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9'; ++digits) {
        if (digits > 17) return false;
        value = value * 10 + static_cast<uint64_t>(text_[digits] - '0');
      }
      if (digits == 0) return false;
      text_.remove_prefix(digits);
      shape->push_back(value);
      if (Take(",")) continue;
      if (!Take(")")) return false;
      break;
    }
    return true;
  }

  std::string_view text_;
};

// Adds the array that `source` has from `begin` to `end` to the tensors; one of another type or size than
// tensors have to what was not read.
Status AddArray(const SharedSource& source, uint64_t begin, uint64_t end, const std::string& name,
                ForeignFile* file) {
  const auto refuse = [&](const char* what) {
    return Status::Error(Code::kRefused, "%s: %s%s%s", file->kind.c_str(), Printable(name).c_str(),
                         name.empty() ? "" : ": ", what);
  };
  std::byte start[12];
  if (end - begin < sizeof start) return refuse("too short for an array");
  MIEN_TRY(source->ReadAt(begin, start));
  const int version = static_cast<int>(start[6]);
  if (std::memcmp(start, "\x93NUMPY", 6) != 0 || (version != 1 && version != 2) || start[7] != std::byte{0}) {
    return refuse("no .npy of version 1 or 2");
  }
  const uint64_t prefix = version == 1 ? 10 : 12;
  uint64_t length = 0;
  for (uint64_t i = prefix; i-- > 8;) length = length << 8 | static_cast<uint64_t>(start[i]);
  if (length > kMaxHeader || length > end - begin - prefix) return refuse("its header is too long");
  std::string text(length, '\0');
  MIEN_TRY(source->ReadAt(begin + prefix, std::as_writable_bytes(std::span(text))));
  std::vector<uint64_t> dims;
  std::string type;
  bool columns_first = false;
  if (!HeaderText(text).Parse(&type, &columns_first, &dims)) return refuse("its header is not understood");
  const auto known = std::ranges::find(kTypes, type, &ArrayType::text);
  const auto shape = Shape::Checked(dims);
  if (known == std::end(kTypes) || !shape.ok()) {
    file->unread[name] = shape.ok() ? "an array of type " + Printable(type)
                                    : "an array: " + std::string(shape.status().message());
    return {};
  }
  ForeignTensor tensor;
  tensor.name = name;
  tensor.type = known->type;
  tensor.shape = *shape;
  tensor.storage = {tensor.type, static_cast<uint64_t>(shape->elements()), begin + prefix + length, source};
  if (tensor.bytes() != end - tensor.storage.begin) return refuse("its data do not fill it");
  SetContiguous(&tensor);
  if (columns_first) {
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
  MIEN_ASSIGN(const std::vector<ZipEntry> entries, ReadZip(*source, /*allow_deflate=*/true));
  ForeignFile file;
  file.kind = "npz";
  uint64_t inflated = 0;
  for (const ZipEntry& entry : entries) {
    if (!entry.name.ends_with(".npy")) {
      file.unread[entry.name] = "no array";
      continue;
    }
    const std::string name = entry.name.substr(0, entry.name.size() - 4);
    if (entry.deflated) {
      MIEN_ASSIGN(std::vector<std::byte> bytes, ReadZipEntry(*source, entry, kMaxInflated - inflated));
      inflated += bytes.size();
      const uint64_t size = bytes.size();
      MIEN_TRY(AddArray(OwnedSource(std::move(bytes)), 0, size, name, &file));
    } else {
      MIEN_TRY(VerifyZipEntry(*source, entry));
      MIEN_TRY(AddArray(source, entry.begin, entry.begin + entry.bytes, name, &file));
    }
  }
  file.Index();
  return file;
}

Result<ForeignFile> ReadNpy(const SharedSource& source) {
  ForeignFile file;
  file.kind = "npy";
  MIEN_TRY(AddArray(source, 0, source->size(), "", &file));
  file.Index();
  return file;
}

}  // namespace mien
