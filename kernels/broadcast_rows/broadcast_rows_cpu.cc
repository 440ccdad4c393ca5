// broadcast_rows on the CPU: rows of 512; untruncated rows keep their bits.
#include "kernels/broadcast_rows/broadcast_rows.h"

#include <algorithm>

namespace mien {

void BroadcastRows::Cpu(const Params& params, const CpuCall& call) {
  const int64_t n = call.in[kW].shape[0], d = call.in[kW].shape[1], rows = params.rows;
  const bool plain = !call.in[kAvg].present() || params.psi == 1.0f;
  const int64_t cutoff = plain ? 0 : params.cutoff < 0 ? rows : params.cutoff;
  const float* avg = call.in[kAvg].data;
  for (int64_t i = 0; i < n; ++i) {
    const float* w = call.in[kW].data + i * d;
    for (int64_t l = 0; l < rows; ++l) {
      float* y = call.out[0].data + (i * rows + l) * d;
      if (l >= cutoff) {
        std::copy_n(w, d, y);
      } else {
        for (int64_t k = 0; k < d; ++k) y[k] = avg[k] + params.psi * (w[k] - avg[k]);
      }
    }
  }
}

}  // namespace mien
