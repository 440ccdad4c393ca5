// The model file: safetensors in a strict profile. Config and model card are strings of the metadata; every tensor has
// a CRC-32C, the header has its own. Stages that do not overlap: bytes -> header tokens -> validated table -> tensors.
// Limits and rules: at most 1 MiB of header, 4096 tensors, rank 5; no holes, overlaps, duplicates or trailing bytes.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/tensor.h"
#include "weights/config.h"
#include "weights/quantization.h"

namespace mien {

struct TensorEntry {
  std::string name;
  DType type = DType::kF32;
  Shape shape;
  uint64_t offset = 0;  // from the start of the file
  uint64_t bytes = 0;
  uint32_t crc32c = 0;  // strict profile only
  std::optional<Quantization> quantization;  // of U8 alone
};

// Any safetensors file: a validated table over a byte source.
class TensorFile {
 public:
  enum class Profile {
    kPlain,  // exchanged tensors: ordinary safetensors
    kModel,  // model files: header checksum and a CRC per tensor are required
  };
  static Result<TensorFile> Open(std::shared_ptr<const ByteSource> source, Profile profile);

  const std::vector<TensorEntry>& tensors() const { return tensors_; }  // in file order
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // Plain profile only: name and description of tensors whose type or rank is none of ours, such as
  // "a F8_E4M3 tensor [2]".
  const std::vector<std::pair<std::string, std::string>>& unread() const { return unread_; }
  const TensorEntry* Find(const std::string& name) const;  // null: not there
  const ByteSource& source() const { return *source_; }    // the file it was opened from
  // Model files: SHA-256 of the header, 64 lowercase digits. It names the content, for the header has a checksum of
  // every tensor.
  const std::string& fingerprint() const { return fingerprint_; }

  // Bytes as stored, checksum verified where there is one. out.size() must be entry.bytes.
  Status Read(const TensorEntry& entry, std::span<std::byte> out) const;
  // To float (F32, F16, BF16, F64, quantised U8; other integers must be exact); refused by name when not finite.
  Status ReadFloats(const TensorEntry& entry, std::span<float> out) const;

 private:
  std::shared_ptr<const ByteSource> source_;
  std::vector<TensorEntry> tensors_;
  std::vector<std::pair<std::string, std::string>> unread_;
  std::map<std::string, int> index_;
  std::map<std::string, std::string> metadata_;
  std::string fingerprint_;
  Profile profile_ = Profile::kPlain;
};

// One tensor to be written; `bytes` outlives the call.
struct TensorToWrite {
  std::string name;
  DType type = DType::kF32;
  Shape shape;
  std::span<const std::byte> bytes;
};

Status WriteTensorFile(const std::string& path, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata, TensorFile::Profile profile);

// An opened model: config read and checked, all tensors of ExpectedTensors(config) there and nothing else.
// Immutable and shared by any number of engines; tensor data are read (and verified) when asked for.
class ModelFile {
 public:
  static Result<std::shared_ptr<const ModelFile>> Open(const std::string& path);
  static Result<std::shared_ptr<const ModelFile>> Open(std::shared_ptr<const ByteSource> source);

  const ModelConfig& config() const { return config_; }
  const std::string& card() const { return card_; }  // model card, Markdown; may be empty
  const TensorFile& file() const { return file_; }
  // The whole tensor as floats, finite and verified.
  Status ReadFloats(const std::string& name, std::span<float> out) const;

 private:
  TensorFile file_;
  ModelConfig config_;
  std::string card_;
};

uint32_t Crc32c(std::span<const std::byte> bytes, uint32_t seed = 0);

}  // namespace mien
