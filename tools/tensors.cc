#include "tools/tensors.h"

#include <algorithm>
#include <memory>

#include "tools/npz.h"
#include "weights/container.h"

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

}  // namespace

Result<std::vector<NamedTensor>> ReadTensors(const std::string& path) {
  MIEN_ASSIGN(File opened, File::Open(path));
  auto tensors = ReadSafetensors(std::make_shared<const File>(std::move(opened)));
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
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const NamedTensor& tensor) { return tensor.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

}  // namespace mien
