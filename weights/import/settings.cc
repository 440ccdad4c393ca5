#include "weights/import/settings.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "weights/header.h"

namespace mien {
namespace {

constexpr int kMaxDepth = 8;

template <class T>
double Element(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<double>(value);
}

double Element(DType type, const std::byte* at) {
  switch (type) {
    case DType::kF64:
      return Element<double>(at);
    case DType::kF32:
      return Element<float>(at);
    case DType::kF16:
      return HalfToFloat(static_cast<uint16_t>(Element<uint16_t>(at)));
    case DType::kBF16:
      return BFloat16ToFloat(static_cast<uint16_t>(Element<uint16_t>(at)));
    case DType::kI64:
      return Element<int64_t>(at);
    case DType::kI32:
      return Element<int32_t>(at);
    case DType::kI16:
      return Element<int16_t>(at);
    case DType::kI8:
      return Element<int8_t>(at);
    case DType::kU8:
    case DType::kBool:
      return Element<uint8_t>(at);
  }
  return 0;
}

std::optional<double> NumberIn(const ForeignScalar& scalar) {
  if (const auto* real = std::get_if<double>(&scalar)) return *real;
  if (const auto* integer = std::get_if<int64_t>(&scalar)) return static_cast<double>(*integer);
  if (const auto* flag = std::get_if<bool>(&scalar)) return *flag ? 1 : 0;
  const auto* text = std::get_if<std::string>(&scalar);
  if (text == nullptr || text->empty()) return {};
  double value = 0;  // options of a command line that nobody gave a type
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text->data() + text->size()) return {};
  return value;
}

Status Wrong(const std::string& path, const char* expected) {
  return Status::Error(Code::kRefused, "the setting %s is in a form that is not understood; %s expected",
                       Printable(path).c_str(), expected);
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

std::string SettingNumbers::Shape() const {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(dims[i]);
  }
  text += ']';
  return text;
}

Settings::Settings(const ForeignFile& file) : file_(file) {
  paths_.reserve(file.scalars.size() + file.tensors.size() + file.unread.size());
  for (const auto& [path, scalar] : file.scalars) paths_.push_back(path);
  for (const ForeignTensor& tensor : file.tensors) paths_.push_back(tensor.name);
  for (const auto& [path, what] : file.unread) paths_.push_back(path);
  std::sort(paths_.begin(), paths_.end());
}

const ForeignScalar* Settings::Scalar(const std::string& path) const {
  const auto found = file_.scalars.find(path);
  return found == file_.scalars.end() ? nullptr : &found->second;
}

bool Settings::Has(const std::string& path) const {
  return std::binary_search(paths_.begin(), paths_.end(), path) || HasBelow(path + ".");
}

bool Settings::HasBelow(const std::string& folder) const {
  const auto at = std::lower_bound(paths_.begin(), paths_.end(), folder);
  return at != paths_.end() && at->starts_with(folder);
}

// A value that was not found is not there, unless it, or all of what would hold it, could not be read. An
// object of an unknown class whose attributes were read is as good as a dictionary.
Status Settings::Missing(const std::string& path) const {
  for (std::string holder = path;;) {
    const auto unread = file_.unread.find(holder);
    if (unread != file_.unread.end() && (holder == path || (!holder.empty() && !HasBelow(holder + ".")))) {
      return Status::Error(Code::kRefused, "the setting %s cannot be read: %s is %s", Printable(path).c_str(),
                           Printable(holder).c_str(), unread->second.c_str());
    }
    if (holder.empty()) return {};
    const size_t dot = holder.rfind('.');
    holder.resize(dot == std::string::npos ? 0 : dot);
  }
}

std::string Settings::Nearest(std::string prefix, const std::string& name) const {
  while (true) {
    if (Has(prefix + name)) return prefix + name;
    if (prefix.empty()) return {};
    const size_t dot = prefix.size() < 2 ? std::string::npos : prefix.rfind('.', prefix.size() - 2);
    prefix.resize(dot == std::string::npos ? 0 : dot + 1);
  }
}

std::string Settings::Anywhere(const std::string& prefix, const std::string& name) const {
  const std::string nearest = Nearest(prefix, name);
  if (!nearest.empty()) return nearest;
  const std::vector<std::string> all = Named(name);
  return all.empty() ? std::string() : all[0];
}

std::vector<std::string> Settings::Named(std::string_view name) const {
  std::vector<std::string> found;
  for (std::string_view path : paths_) {
    for (size_t at = path.find(name); at != path.npos; at = path.find(name, at + 1)) {
      const size_t end = at + name.size();
      if ((at > 0 && path[at - 1] != '.') || (end < path.size() && path[end] != '.')) continue;
      if (found.empty() || found.back() != path.substr(0, end)) found.emplace_back(path.substr(0, end));
      break;
    }
  }
  return found;
}

Result<std::optional<double>> Settings::Number(const std::string& path) const {
  MIEN_ASSIGN(const auto numbers, Numbers(path, 1));
  if (!numbers) return std::optional<double>();
  if (numbers->values.size() != 1) return Wrong(path, "one number");
  return std::optional<double>(numbers->values[0]);
}

Result<std::optional<bool>> Settings::Flag(const std::string& path) const {
  const ForeignScalar* scalar = Scalar(path);
  const auto* text = scalar == nullptr ? nullptr : std::get_if<std::string>(scalar);
  if (text != nullptr && EqualsIgnoringCase(*text, "true")) return std::optional<bool>(true);
  if (text != nullptr && EqualsIgnoringCase(*text, "false")) return std::optional<bool>(false);
  MIEN_TRY(Missing(path));
  const auto number = Number(path);
  if (!number.ok() || (*number && **number != 0 && **number != 1)) return Wrong(path, "true or false");
  if (!*number) return std::optional<bool>();
  return std::optional<bool>(**number == 1);
}

Result<std::optional<std::string>> Settings::Text(const std::string& path) const {
  const ForeignScalar* scalar = Scalar(path);
  MIEN_TRY(Missing(path));
  if (!Has(path) || (scalar != nullptr && std::holds_alternative<std::monostate>(*scalar))) {
    return std::optional<std::string>();
  }
  const auto* text = scalar == nullptr ? nullptr : std::get_if<std::string>(scalar);
  if (text == nullptr) return Wrong(path, "a text");
  return std::optional<std::string>(*text);
}

Result<std::optional<SettingNumbers>> Settings::Numbers(const std::string& path, size_t most) const {
  const ForeignScalar* scalar = Scalar(path);
  MIEN_TRY(Missing(path));
  if (!Has(path) || (scalar != nullptr && std::holds_alternative<std::monostate>(*scalar))) {
    return std::optional<SettingNumbers>();
  }
  SettingNumbers numbers;
  MIEN_TRY(Collect(path, 0, most, &numbers));
  std::erase(numbers.dims, 1);
  return std::optional<SettingNumbers>(std::move(numbers));
}

// A tensor, a number, or a list of such things of one shape.
Status Settings::Collect(const std::string& path, int depth, size_t most, SettingNumbers* out) const {
  if (const ForeignTensor* tensor = file_.Find(path); tensor != nullptr) {
    const auto count = static_cast<size_t>(tensor->shape.elements());
    if (count > most - std::min(most, out->values.size())) return Wrong(path, "fewer numbers");
    std::vector<std::byte> bytes;
    MIEN_TRY(ReadContiguous(*tensor, &bytes));
    for (size_t i = 0; i < count; ++i) {
      const std::byte* const element = bytes.data() + i * DTypeBytes(tensor->type);
      out->values.push_back(tensor->quantization ? tensor->quantization->Value(static_cast<uint8_t>(*element))
                                                 : Element(tensor->type, element));
    }
    out->dims.assign(tensor->shape.dim, tensor->shape.dim + tensor->shape.rank);
    return {};
  }
  if (const ForeignScalar* scalar = Scalar(path); scalar != nullptr) {
    const auto number = NumberIn(*scalar);
    if (!number) return Wrong(path, "a number");
    if (out->values.size() >= most) return Wrong(path, "fewer numbers");
    out->values.push_back(*number);
    out->dims.clear();
    return {};
  }
  MIEN_TRY(Missing(path));
  std::vector<int64_t> dims;
  int64_t count = 0;
  for (;; ++count) {
    const std::string item = path + "." + std::to_string(count);
    if (!Has(item)) break;
    if (depth >= kMaxDepth) return Wrong(path, "numbers");
    MIEN_TRY(Collect(item, depth + 1, most, out));
    if (count > 0 && out->dims != dims) return Wrong(path, "lists of one length");
    dims = out->dims;
  }
  if (count == 0) return Wrong(path, "numbers");
  dims.insert(dims.begin(), count);
  out->dims = std::move(dims);
  return {};
}

}  // namespace mien
