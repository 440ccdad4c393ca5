// A file of tensors that is read by the names in it, with errors that name file and tensor.
#pragma once

#include <string>
#include <vector>

#include "tools/tensors.h"

namespace mien {

// All elements as doubles, NaN among them. Refused: a quantised tensor.
Result<std::vector<double>> ReadDoubles(const ForeignTensor& tensor);

class TensorSource {
 public:
  static Result<TensorSource> Open(const std::string& path);

  const std::string& path() const { return path_; }
  const ForeignFile& file() const { return file_; }
  const ForeignTensor* Find(const std::string& name) const { return file_.Find(name); }

  // Of the shape; kAny dimensions (-1) may be anything. Its shape comes back in `found`.
  Result<std::vector<double>> Read(const std::string& name, const Shape& expected, Shape* found) const;
  Result<std::vector<float>> ReadFinite(const std::string& name, const Shape& expected, Shape* found) const;
  // Unknown numbers are NaN.
  Result<std::vector<float>> ReadLabels(const std::string& name, const Shape& expected, Shape* found) const;
  Result<std::vector<int64_t>> ReadPeople(const std::string& name, int64_t images) const;
  // A number of the metadata; `value` stays where there is none.
  Status TakeNumber(const char* key, double* value) const;

 private:
  TensorSource(std::string path, ForeignFile file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  ForeignFile file_;
};

}  // namespace mien
