// affine_coupling on the CPU: one row at a time, logabsdet in double.
#include "kernels/affine_coupling/affine_coupling.h"

#include <algorithm>
#include <cmath>

#include "kernels/spans.h"

namespace mien {

namespace {

// The sum of log(scale) over a row. Scales lie in (1e-3, 1.001]: 64 of them multiply without underflow in double, so
// that one logarithm serves 64 columns.
class LogSum {
 public:
  void Add(double scale) {
    product_ *= scale;
    if (++count_ % 64 == 0) Flush();
  }
  double Total() {
    Flush();
    return sum_;
  }

 private:
  void Flush() {
    sum_ += std::log(product_);
    product_ = 1.0;
  }
  double sum_ = 0.0, product_ = 1.0;
  int count_ = 0;
};

}  // namespace

void AffineCoupling::Cpu(const Params& params, const CpuCall& call) {
  const int64_t d = call.in[kX].shape[2], transformed = call.in[kIndex].shape[0];
  const int64_t stride = call.in[kP].shape[2];
  const float* index = call.in[kIndex].data;
  ForSpans(call.threads, call.out[1].shape.elements(), 1, [&](int64_t row, int64_t, int64_t) {
    const float* x = call.in[kX].data + row * d;
    const float* shift = call.in[kP].data + row * stride;
    float* y = call.out[0].data + row * d;
    std::copy_n(x, d, y);
    LogSum logabsdet;
    for (int64_t t = 0; t < transformed; ++t) {
      const int64_t k = static_cast<int64_t>(index[t]);
      float scale = 1.0f;
      if (!params.additive) {
        // In double from here: scales near 1 would lose the digits that their logarithm needs.
        const double exact = 1.0 / (1.0 + std::exp(-(shift[transformed + t] + 2.0f))) + 1e-3;
        logabsdet.Add(exact);
        scale = static_cast<float>(exact);
      }
      y[k] = params.inverse ? (x[k] - shift[t]) / scale : x[k] * scale + shift[t];
    }
    const double total = logabsdet.Total();
    call.out[1].data[row] = static_cast<float>(params.inverse ? -total : total);
  });
}

}  // namespace mien
