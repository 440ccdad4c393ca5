// NVIDIA's own libraries: rivals in bench, a second opinion in selftest. They are loaded when somebody asks
// for them and never linked; each may be missing. Feature maps are channels-last, elements are halves in fp16
// and floats otherwise.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/check/rivals_abi.h"
#include "runtime/device.h"

namespace mien {

// y [rows,outputs] = x [rows,inputs] w^T, w [outputs,inputs].
struct GemmShape {
  int rows = 0, inputs = 0, outputs = 0;
};
// x [N,H,W,inputs], w [outputs,kernel,kernel,inputs], y [N,out_height(),out_width(),outputs].
struct ConvShape {
  int batch = 1, height = 0, width = 0, inputs = 0, outputs = 0, kernel = 1, stride = 1, pad = 0;
  int out_height() const { return (height + 2 * pad - kernel) / stride + 1; }
  int out_width() const { return (width + 2 * pad - kernel) / stride + 1; }
};

class Cublas {
 public:
  static Result<Cublas> Open(void* stream);
  const std::string& name() const { return name_; }  // with its version
  Status Multiply(Precision precision, const GemmShape& shape, const void* x, const void* w, void* y) const;

 private:
  CublasCalls calls_;
  DeviceHandle handle_;
  std::string name_;
};

class Cudnn {
 public:
  struct Convolution {
    DeviceHandle x, w, y, op;
    int algorithm = 0;  // the first that cuDNN's heuristics name
    size_t workspace_bytes = 0;
  };
  static Result<Cudnn> Open(void* stream);
  const std::string& name() const { return name_; }
  Result<Convolution> Prepare(Precision precision, const ConvShape& shape) const;
  Status Convolve(const Convolution& convolution, const void* x, const void* w, void* y,
                  void* workspace) const;

 private:
  CudnnCalls calls_;
  DeviceHandle handle_;
  std::string name_;
};

struct Rivals {
  void* stream = nullptr;  // where they run
  std::optional<Cublas> cublas;
  std::optional<Cudnn> cudnn;
  std::vector<std::string> lines;  // one each: what was found, or why it cannot be used
};
Rivals OpenRivals(void* stream);

}  // namespace mien
