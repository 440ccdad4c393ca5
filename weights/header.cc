#include "weights/header.h"

#include <algorithm>
#include <cinttypes>
#include <set>

#include "base/checked.h"
#include "base/text.h"
#include "weights/json.h"
#include "weights/step.h"

namespace mien {
namespace {

constexpr size_t kMaxRank = 64;  // of any tensor that a file may mention

// Reads the one JSON shape that a header may have (weights/README.md, "The format"; RFC 8259 for the strings).
class Scanner : public JsonScanner {
 public:
  Scanner(std::string_view text, const HeaderLimits& limits) : JsonScanner(text, "header"), limits_(limits) {}

  bool Run(RawHeader* out) {
    if (text_.empty() || text_[0] != '{') return Fail("'{' as the first byte");
    ++at_;
    if (!Take('}')) {
      do {
        MIEN_STEP(Member(out));
      } while (Take(','));
      if (!Take('}')) return Fail("',' or '}'");
    }
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;  // padding; nothing else may follow
    if (at_ != text_.size()) return Fail("only spaces after the header's '}'");
    return true;
  }

 private:
  bool Member(RawHeader* out) {
    std::string name;
    MIEN_STEP(String(&name));
    if (!Take(':')) return Fail("':'");
    if (!Take('{')) return Fail("'{'");
    if (name == "__metadata__") {
      if (seen_metadata_) return Fail("one \"__metadata__\"");
      seen_metadata_ = true;
      return Metadata(out);
    }
    if (out->tensors.size() >= limits_.tensors) {
      return Fail(Status::Error(Code::kRefused, "header: more than %zu tensors", limits_.tensors));
    }
    if (name.empty() || name.size() > limits_.name_bytes) {
      return Fail(Status::Error(Code::kRefused, "header: tensor name of %zu bytes, 1 to %zu expected",
                                name.size(), limits_.name_bytes));
    }
    if (!limits_.plain_names && !IsModelName(name)) {
      return Fail(Status::Error(Code::kRefused,
                                "header: tensor name \"%s\": only letters, digits and ._/- expected",
                                Printable(name).c_str()));
    }
    if (!names_.insert(name).second) {
      return Fail(Status::Error(Code::kRefused, "header: tensor %s is there twice", Printable(name).c_str()));
    }
    RawTensor tensor;
    tensor.name = std::move(name);
    MIEN_STEP(Tensor(&tensor));
    out->tensors.push_back(std::move(tensor));
    return true;
  }

  bool Metadata(RawHeader* out) {
    if (Take('}')) return true;
    do {
      std::string key, value;
      MIEN_STEP(String(&key));
      if (!Take(':')) return Fail("':'");
      MIEN_STEP(String(&value));
      if (out->metadata.size() >= limits_.metadata) return Fail("fewer metadata entries");
      if (!out->metadata.emplace(std::move(key), std::move(value)).second)
        return Fail("metadata keys that differ");
    } while (Take(','));
    return Take('}') ? true : Fail("',' or '}'");
  }

  bool Tensor(RawTensor* tensor) {
    bool has_type = false, has_shape = false, has_offsets = false;
    do {
      std::string key;
      MIEN_STEP(String(&key));
      if (!Take(':')) return Fail("':'");
      if (key == "dtype" && !has_type) {
        has_type = true;
        MIEN_STEP(String(&tensor->type));
      } else if (key == "shape" && !has_shape) {
        has_shape = true;
        MIEN_STEP(Dimensions(tensor));
      } else if (key == "data_offsets" && !has_offsets) {
        has_offsets = true;
        uint64_t pair[2] = {0, 0};
        size_t count = 0;
        MIEN_STEP(Numbers(pair, 2, &count));
        if (count != 2) return Fail("two data_offsets");
        tensor->begin = pair[0];
        tensor->end = pair[1];
      } else {
        return Fail("each of dtype, shape, data_offsets once");
      }
    } while (Take(','));
    if (!Take('}')) return Fail("',' or '}'");
    if (!has_type || !has_shape || !has_offsets) return Fail("dtype, shape and data_offsets");
    return true;
  }

  bool Dimensions(RawTensor* tensor) {
    uint64_t dims[kMaxRank];
    MIEN_STEP(Numbers(dims, limits_.rank, &tensor->rank));
    for (size_t i = 0; i < tensor->rank; ++i) {
      if (i < Shape::kMaxRank) tensor->dims[i] = dims[i];
      tensor->elements = CheckedMul(tensor->elements, dims[i]).value_or(UINT64_MAX);
    }
    return true;
  }

  bool Numbers(uint64_t* out, size_t capacity, size_t* count) {
    *count = 0;
    if (!Take('[')) return Fail("'['");
    if (Take(']')) return true;
    do {
      if (*count >= capacity) return Fail("fewer numbers");
      MIEN_STEP(Number(&out[(*count)++]));
    } while (Take(','));
    return Take(']') ? true : Fail("',' or ']'");
  }

  bool Number(uint64_t* out) {
    SkipSpace();
    const size_t start = at_;
    uint64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      const auto shifted = CheckedMul(value, 10);
      const auto next =
          shifted ? CheckedAdd(*shifted, static_cast<uint64_t>(text_[at_] - '0')) : std::nullopt;
      if (!next) return Fail("a number below 2^64");
      value = *next;
    }
    if (at_ == start) return Fail("an unsigned integer");
    if (text_[start] == '0' && at_ - start > 1) return Fail("a number without leading zeros");
    *out = value;
    return true;
  }

  const HeaderLimits& limits_;
  bool seen_metadata_ = false;
  std::set<std::string> names_;
};

bool DTypeFromName(std::string_view name, DType* out) {
  for (DType type : {DType::kF64, DType::kF32, DType::kF16, DType::kBF16, DType::kI64, DType::kI32,
                     DType::kI16, DType::kI8, DType::kU8, DType::kBool}) {
    if (name == DTypeName(type)) {
      *out = type;
      return true;
    }
  }
  return false;
}

// What a tensor is that no network here is made of; empty: an ordinary one.
std::string WhyUnread(const RawTensor& tensor, const DType* type) {
  const auto plain = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
  const bool named = !tensor.type.empty() && tensor.type.size() <= 16 &&
                     std::all_of(tensor.type.begin(), tensor.type.end(), plain);
  if (type == nullptr) return named ? "a tensor of type " + tensor.type : "";
  if (tensor.rank > Shape::kMaxRank) return "a tensor of rank " + std::to_string(tensor.rank);
  const auto shape = Shape::Checked({tensor.dims, tensor.rank});
  return shape.ok() ? "" : std::string("a tensor with ") + shape.status().message();
}

// The entry of one tensor; its shape stays absent where it is not read.
void Validate(const RawTensor& tensor, uint64_t data_start, uint64_t data_bytes, Problems& problems,
              UnreadTensors* unread, std::vector<TensorEntry>* entries) {
  const std::string name = Printable(tensor.name);
  TensorEntry entry;
  entry.name = tensor.name;
  const bool known = DTypeFromName(tensor.type, &entry.type);
  const std::string why = unread == nullptr ? "" : WhyUnread(tensor, known ? &entry.type : nullptr);
  if (!why.empty()) {
    unread->emplace_back(tensor.name, why);
  } else if (!known) {
    return problems.Add("%s: type \"%s\" is unknown", name.c_str(), Printable(tensor.type).c_str());
  } else {
    const auto shape = Shape::Checked({tensor.dims, tensor.rank});
    if (!shape.ok()) return problems.Add("%s: %s", name.c_str(), shape.status().message());
    entry.shape = *shape;
  }
  if (tensor.begin > tensor.end || tensor.end > data_bytes) {
    return problems.Add("%s: bytes %" PRIu64 " to %" PRIu64 " lie outside the %" PRIu64 " bytes of data",
                        name.c_str(), tensor.begin, tensor.end, data_bytes);
  }
  const auto bytes = CheckedMul(tensor.elements, DTypeBytes(entry.type));
  if (known && (!bytes || *bytes != tensor.end - tensor.begin)) {
    return problems.Add("%s: %s %s needs %" PRIu64 " bytes, the header gives %" PRIu64, name.c_str(),
                        DTypeName(entry.type), entry.shape.ToString().c_str(), bytes.value_or(0),
                        tensor.end - tensor.begin);
  }
  entry.offset = data_start + tensor.begin;
  entry.bytes = tensor.end - tensor.begin;
  entries->push_back(std::move(entry));
}

}  // namespace

HeaderLimits LimitsOf(TensorFile::Profile profile) {
  if (profile == TensorFile::Profile::kModel) return {1 << 20, 4096, 64, 127, Shape::kMaxRank, false};
  return {16 << 20, 65536, 65536, 511, kMaxRank, true};
}

Result<RawHeader> ParseHeader(std::string_view text, const HeaderLimits& limits) {
  RawHeader raw;
  Scanner scanner(text, limits);
  if (!scanner.Run(&raw)) return scanner.error();
  return raw;
}

std::vector<TensorEntry> ValidateTable(const RawHeader& raw, uint64_t data_start, uint64_t file_bytes,
                                       Problems& problems, UnreadTensors* unread) {
  std::vector<TensorEntry> entries;
  entries.reserve(raw.tensors.size());
  // The caller checked that the header ends inside the file.
  for (const RawTensor& tensor : raw.tensors)
    Validate(tensor, data_start, file_bytes - data_start, problems, unread, &entries);
  if (!problems.empty()) return entries;  // positions mean nothing while sizes are wrong
  std::stable_sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes;
  });
  uint64_t next = data_start;
  for (const TensorEntry& entry : entries) {
    if (entry.offset != next) {
      problems.Add("%s: starts at byte %" PRIu64 ", %" PRIu64 " expected (%s)", Printable(entry.name).c_str(),
                   entry.offset, next, entry.offset < next ? "overlap" : "hole");
    }
    next = std::max(next, entry.offset + entry.bytes);  // both are inside the file: no wrap
  }
  if (next != file_bytes) {
    problems.Add("the tensors end at byte %" PRIu64 ", the file has %" PRIu64, next, file_bytes);
  }
  std::erase_if(entries, [](const TensorEntry& entry) { return !entry.shape.present(); });
  return entries;
}

bool IsModelName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '/' || c == '-';
  });
}

bool IsValidUtf8(std::string_view text) {
  uint32_t code = 0;
  while (!text.empty()) {
    const size_t length = Utf8Character(text, &code);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string Printable(std::string_view text) {
  constexpr size_t kMost = 127;
  size_t length = std::min(text.size(), kMost);
  while (length < text.size() && length > kMost - 4 &&
         (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80)
    --length;
  std::string out = ForTerminal(text.substr(0, length));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '\n' || c == '\t'; }, '?');
  if (text.size() > length) out += "...";
  return out;
}

}  // namespace mien
