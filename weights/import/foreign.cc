#include "weights/import/foreign.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <numeric>
#include <optional>

#include "base/checked.h"
#include "weights/header.h"

namespace mien {
namespace {

// Views may repeat a storage; who reads every tensor of a file is still done in time that grows with its
// size.
constexpr uint64_t kMaxRepeats = 4;
constexpr uint64_t kFreeRepeats = 8 << 20;

class VectorSource final : public ByteSource {
 public:
  explicit VectorSource(std::vector<std::byte> bytes) : bytes_(std::move(bytes)), memory_(bytes_) {}
  uint64_t size() const override { return bytes_.size(); }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    return memory_.ReadAt(offset, out);
  }

 private:
  std::vector<std::byte> bytes_;
  MemorySource memory_;
};

bool IsContiguous(const ForeignTensor& tensor) {
  int64_t expected = 1;
  for (int i = tensor.shape.rank - 1; i >= 0; --i) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected) return false;
    expected *= tensor.shape[i];
  }
  return true;
}

// Index of the last element touched, from the tensor's first; nothing when it overflows.
std::optional<uint64_t> Reach(const ForeignTensor& tensor) {
  uint64_t reach = 0;
  for (int i = 0; i < tensor.shape.rank; ++i) {
    const auto step =
        CheckedMul(static_cast<uint64_t>(tensor.shape[i] - 1), static_cast<uint64_t>(tensor.strides[i]));
    const auto next = step ? CheckedAdd(reach, *step) : std::nullopt;
    if (!next) return std::nullopt;
    reach = *next;
  }
  return reach;
}

struct Axis {
  int64_t size, from, to;  // distances of neighbours in the storage and in the result, in elements
};

// Elements in the order in which they lie in the storage, through a small window, each to its place in the
// result. Only where elements overlap in ways that no transposition has, the order goes back and forth: then
// the window is all of it.
Status Gather(const ForeignTensor& tensor, uint64_t begin, uint64_t touched, std::vector<std::byte>* out) {
  constexpr uint64_t kWindow = 1 << 20, kMaxOverlapping = 16 << 20;
  std::vector<Axis> axes;
  for (int64_t i = tensor.shape.rank - 1, to = 1; i >= 0; to *= tensor.shape[static_cast<int>(i--)]) {
    const int axis = static_cast<int>(i);
    if (tensor.shape[axis] > 1) axes.push_back({tensor.shape[axis], tensor.strides[axis], to});
  }
  std::stable_sort(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) { return a.from < b.from; });
  bool forward = true;
  int64_t reach = 0;
  for (const Axis& axis : axes) {
    forward = forward && axis.from >= (axis.from == 0 ? 0 : reach);
    reach += axis.from * (axis.size - 1);
  }
  if (!forward && touched > kMaxOverlapping)
    return Status::Error(Code::kRefused, "%s: its elements overlap", Printable(tensor.name).c_str());
  std::vector<std::byte> window(forward ? std::min(kWindow, touched) : touched);
  const size_t size = DTypeBytes(tensor.type);
  std::vector<int64_t> index(axes.size(), 0);
  uint64_t window_at = UINT64_MAX, from = 0, to = 0;
  for (size_t done = 0; done < out->size(); done += size) {
    if (window_at == UINT64_MAX || from + size > window_at + window.size()) {
      window_at = std::min<uint64_t>(from, touched - window.size());
      MIEN_TRY(tensor.storage.source->ReadAt(begin + window_at, window));
    }
    std::memcpy(out->data() + to, window.data() + (from - window_at), size);
    for (size_t i = 0; i < axes.size(); ++i) {
      from += static_cast<uint64_t>(axes[i].from) * size;
      to += static_cast<uint64_t>(axes[i].to) * size;
      if (++index[i] < axes[i].size) break;
      from -= static_cast<uint64_t>(axes[i].from * axes[i].size) * size;
      to -= static_cast<uint64_t>(axes[i].to * axes[i].size) * size;
      index[i] = 0;
    }
  }
  return {};
}

}  // namespace

const ForeignTensor* ForeignFile::Find(const std::string& name) const {
  const auto found =
      std::lower_bound(order_.begin(), order_.end(), name,
                       [&](uint32_t i, const std::string& wanted) { return tensors[i].name < wanted; });
  return found == order_.end() || tensors[*found].name != name ? nullptr : &tensors[*found];
}

std::string ForeignFile::Unread(const std::string& name) const {
  for (size_t length = name.size();;) {
    const auto found = unread.find(name.substr(0, length));
    if (found != unread.end()) {
      return (found->first.empty() ? "the file" : Printable(found->first)) + " is " + found->second;
    }
    if (length == 0) return "";
    const size_t dot = name.rfind('.', length - 1);
    length = dot == std::string::npos ? 0 : dot;
  }
}

void ForeignFile::Sort() {
  order_.resize(tensors.size());
  std::iota(order_.begin(), order_.end(), 0);
  std::sort(order_.begin(), order_.end(),
            [&](uint32_t a, uint32_t b) { return tensors[a].name < tensors[b].name; });
}

Status ForeignFile::Finish(uint64_t file_bytes) {
  Sort();
  bool repeated = false;
  for (size_t i = 1; i < order_.size(); ++i) {
    const std::string& name = tensors[order_[i]].name;
    if (name != tensors[order_[i - 1]].name) continue;
    unread.insert_or_assign(name, "there more than once");
    repeated = true;
  }
  if (repeated) {
    std::erase_if(tensors, [&](const ForeignTensor& tensor) { return unread.count(tensor.name) > 0; });
    Sort();
  }
  uint64_t bytes = 0;  // at most 2^34 each and 2^32 of them
  for (const ForeignTensor& tensor : tensors) bytes += tensor.bytes();
  if (bytes / kMaxRepeats > file_bytes + kFreeRepeats) {
    return Status::Error(Code::kRefused,
                         "its tensors repeat the bytes of the file more than %" PRIu64 " times", kMaxRepeats);
  }
  return {};
}

uint64_t MemoryOf(const std::string& tensor_name) {
  constexpr uint64_t kRows = 2048, kCopies = 4;
  return kRows + kCopies * tensor_name.size();
}

Status CheckView(const ForeignTensor& tensor) {
  const std::string name = Printable(tensor.name);
  for (int i = 0; i < tensor.shape.rank; ++i) {
    if (tensor.strides[i] < 0)
      return Status::Error(Code::kRefused, "tensor %s: a negative stride", name.c_str());
  }
  if (tensor.shape.elements() == 0) return {};
  const auto reach = Reach(tensor);
  const auto last = reach ? CheckedAdd(*reach, tensor.offset) : std::nullopt;
  if (!last || *last >= tensor.storage.elements) {
    return Status::Error(Code::kRefused, "tensor %s %s leaves its storage of %" PRIu64 " elements",
                         name.c_str(), tensor.shape.ToString().c_str(), tensor.storage.elements);
  }
  // A stride of zero makes much out of little; honest files use it for small things only.
  constexpr uint64_t kFree = 1 << 20;
  if (tensor.bytes() > std::max(kFree, tensor.storage.elements * DTypeBytes(tensor.type))) {
    return Status::Error(Code::kRefused, "tensor %s %s repeats a storage of %" PRIu64 " elements",
                         name.c_str(), tensor.shape.ToString().c_str(), tensor.storage.elements);
  }
  return {};
}

Status ReadContiguous(const ForeignTensor& tensor, std::vector<std::byte>* out) {
  const size_t size = DTypeBytes(tensor.type);
  out->resize(tensor.bytes());
  if (out->empty()) return {};
  const uint64_t begin = tensor.storage.begin + tensor.offset * size;  // inside the source: CheckView
  if (IsContiguous(tensor)) return tensor.storage.source->ReadAt(begin, *out);
  return Gather(tensor, begin, (*Reach(tensor) + 1) * size, out);
}

// Slices of the first axis that has a length; of a tensor without gaps, of all its elements.
Status ForEachPiece(const ForeignTensor& tensor,
                    const std::function<Status(std::span<const std::byte>)>& take) {
  constexpr int64_t kPiece = 4 << 20, kMostPieces = 16;
  ForeignTensor part = tensor;
  const int64_t elements = tensor.shape.elements(), size = static_cast<int64_t>(DTypeBytes(tensor.type));
  if (IsContiguous(tensor)) {
    part.shape = {elements};
    SetContiguous(&part);
  }
  int axis = 0;
  while (axis + 1 < part.shape.rank && part.shape[axis] == 1) ++axis;
  const int64_t length = part.shape.rank > 0 ? part.shape[axis] : 1;
  const int64_t wanted = std::max(kPiece, elements * size / kMostPieces);
  const int64_t step = std::max<int64_t>(1, length * wanted / std::max<int64_t>(1, elements * size));
  std::vector<std::byte> bytes;
  for (int64_t at = 0; at < length; at += step) {
    if (part.shape.rank > 0) part.shape.dim[axis] = std::min(step, length - at);
    MIEN_TRY(ReadContiguous(part, &bytes));
    MIEN_TRY(take(bytes));
    part.offset += static_cast<uint64_t>(step * part.strides[axis]);
  }
  return {};
}

void SetContiguous(ForeignTensor* tensor) {
  int64_t stride = 1;
  for (int i = tensor->shape.rank - 1; i >= 0; --i) {
    tensor->strides[i] = stride;
    stride *= tensor->shape[i];
  }
}

ForeignTensor OwnedTensor(const std::string& name, const Shape& shape, std::vector<std::byte> floats) {
  ForeignTensor tensor;
  tensor.name = name;
  tensor.shape = shape;
  tensor.storage = {DType::kF32, static_cast<uint64_t>(shape.elements()), 0, OwnedSource(std::move(floats))};
  SetContiguous(&tensor);
  return tensor;
}

std::shared_ptr<const ByteSource> OwnedSource(std::vector<std::byte> bytes) {
  return std::make_shared<VectorSource>(std::move(bytes));
}

}  // namespace mien
