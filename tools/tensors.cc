#include "tools/tensors.h"

#include <algorithm>

#include "tools/formats.h"
#include "tools/npz.h"
#include "weights/container.h"
#include "weights/header.h"
#include "weights/import/readers.h"
#include "weights/layout.h"

namespace mien {

Result<ForeignFile> OpenTensors(const std::string& path) { return ReadForeign(path); }

Result<std::vector<float>> ReadFloats(const ForeignTensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.shape.elements()));
  // Elements that lie in order are read in pieces, so that only the floats take memory.
  ForeignTensor piece = tensor;
  SetContiguous(&piece);
  const bool in_order = std::ranges::equal(piece.strides, tensor.strides);
  const size_t most = in_order ? 1 << 16 : values.size();
  piece = tensor;
  std::vector<std::byte> bytes;
  for (size_t done = 0; done < values.size(); done += most) {
    const size_t count = std::min(most, values.size() - done);
    if (in_order) {
      piece.shape = {static_cast<int64_t>(count)};
      piece.strides[0] = 1;
      piece.offset = tensor.offset + done;
    }
    MIEN_TRY(ReadContiguous(piece, &bytes));
    size_t bad = 0;
    if (!ConvertToFloats(tensor.type, tensor.quantization, bytes, std::span(values).subspan(done, count), &bad)) {
      return Status::Error(Code::kRefused, "tensor %s: element %zu is not finite or no float holds it",
                           Printable(tensor.name).c_str(), done + bad);
    }
  }
  return values;
}

std::string ContentInWords(const ForeignFile& file) {
  constexpr size_t kMost = 8;
  std::vector<std::string> items;
  for (const ForeignTensor& tensor : file.tensors) {
    if (items.size() > kMost) break;
    items.push_back(Printable(tensor.name) + (tensor.name.empty() ? "" : " ") + DTypeName(tensor.type) + " " +
                    tensor.shape.ToString());
  }
  for (const auto& [name, what] : file.unread) {
    if (items.size() > kMost) break;
    items.push_back(Printable(name) + (name.empty() ? "" : " ") + "(" + what + ")");
  }
  if (items.empty()) return "no tensor";
  std::string text;
  for (size_t i = 0; i < std::min(items.size(), kMost); ++i) text += (i > 0 ? ", " : "") + items[i];
  return items.size() > kMost ? text + ", ..." : text;
}

Status CheckFormat(const std::string& path, size_t tensors) {
  MIEN_ASSIGN(const std::string format, FormatOf(FileKind::kTensors, path));
  if (format != ".npy" || tensors == 1) return {};
  return Status::Error(Code::kUsage,
                       "%s: an .npy file holds one tensor, there are %zu; write .npz or .safetensors",
                       path.c_str(), tensors);
}

Status WriteTensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                    const std::map<std::string, std::string>& metadata) {
  MIEN_ASSIGN(const std::string format, FormatOf(FileKind::kTensors, path));
  MIEN_TRY(CheckFormat(path, tensors.size()));
  if (format == ".npy") return WriteNpy(path, tensors[0]);
  if (format == ".npz") {
    if (tensors.size() == 1 && tensors[0].name == "w_plus")
      return WriteNpz(path, {{"f", tensors[0].shape, tensors[0].values}});
    return WriteNpz(path, tensors);
  }
  std::vector<TensorToWrite> to_write;
  for (const NamedTensor& tensor : tensors) {
    to_write.push_back({tensor.name, DType::kF32, tensor.shape, std::as_bytes(std::span(tensor.values))});
  }
  return WriteTensorFile(path, to_write, metadata, TensorFile::Profile::kPlain);
}

}  // namespace mien
