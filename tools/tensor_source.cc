#include "tools/tensor_source.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "weights/header.h"

namespace mien {
namespace {

template <class T>
double Read(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<double>(value);
}

double Read(DType type, const std::byte* at) {
  switch (type) {
    case DType::kF64:
      return Read<double>(at);
    case DType::kF32:
      return Read<float>(at);
    case DType::kF16:
      return HalfToFloat(static_cast<uint16_t>(Read<uint16_t>(at)));
    case DType::kBF16:
      return BFloat16ToFloat(static_cast<uint16_t>(Read<uint16_t>(at)));
    case DType::kI64:
      return Read<int64_t>(at);
    case DType::kI32:
      return Read<int32_t>(at);
    case DType::kI16:
      return Read<int16_t>(at);
    case DType::kI8:
      return Read<int8_t>(at);
    case DType::kU8:
      return Read<uint8_t>(at);
    case DType::kBool:
      return Read<uint8_t>(at) != 0 ? 1 : 0;
  }
  return 0;
}

std::string InWords(const Shape& shape) {
  std::string text;
  for (int i = 0; i < shape.rank; ++i) text += (i > 0 ? "," : "") + (shape[i] < 0 ? "?" : std::to_string(shape[i]));
  return "[" + text + "]";
}

}  // namespace

Result<std::vector<double>> ReadDoubles(const ForeignTensor& tensor) {
  if (tensor.quantization) {
    return Status::Error(Code::kRefused, "tensor %s is quantised", Printable(tensor.name).c_str());
  }
  std::vector<std::byte> bytes;
  MIEN_TRY(ReadContiguous(tensor, &bytes));
  std::vector<double> values(static_cast<size_t>(tensor.shape.elements()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = Read(tensor.type, bytes.data() + i * DTypeBytes(tensor.type));
  return values;
}

Result<TensorSource> TensorSource::Open(const std::string& path) {
  MIEN_ASSIGN(ForeignFile file, OpenTensors(path));
  return TensorSource(path, std::move(file));
}

Result<std::vector<double>> TensorSource::Read(const std::string& name, const Shape& expected, Shape* found) const {
  const ForeignTensor* const tensor = Find(name);
  if (tensor == nullptr) {
    return Status::Error(Code::kRefused, "%s: a tensor %s %s expected, found %s", path_.c_str(), name.c_str(),
                         InWords(expected).c_str(), ContentInWords(file_).c_str());
  }
  bool fits = tensor->shape.rank == expected.rank;
  for (int i = 0; i < expected.rank && fits; ++i)
    fits = tensor->shape[i] > 0 && (expected[i] < 0 || expected[i] == tensor->shape[i]);
  if (!fits) {
    return Status::Error(Code::kRefused, "%s: tensor %s: %s expected, %s found", path_.c_str(), name.c_str(),
                         InWords(expected).c_str(), tensor->shape.ToString().c_str());
  }
  *found = tensor->shape;
  auto values = ReadDoubles(*tensor);
  return values.ok() ? std::move(values) : values.status().Within("%s", path_.c_str());
}

Result<std::vector<float>> TensorSource::ReadFinite(const std::string& name, const Shape& expected,
                                                    Shape* found) const {
  MIEN_ASSIGN(const std::vector<double> values, Read(name, expected, found));
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(static_cast<float>(values[i]))) continue;
    return Status::Error(Code::kRefused, "%s: tensor %s: element %zu is not finite", path_.c_str(), name.c_str(), i);
  }
  return std::vector<float>(values.begin(), values.end());
}

Result<std::vector<float>> TensorSource::ReadLabels(const std::string& name, const Shape& expected,
                                                    Shape* found) const {
  MIEN_ASSIGN(const std::vector<double> values, Read(name, expected, found));
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isinf(static_cast<float>(values[i]))) continue;
    return Status::Error(Code::kRefused, "%s: tensor %s: element %zu is infinite", path_.c_str(), name.c_str(), i);
  }
  return std::vector<float>(values.begin(), values.end());
}

Result<std::vector<int64_t>> TensorSource::ReadPeople(const std::string& name, int64_t images) const {
  Shape found;
  MIEN_ASSIGN(const std::vector<double> values, Read(name, {images}, &found));
  std::vector<int64_t> people;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!(std::fabs(values[i]) < 9e15) || values[i] != std::floor(values[i])) {
      return Status::Error(Code::kRefused, "%s: tensor %s: element %zu: a whole number expected, %g found",
                           path_.c_str(), name.c_str(), i, values[i]);
    }
    people.push_back(static_cast<int64_t>(values[i]));
  }
  return people;
}

Status TensorSource::TakeNumber(const char* key, double* value) const {
  const auto found = file_.metadata.find(key);
  if (found == file_.metadata.end()) return {};
  char* end = nullptr;
  const double number = std::strtod(found->second.c_str(), &end);
  if (found->second.empty() || *end != '\0' || !std::isfinite(number)) {
    return Status::Error(Code::kRefused, "%s: metadata %s: a number expected, %s found", path_.c_str(), key,
                         Printable(found->second).c_str());
  }
  *value = number;
  return {};
}

}  // namespace mien
