// Small helpers of the weights tests: files in memory, model files with made-up numbers.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "weights/container.h"
#include "weights/layout.h"
#include "weights/schema.h"
#include "weights/writer.h"

namespace mien::testing {

using Metadata = std::map<std::string, std::string>;

// A tensor that owns its bytes.
struct OwnedTensor {
  std::string name;
  DType type = DType::kF32;
  Shape shape;
  std::string bytes;
};

// Bytes that own themselves, so that a parsed file may outlive the test's variable.
class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string bytes)
      : bytes_(std::move(bytes)), memory_(std::as_bytes(std::span(bytes_))) {}
  uint64_t size() const override { return memory_.size(); }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    return memory_.ReadAt(offset, out);
  }

 private:
  std::string bytes_;
  MemorySource memory_;
};

inline std::shared_ptr<const ByteSource> Source(std::string bytes) {
  return std::make_shared<StringSource>(std::move(bytes));
}

template <class T>
std::string BytesOf(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

std::string EncodeFile(const std::vector<OwnedTensor>& tensors, const Metadata& metadata,
                       TensorFile::Profile profile);

// Every tensor the config asks for, filled with small numbers; masks alternate as in the real nets.
std::vector<OwnedTensor> MadeUpTensors(const ModelConfig& config);
// The same as a whole model file.
std::string MadeUpModel(const ModelConfig& config);

ModelConfig TinyGenerator();        // rosinality, 8 pixels
ModelConfig TinyNvidiaGenerator();  // conditional, 8 pixels
ModelConfig TinyFlow();             // odd feature count, norms inside, none between
ModelConfig TinyEncoder();          // 32 pixels, 4 rows, one block per stage

std::string ReadData(const std::string& name);  // tests/data/golden/<name>
std::string TemporaryPath(const std::string& name);

}  // namespace mien::testing
