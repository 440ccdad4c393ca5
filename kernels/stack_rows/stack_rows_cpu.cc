// stack_rows on the CPU: rows of 512, summed in the order of the formula.
#include <algorithm>

#include "kernels/stack_rows/stack_rows.h"

namespace mien {

void StackRows::Cpu(const Params& params, const CpuCall& call) {
  const int64_t n = call.in[kBase].shape[0], d = call.in[kBase].shape[1], rows = params.rows;
  const View<const float>& average = call.in[kAverage];
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t l = 0; l < rows; ++l) {
      const bool has_delta = l > 0 && call.in[kAverage + l].present();
      float* y = call.out[0].data + (i * rows + l) * d;
      if (l == 0 || !params.independent)
        std::copy_n(call.in[kBase].data + i * d, d, y);
      else
        std::fill_n(y, d, 0.0f);
      for (int64_t k = 0; has_delta && k < d; ++k) y[k] += call.in[kAverage + l].data[i * d + k];
      for (int64_t k = 0; average.present() && k < d; ++k) y[k] += average.data[l * d + k];
    }
  }
}

}  // namespace mien
