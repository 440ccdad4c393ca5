// Opening and reading tensor files. The layout is that of safetensors (networks.md, "Safetensors"); the model profile
// adds:
//   mien.header_crc32c  first metadata entry, at a fixed place: CRC-32C of the 8 length bytes and the whole header,
//                       padding included, with its own eight digits taken as '0'
//   mien.crc32c         one CRC-32C per tensor, eight digits each, in file order
#include "weights/container.h"

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstring>
#include <new>
#include <stdexcept>

#include "base/checked.h"
#include "weights/checksum.h"
#include "weights/header.h"
#include "weights/layout.h"

namespace mien {
namespace {

uint64_t LittleEndian64(const std::byte* p) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<uint64_t>(p[i]);
  return value;
}

// Lowercase only, so that every other spelling of the same number is damage too.
bool ParseHex8(std::string_view digits, uint32_t* out) {
  if (digits.size() != 8) return false;
  uint32_t value = 0;
  for (char c : digits) {
    if (c >= '0' && c <= '9')
      value = value << 4 | static_cast<uint32_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      value = value << 4 | static_cast<uint32_t>(c - 'a' + 10);
    else
      return false;
  }
  *out = value;
  return true;
}

bool ChecksumMatches(uint32_t found, uint32_t expected) {
#ifdef MIEN_FUZZ_TRUST_CHECKSUMS
  (void)found, (void)expected;  // lets mutations reach what lies behind the checksum
  return true;
#else
  return found == expected;
#endif
}

// `bytes` = the 8 length bytes and the header.
Status VerifyHeaderChecksum(std::string bytes) {
  const size_t digits_at = 8 + kHeaderStart.size();
  uint32_t stated = 0;
  if (bytes.size() < digits_at + 8 ||
      std::string_view(bytes).substr(8, kHeaderStart.size()) != kHeaderStart ||
      !ParseHex8(std::string_view(bytes).substr(digits_at, 8), &stated)) {
    return Status::Error(Code::kRefused,
                         "not a mien model file (its header starts with mien.header_crc32c); public "
                         "checkpoints go through `mien convert` first");
  }
  std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(digits_at), 8, '0');
  const uint32_t found = Crc32c(std::as_bytes(std::span(bytes)));
  if (ChecksumMatches(found, stated)) return {};
  return Status::Error(Code::kRefused, "the header is damaged: checksum %08x, %08x stated", found, stated);
}

Status TakeTensorChecksums(const std::map<std::string, std::string>& metadata,
                           std::vector<TensorEntry>* tensors) {
  const auto found = metadata.find(kTensorChecksumsKey);
  if (found == metadata.end())
    return Status::Error(Code::kRefused, "metadata: %s is missing", kTensorChecksumsKey);
  const std::string& digits = found->second;
  if (digits.size() != tensors->size() * 8) {
    return Status::Error(Code::kRefused, "metadata: %s has %zu digits, %zu expected", kTensorChecksumsKey,
                         digits.size(), tensors->size() * 8);
  }
  for (size_t i = 0; i < tensors->size(); ++i) {
    if (!ParseHex8(std::string_view(digits).substr(8 * i, 8), &(*tensors)[i].crc32c)) {
      return Status::Error(Code::kRefused, "metadata: %s: eight lowercase digits per tensor expected",
                           kTensorChecksumsKey);
    }
  }
  return {};
}

// Every name is that of a U8 tensor.
Status TakeQuantizations(const std::map<std::string, std::string>& metadata, std::vector<TensorEntry>* tensors) {
  const auto found = metadata.find(kQuantizationKey);
  if (found == metadata.end()) return {};
  MIEN_ASSIGN(Quantizations quantizations, QuantizationsFromJson(found->second));
  for (TensorEntry& tensor : *tensors) {
    const auto quantization = quantizations.find(tensor.name);
    if (tensor.type != DType::kU8 || quantization == quantizations.end()) continue;
    tensor.quantization = quantization->second;
    quantizations.erase(quantization);
  }
  if (quantizations.empty()) return {};
  return Status::Error(Code::kRefused, "metadata: %s: %s is no U8 tensor of the file", kQuantizationKey,
                       Printable(quantizations.begin()->first).c_str());
}

Status DamagedTensor(const TensorEntry& entry, uint32_t found) {
  return Status::Error(Code::kRefused, "%s: the data are damaged: checksum %08x, %08x stated",
                       Printable(entry.name).c_str(), found, entry.crc32c);
}

template <class T>
T Load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// Integers must survive the trip to float and back; anything else would be a silent change of an index.
template <class T>
bool ExactInteger(T value, float* out) {
  *out = static_cast<float>(value);
  return static_cast<double>(*out) == static_cast<double>(value) && static_cast<double>(value) <= 0x1p53 &&
         static_cast<double>(value) >= -0x1p53;
}

bool ToFloat(DType type, const std::byte* p, float* out) {
  switch (type) {
    case DType::kF64: {
      const double wide = Load<double>(p);
      *out = std::abs(wide) > 3.4028235677973362e38 ? HUGE_VALF : static_cast<float>(wide);
      break;
    }
    case DType::kF32:
      *out = Load<float>(p);
      break;
    case DType::kF16:
      *out = HalfToFloat(Load<uint16_t>(p));
      break;
    case DType::kBF16:
      *out = BFloat16ToFloat(Load<uint16_t>(p));
      break;
    case DType::kI64:
      return ExactInteger(Load<int64_t>(p), out);
    case DType::kI32:
      return ExactInteger(Load<int32_t>(p), out);
    case DType::kI16:
      return ExactInteger(Load<int16_t>(p), out);
    case DType::kI8:
      return ExactInteger(Load<int8_t>(p), out);
    case DType::kU8:
      return ExactInteger(Load<uint8_t>(p), out);
    case DType::kBool:
      *out = Load<uint8_t>(p) != 0 ? 1.0f : 0.0f;
      break;
  }
  return std::isfinite(*out);
}

Result<TensorFile> OutOfMemory() {
  return Status::Error(Code::kMemory, "not enough memory for the table of a tensor file");
}

}  // namespace

bool ConvertToFloats(DType type, const std::optional<Quantization>& quantization, std::span<const std::byte> bytes,
                     std::span<float> out, size_t* bad) {
  if (quantization) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = quantization->Value(Load<uint8_t>(bytes.data() + i));
    return true;  // Quantization::IsFinite
  }
  const size_t step = DTypeBytes(type);
  bool fine = true;
  for (size_t i = 0; i < out.size(); ++i) {
    if (!ToFloat(type, bytes.data() + i * step, &out[i]) && fine) {
      fine = false;
      *bad = i;
    }
  }
  return fine;
}

Result<TensorFile> TensorFile::Open(std::shared_ptr<const ByteSource> source, Profile profile) try {
  const HeaderLimits limits = LimitsOf(profile);
  const uint64_t size = source->size();
  if (size < 10) return Status::Error(Code::kRefused, "%" PRIu64 " bytes are no tensor file", size);
  std::byte length_bytes[8];
  MIEN_TRY(source->ReadAt(0, length_bytes));
  const uint64_t length = LittleEndian64(length_bytes);
  if (length > limits.header_bytes || length > size - 8) {
    return Status::Error(Code::kRefused, "a header of %" PRIu64 " bytes, at most %" PRIu64 " expected%s",
                         length, std::min(limits.header_bytes, size - 8),
                         profile == Profile::kModel ? " (not a model file; public checkpoints go through "
                                                      "`mien convert` first)"
                                                    : "");
  }
  std::string bytes(8 + length, '\0');
  MIEN_TRY(source->ReadAt(0, std::as_writable_bytes(std::span(bytes))));
  // A file that changes between two reads must not pass with the length of the first.
  if (std::memcmp(bytes.data(), length_bytes, 8) != 0) {
    return Status::Error(Code::kRefused, "the file changes while being read");
  }
  if (profile == Profile::kModel) MIEN_TRY(VerifyHeaderChecksum(bytes));

  MIEN_ASSIGN(RawHeader raw, ParseHeader(std::string_view(bytes).substr(8), limits));
  Problems problems;
  TensorFile file;
  UnreadTensors* const unread = profile == Profile::kPlain ? &file.unread_ : nullptr;
  file.tensors_ = ValidateTable(raw, 8 + length, size, problems, unread);
  if (!problems.empty()) return problems.ToStatus(Code::kRefused);
  file.metadata_ = std::move(raw.metadata);
  if (profile == Profile::kModel) {
    MIEN_TRY(TakeTensorChecksums(file.metadata_, &file.tensors_));
    Sha256 header;
    header.Update(std::as_bytes(std::span(bytes)));
    file.fingerprint_ = HexLower(header.Finish());
  }
  MIEN_TRY(TakeQuantizations(file.metadata_, &file.tensors_));
  for (size_t i = 0; i < file.tensors_.size(); ++i)
    file.index_.emplace(file.tensors_[i].name, static_cast<int>(i));
  file.source_ = std::move(source);
  file.profile_ = profile;
  return file;
} catch (const std::bad_alloc&) {
  return OutOfMemory();
} catch (const std::length_error&) {
  return OutOfMemory();
}

const TensorEntry* TensorFile::Find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[static_cast<size_t>(found->second)];
}

Status TensorFile::Read(const TensorEntry& entry, std::span<std::byte> out) const {
  if (out.size() != entry.bytes) {
    return Status::Error(Code::kUsage, "%s: %zu bytes of room, %" PRIu64 " expected",
                         Printable(entry.name).c_str(), out.size(), entry.bytes);
  }
  MIEN_TRY(source_->ReadAt(entry.offset, out));
  if (profile_ == Profile::kModel) {
    const uint32_t found = Crc32c(out);
    if (!ChecksumMatches(found, entry.crc32c)) return DamagedTensor(entry, found);
  }
  return {};
}

// In pieces that stay in the cache: read, checksum, convert and check, one pass over memory.
Status TensorFile::ReadFloats(const TensorEntry& entry, std::span<float> out) const {
  if (out.size() != static_cast<uint64_t>(entry.shape.elements())) {
    return Status::Error(Code::kUsage, "%s: room for %zu floats, %lld expected",
                         Printable(entry.name).c_str(), out.size(),
                         static_cast<long long>(entry.shape.elements()));
  }
  constexpr size_t kPiece = 4096;
  std::byte piece[kPiece * 8];
  const size_t step = DTypeBytes(entry.type);
  uint32_t checksum = 0;
  bool finite = true;
  size_t bad = 0;
  for (size_t done = 0; done < out.size();) {
    const size_t count = std::min(kPiece, out.size() - done);
    const auto bytes = std::span(piece).first(count * step);
    MIEN_TRY(source_->ReadAt(entry.offset + done * step, bytes));
    if (profile_ == Profile::kModel) checksum = Crc32c(bytes, checksum);
    size_t at = 0;
    if (!ConvertToFloats(entry.type, entry.quantization, bytes, out.subspan(done, count), &at) && finite) {
      finite = false;
      bad = done + at;
    }
    done += count;
  }
  if (profile_ == Profile::kModel && !ChecksumMatches(checksum, entry.crc32c))
    return DamagedTensor(entry, checksum);
  if (!finite) {
    return Status::Error(Code::kRefused, "%s: element %zu is not finite or not exact in float",
                         Printable(entry.name).c_str(), bad);
  }
  return {};
}

}  // namespace mien
