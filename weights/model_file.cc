// Opening a model: the config decides which tensors there must be; the file only confirms.
#include <cinttypes>
#include <memory>
#include <new>
#include <set>
#include <stdexcept>

#include "base/stream.h"
#include "weights/container.h"
#include "weights/header.h"
#include "weights/layout.h"
#include "weights/mask_columns.h"
#include "weights/problems.h"
#include "weights/schema.h"

namespace mien {
namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{4} << 30;

void CompareTensors(const TensorFile& file, const std::vector<TensorSpec>& specs, Problems& problems) {
  std::set<std::string> expected;
  for (const TensorSpec& spec : specs) {
    expected.insert(spec.name);
    const TensorEntry* entry = file.Find(spec.name);
    if (entry == nullptr) {
      problems.Add("%s %s is missing", spec.name.c_str(), spec.shape.ToString().c_str());
      continue;
    }
    if (!(entry->shape == spec.shape)) {
      problems.Add("%s is %s, %s expected", spec.name.c_str(), entry->shape.ToString().c_str(),
                   spec.shape.ToString().c_str());
    }
    const bool floating = entry->type == DType::kF32 || entry->type == DType::kF16 || entry->type == DType::kBF16 ||
                          entry->quantization.has_value();
    if (spec.is_index ? entry->type != DType::kI64 : !floating) {
      problems.Add("%s is %s, %s expected", spec.name.c_str(), DTypeName(entry->type),
                   spec.is_index ? "I64" : "F32, F16, BF16 or quantised U8");
    }
  }
  for (const TensorEntry& entry : file.tensors()) {
    if (!expected.count(entry.name)) problems.Add("%s does not belong here", Printable(entry.name).c_str());
  }
}

Status ReadIndexList(const TensorFile& file, const TensorEntry& entry, std::span<int64_t> out) {
  return file.Read(entry, std::as_writable_bytes(out));
}

Status CheckMasks(const TensorFile& file, const std::vector<TensorSpec>& specs) {
  Problems problems;
  for (size_t i = 0; i + 1 < specs.size(); ++i) {
    if (!specs[i].is_index || !specs[i + 1].is_index) continue;
    const auto identity_count = static_cast<size_t>(specs[i].shape[0]);
    std::vector<int64_t> columns(identity_count + static_cast<size_t>(specs[i + 1].shape[0]));
    MIEN_TRY(ReadIndexList(file, *file.Find(specs[i].name), std::span(columns).first(identity_count)));
    MIEN_TRY(ReadIndexList(file, *file.Find(specs[i + 1].name), std::span(columns).subspan(identity_count)));
    MaskColumns both(static_cast<int64_t>(columns.size()));
    for (const int64_t column : columns) {
      if (both.Take(column)) continue;
      problems.Add("%s and transform_features: column %" PRId64 " is out of range or there twice",
                   specs[i].name.c_str(), column);
      break;
    }
    ++i;
  }
  return problems.ToStatus(Code::kRefused);
}

// A stream without end is refused before much of it is kept.
Status CheckBeginning(std::span<const std::byte> first) {
  if (first.size() > 8 && first[8] == std::byte{'{'}) return {};
  return Status::Error(Code::kRefused, "not a mien model file; public checkpoints go through `mien convert` first");
}

}  // namespace

Result<std::shared_ptr<const ModelFile>> ModelFile::Open(std::shared_ptr<const ByteSource> source) try {
  if (source->size() > kMaxFileBytes) {
    return Status::Error(Code::kRefused, "%" PRIu64 " bytes, at most %" PRIu64 " expected", source->size(),
                         kMaxFileBytes);
  }
  auto model = std::make_shared<ModelFile>();
  MIEN_ASSIGN(model->file_, TensorFile::Open(std::move(source), TensorFile::Profile::kModel));
  const auto& metadata = model->file_.metadata();
  const auto config = metadata.find(kConfigKey);
  if (config == metadata.end()) return Status::Error(Code::kRefused, "metadata: %s is missing", kConfigKey);
  MIEN_ASSIGN(model->config_, ConfigFromJson(config->second));
  if (const auto card = metadata.find(kCardKey); card != metadata.end()) model->card_ = card->second;
  const std::vector<TensorSpec> specs = ExpectedTensors(model->config_);
  Problems problems;
  CompareTensors(model->file_, specs, problems);
  if (!problems.empty()) return problems.ToStatus(Code::kRefused);
  MIEN_TRY(CheckMasks(model->file_, specs));
  return std::shared_ptr<const ModelFile>(std::move(model));
} catch (const std::bad_alloc&) {
  return Status::Error(Code::kMemory, "not enough memory to open a model file");
} catch (const std::length_error&) {
  return Status::Error(Code::kMemory, "not enough memory to open a model file");
}

Result<std::shared_ptr<const ModelFile>> ModelFile::Open(const std::string& path) try {
  MIEN_ASSIGN(auto source,
              OpenInput(path, kMaxFileBytes, Code::kRefused, IsStream(path) ? FirstBytes(CheckBeginning) : nullptr));
  auto model = Open(std::move(source));
  if (!model.ok()) return model.status().Within("%s", path.c_str());
  return model;
} catch (const std::bad_alloc&) {
  return Status::Error(Code::kMemory, "%s: not enough memory", path.c_str());
}

Status ModelFile::ReadFloats(const std::string& name, std::span<float> out) const {
  const TensorEntry* entry = file_.Find(name);
  if (entry == nullptr) return Status::Error(Code::kUsage, "%s: no such tensor in the model", name.c_str());
  return file_.ReadFloats(*entry, out);
}

}  // namespace mien
