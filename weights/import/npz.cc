// Archives of numpy arrays (spec i.6): a zip of .npy members, stored or deflated. The .npy header is a Python
// literal of three known keys; nothing else of the language is understood.
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
  const char* text;
  DType type;
};
constexpr ArrayType kTypes[] = {{"<f8", DType::kF64}, {"<f4", DType::kF32}, {"<f2", DType::kF16},
                                {"<i8", DType::kI64}, {"<i4", DType::kI32}, {"<i2", DType::kI16},
                                {"|i1", DType::kI8},  {"|u1", DType::kU8},  {"|b1", DType::kBool}};

// {'descr': '<f4', 'fortran_order': False, 'shape': (1, 18, 512), }
class HeaderText {
 public:
  explicit HeaderText(std::string_view text) : text_(text) {}

  bool Parse(DType* type, bool* columns_first, std::vector<uint64_t>* shape) {
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
  bool Type(DType* type) {
    for (const ArrayType& known : kTypes) {
      if (Take(std::string("'") + known.text + "'")) {
        *type = known.type;
        return true;
      }
    }
    return false;
  }
  bool Tuple(std::vector<uint64_t>* shape) {
    if (!Take("(")) return false;
    while (!Take(")")) {
      while (!text_.empty() && text_[0] == ' ') text_.remove_prefix(1);
      uint64_t value = 0;
      size_t digits = 0;
      for (; digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9'; ++digits) {
        if (digits > 9) return false;
        value = value * 10 + static_cast<uint64_t>(text_[digits] - '0');
      }
      if (digits == 0 || shape->size() >= Shape::kMaxRank) return false;
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

// Position and size of the array inside `source` from `begin` to `end`.
Status ReadArray(const SharedSource& source, uint64_t begin, uint64_t end, ForeignTensor* tensor) {
  const auto refuse = [&](const char* what) {
    return Status::Error(Code::kRefused, "npz: %s: %s", Printable(tensor->name).c_str(), what);
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
  bool columns_first = false;
  if (!HeaderText(text).Parse(&tensor->type, &columns_first, &dims))
    return refuse("its header is not understood");
  auto shape = Shape::Checked(dims);
  if (!shape.ok()) return refuse(shape.status().message());
  tensor->shape = *shape;
  tensor->storage = {tensor->type, static_cast<uint64_t>(shape->elements()), begin + prefix + length, source};
  if (tensor->bytes() != end - tensor->storage.begin) return refuse("its data do not fill the member");
  SetContiguous(tensor);
  if (columns_first) {
    int64_t stride = 1;
    for (int i = 0; i < tensor->shape.rank; ++i) {
      tensor->strides[i] = stride;
      stride *= tensor->shape[i];
    }
  }
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
      return Status::Error(Code::kRefused, "npz: %s is no .npy", Printable(entry.name).c_str());
    }
    ForeignTensor tensor;
    tensor.name = entry.name.substr(0, entry.name.size() - 4);
    if (entry.deflated) {
      MIEN_ASSIGN(std::vector<std::byte> bytes, ReadZipEntry(*source, entry, kMaxInflated - inflated));
      inflated += bytes.size();
      const uint64_t size = bytes.size();
      MIEN_TRY(ReadArray(OwnedSource(std::move(bytes)), 0, size, &tensor));
    } else {
      MIEN_TRY(VerifyZipEntry(*source, entry));
      MIEN_TRY(ReadArray(source, entry.begin, entry.begin + entry.bytes, &tensor));
    }
    file.tensors.push_back(std::move(tensor));
  }
  file.Index();
  return file;
}

}  // namespace mien
