#include "tools/tensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "tools/npz.h"
#include "weights/container.h"
#include "weights/import/readers.h"

namespace mien {
namespace {

Result<std::vector<NamedTensor>> ReadSafetensors(std::shared_ptr<const ByteSource> source) {
  MIEN_ASSIGN(TensorFile file, TensorFile::Open(std::move(source), TensorFile::Profile::kPlain));
  std::vector<NamedTensor> tensors;
  for (const TensorEntry& entry : file.tensors()) {
    NamedTensor tensor = {entry.name, entry.shape, {}};
    tensor.values.resize(static_cast<size_t>(entry.shape.elements()));
    MIEN_TRY(file.ReadFloats(entry, tensor.values));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

bool IsNpz(const std::string& path) { return path.ends_with(".npz"); }

Result<std::vector<float>> FloatsOf(const ForeignTensor& tensor) {
  std::vector<std::byte> bytes;
  MIEN_TRY(ReadContiguous(tensor, &bytes));
  std::vector<float> values(static_cast<size_t>(tensor.shape.elements()));
  for (size_t i = 0; i < values.size(); ++i) {
    if (tensor.type == DType::kF32) {
      std::memcpy(&values[i], bytes.data() + i * sizeof(float), sizeof(float));
    } else if (tensor.type == DType::kF64) {
      double value;
      std::memcpy(&value, bytes.data() + i * sizeof(double), sizeof(double));
      values[i] = static_cast<float>(value);
    } else {
      return Status::Error(Code::kRefused, "%s is %s, F32 or F64 expected", tensor.name.c_str(),
                           DTypeName(tensor.type));
    }
    if (!std::isfinite(values[i])) {
      return Status::Error(Code::kRefused, "%s: element %zu is not finite", tensor.name.c_str(), i);
    }
  }
  return values;
}

// The public scripts write w_plus under the key f or w.
Result<std::vector<NamedTensor>> ReadNpzTensors(const std::shared_ptr<const ByteSource>& source) {
  MIEN_ASSIGN(ForeignFile file, ReadNpz(source));
  std::vector<NamedTensor> tensors;
  for (const ForeignTensor& tensor : file.tensors) {
    MIEN_ASSIGN(std::vector<float> values, FloatsOf(tensor));
    const bool codes = tensor.name == "f" || tensor.name == "w";
    tensors.push_back({codes ? "w_plus" : tensor.name, tensor.shape, std::move(values)});
  }
  return tensors;
}

// Zip archives start with a local header, or with the end record when they are empty.
bool LooksLikeZip(const ByteSource& source) {
  std::byte magic[2];
  return source.size() >= 4 && source.ReadAt(0, magic).ok() && magic[0] == std::byte{'P'} &&
         magic[1] == std::byte{'K'};
}

}  // namespace

Result<std::vector<NamedTensor>> ReadTensors(const std::string& path) {
  MIEN_ASSIGN(File opened, File::Open(path));
  const auto source = std::make_shared<const File>(std::move(opened));
  auto tensors = LooksLikeZip(*source) ? ReadNpzTensors(source) : ReadSafetensors(source);
  if (!tensors.ok()) return tensors.status().Within("%s", path.c_str());
  return tensors;
}

Status WriteTensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                    const std::map<std::string, std::string>& metadata) {
  if (IsNpz(path)) {
    if (tensors.size() == 1 && tensors[0].name == "w_plus") {
      return WriteNpz(path, {{"f", tensors[0].shape, tensors[0].values}});
    }
    return WriteNpz(path, tensors);
  }
  std::vector<TensorToWrite> to_write;
  for (const NamedTensor& tensor : tensors) {
    to_write.push_back({tensor.name, DType::kF32, tensor.shape, std::as_bytes(std::span(tensor.values))});
  }
  return WriteTensorFile(path, to_write, metadata, TensorFile::Profile::kPlain);
}

const NamedTensor* FindTensor(const std::vector<NamedTensor>& tensors, const std::string& name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const NamedTensor& tensor) { return tensor.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

}  // namespace mien
