// What a file says beside its tensors. There is one way to read a setting, whatever holds it: dictionaries
// and lists of any class, plain and NumPy numbers, texts, tensors of any type. A setting that is there and
// not understood is refused by its name; nothing falls back to a default.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights/import/foreign.h"

namespace mien {

// A tensor or nested lists of one length, row-major.
struct SettingNumbers {
  std::vector<int64_t> dims;  // without those of size 1
  std::vector<double> values;

  std::string Shape() const;  // "[2,8]"
};

// Paths are dotted, as in ForeignFile. A value that is not there and a None are both nothing. What the
// readers could not read is there.
class Settings {
 public:
  explicit Settings(const ForeignFile& file);

  const ForeignFile& file() const { return file_; }
  bool Has(const std::string& path) const;  // a value, or something below it
  // The path of the `name` nearest to what lies under `prefix` ("a.b."): a.b.name, a.name or name; empty:
  // nowhere.
  std::string Nearest(std::string prefix, const std::string& name) const;
  // The same, or where that is nowhere, the first `name` of the whole file.
  std::string Anywhere(const std::string& prefix, const std::string& name) const;
  // Every path that ends with `name`, in the order of the alphabet.
  std::vector<std::string> Named(std::string_view name) const;

  Result<std::optional<bool>> Flag(const std::string& path) const;      // also 0, 1 and "True"
  Result<std::optional<double>> Number(const std::string& path) const;  // also of one element
  Result<std::optional<std::string>> Text(const std::string& path) const;
  // At most `most` of them.
  Result<std::optional<SettingNumbers>> Numbers(const std::string& path, size_t most) const;

 private:
  const ForeignScalar* Scalar(const std::string& path) const;
  bool HasBelow(const std::string& folder) const;
  Status Missing(const std::string& path) const;
  Status Collect(const std::string& path, int depth, size_t most, SettingNumbers* out) const;

  const ForeignFile& file_;
  std::vector<std::string_view> paths_;  // of all scalars, tensors and what was not read, sorted
};

}  // namespace mien
