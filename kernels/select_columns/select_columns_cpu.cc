// select_columns on the CPU: a gather of 256 numbers per row.
#include "kernels/select_columns/select_columns.h"

namespace mien {

void SelectColumns::Cpu(const Params&, const CpuCall& call) {
  const int64_t d = call.in[kX].shape[2], selected = call.in[kIndex].shape[0];
  const int64_t rows = call.in[kX].shape[0] * call.in[kX].shape[1];
  for (int64_t row = 0; row < rows; ++row) {
    const float* x = call.in[kX].data + row * d;
    float* y = call.out[0].data + row * selected;
    for (int64_t k = 0; k < selected; ++k) y[k] = x[static_cast<int64_t>(call.in[kIndex].data[k])];
  }
}

}  // namespace mien
