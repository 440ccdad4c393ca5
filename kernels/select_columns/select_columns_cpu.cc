// select_columns on the CPU: rows gathered or scattered, or copied where the columns lie side by side.
#include <algorithm>

#include "kernels/select_columns/select_columns.h"

namespace mien {
namespace {

void Row(const SelectColumns::Params& params, const float* index, int64_t x_columns, int64_t y_columns,
         const float* __restrict x, float* __restrict y) {
  if (params.scatter == 0) {
    if (index == nullptr) std::copy_n(x + params.first, y_columns, y);
    for (int64_t k = 0; k < y_columns && index != nullptr; ++k) y[k] = x[static_cast<int64_t>(index[k])];
    return;
  }
  std::fill_n(y, y_columns, 0.0f);
  if (index == nullptr) std::copy_n(x, x_columns, y + params.first);
  for (int64_t k = 0; k < x_columns && index != nullptr; ++k) y[static_cast<int64_t>(index[k])] = x[k];
}

}  // namespace

void SelectColumns::Cpu(const Params& params, const CpuCall& call) {
  constexpr int64_t kTaskRows = 64;
  const Shape &x = call.in[kX].shape, &y = call.out[0].shape;
  const int64_t x_columns = x[x.rank - 1], y_columns = y[y.rank - 1], rows = x.elements() / x_columns;
  call.threads->ParallelFor(static_cast<int>((rows + kTaskRows - 1) / kTaskRows), [&](int task, int) {
    for (int64_t row = task * kTaskRows; row < std::min(rows, (task + 1) * kTaskRows); ++row) {
      Row(params, call.in[kIndex].data, x_columns, y_columns, call.in[kX].data + row * x_columns,
          call.out[0].data + row * y_columns);
    }
  });
}

}  // namespace mien
