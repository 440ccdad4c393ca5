#include "weights/writer.h"

#include <cinttypes>
#include <cstdio>
#include <new>
#include <set>
#include <stdexcept>

#include "base/checked.h"
#include "weights/header.h"
#include "weights/json.h"
#include "weights/layout.h"

namespace mien {
namespace {

std::string Hex8(uint32_t value) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", value);
  return text;
}

Result<uint64_t> BytesOf(const TensorStream& tensor) {
  const auto elements = static_cast<uint64_t>(tensor.shape.elements());
  const auto bytes = CheckedMul(elements, DTypeBytes(tensor.type));
  if (!tensor.shape.present() || !bytes) {
    return Status::Error(Code::kUsage, "%s: no shape to be written", tensor.name.c_str());
  }
  return *bytes;
}

// Write-to-read: what leaves this writer passes this reader.
Status CheckNames(const std::vector<TensorStream>& tensors,
                  const std::map<std::string, std::string>& metadata, const HeaderLimits& limits) {
  std::set<std::string_view> names;
  if (tensors.size() > limits.tensors) {
    return Status::Error(Code::kRefused, "%zu tensors, at most %zu can be written", tensors.size(),
                         limits.tensors);
  }
  for (const TensorStream& tensor : tensors) {
    const std::string shown = Printable(tensor.name);
    if (tensor.name.empty() || tensor.name.size() > limits.name_bytes || !IsValidUtf8(tensor.name) ||
        tensor.name == "__metadata__" || (!limits.plain_names && !IsModelName(tensor.name))) {
      return Status::Error(Code::kRefused, "\"%s\" cannot be written as a tensor name", shown.c_str());
    }
    if (!names.insert(tensor.name).second) {
      return Status::Error(Code::kRefused, "%s would be written twice", shown.c_str());
    }
  }
  if (metadata.size() + 2 > limits.metadata)
    return Status::Error(Code::kRefused, "too many metadata entries");
  for (const auto& [key, value] : metadata) {
    if (!IsValidUtf8(key) || !IsValidUtf8(value)) {
      return Status::Error(Code::kRefused, "metadata %s: not UTF-8", Printable(key).c_str());
    }
  }
  return {};
}

}  // namespace

Result<std::string> EncodeHeader(const std::vector<TensorStream>& tensors,
                                 const std::vector<uint32_t>& checksums,
                                 const std::map<std::string, std::string>& metadata,
                                 TensorFile::Profile profile) {
  const HeaderLimits limits = LimitsOf(profile);
  MIEN_TRY(CheckNames(tensors, metadata, limits));
  const bool model = profile == TensorFile::Profile::kModel;
  std::string header = "{";
  if (model) {
    header = std::string(kHeaderStart) + "00000000\"";
    std::string digits;
    for (uint32_t checksum : checksums) digits += Hex8(checksum);
    header += ",\"" + std::string(kTensorChecksumsKey) + "\":\"" + digits + "\"";
  } else if (!metadata.empty()) {
    header += "\"__metadata__\":{";
  }
  for (const auto& [key, value] : metadata) {
    if (model && (key == kHeaderChecksumKey || key == kTensorChecksumsKey)) continue;
    if (header.back() != '{') header += ',';
    header += JsonQuoted(key) + ":" + JsonQuoted(value);
  }
  if (model || !metadata.empty()) header += '}';
  uint64_t offset = 0;
  for (const TensorStream& tensor : tensors) {
    MIEN_ASSIGN(const uint64_t bytes, BytesOf(tensor));
    const auto end = CheckedAdd(offset, bytes);
    if (!end) return Status::Error(Code::kRefused, "%s: the file would be too large", tensor.name.c_str());
    if (header.back() != '{') header += ',';
    header += JsonQuoted(tensor.name) + ":{\"dtype\":\"" + DTypeName(tensor.type) +
              "\",\"shape\":" + tensor.shape.ToString() + ",\"data_offsets\":[" + std::to_string(offset) +
              "," + std::to_string(*end) + "]}";
    offset = *end;
  }
  header += '}';
  while (header.size() % 8 != 0) header += ' ';
  if (header.size() > limits.header_bytes) {
    return Status::Error(Code::kRefused, "a header of %zu bytes, at most %" PRIu64 " can be written",
                         header.size(), limits.header_bytes);
  }
  std::string all(8, '\0');
  for (int i = 0; i < 8; ++i) all[static_cast<size_t>(i)] = static_cast<char>(header.size() >> (8 * i));
  all += header;
  if (model) all.replace(8 + kHeaderStart.size(), 8, Hex8(Crc32c(std::as_bytes(std::span(all)))));
  return all;
}

Status WriteTensorStreams(const std::string& path, const std::vector<TensorStream>& tensors,
                          const std::map<std::string, std::string>& metadata,
                          TensorFile::Profile profile) try {
  // Every piece through `take`; the checksum of all.
  const auto read = [](const TensorStream& tensor, const TakeBytes& take) -> Result<uint32_t> {
    MIEN_ASSIGN(const uint64_t expected, BytesOf(tensor));
    uint64_t found = 0;
    uint32_t checksum = 0;
    MIEN_TRY(tensor.bytes([&](std::span<const std::byte> bytes) {
      found += bytes.size();
      checksum = Crc32c(bytes, checksum);
      return take(bytes);
    }));
    if (found == expected) return checksum;
    return Status::Error(Code::kUsage, "%s: %" PRIu64 " bytes to write, %" PRIu64 " expected",
                         Printable(tensor.name).c_str(), found, expected);
  };
  std::vector<uint32_t> checksums;
  if (profile == TensorFile::Profile::kModel) {
    for (const TensorStream& tensor : tensors) {
      MIEN_ASSIGN(const uint32_t checksum, read(tensor, [](std::span<const std::byte>) { return Status(); }));
      checksums.push_back(checksum);
    }
  }
  MIEN_ASSIGN(const std::string header, EncodeHeader(tensors, checksums, metadata, profile));
  MIEN_ASSIGN(AtomicFile file, AtomicFile::Create(path));
  MIEN_TRY(file.Write(std::as_bytes(std::span(header))));
  for (size_t i = 0; i < tensors.size(); ++i) {
    MIEN_ASSIGN(const uint32_t checksum,
                read(tensors[i], [&](std::span<const std::byte> bytes) { return file.Write(bytes); }));
    if (!checksums.empty() && checksum != checksums[i]) {
      return Status::Error(Code::kFailure, "%s: its source changed while being read",
                           Printable(tensors[i].name).c_str());
    }
  }
  return file.Commit();
} catch (const std::bad_alloc&) {
  return Status::Error(Code::kMemory, "%s: not enough memory to write", path.c_str());
} catch (const std::length_error&) {
  return Status::Error(Code::kMemory, "%s: not enough memory to write", path.c_str());
}

Status WriteTensorFile(const std::string& path, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata, TensorFile::Profile profile) try {
  std::vector<TensorStream> streams;
  for (const TensorToWrite& tensor : tensors) {
    streams.push_back({tensor.name, tensor.type, tensor.shape,
                       [bytes = tensor.bytes](const TakeBytes& take) { return take(bytes); }});
  }
  return WriteTensorStreams(path, streams, metadata, profile);
} catch (const std::bad_alloc&) {
  return Status::Error(Code::kMemory, "%s: not enough memory to write", path.c_str());
}

}  // namespace mien
