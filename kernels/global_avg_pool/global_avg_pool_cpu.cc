// global_avg_pool on the CPU: sums in double, in lanes of a fixed order.
#include "kernels/global_avg_pool/global_avg_pool.h"

#include "kernels/cpu/sums.h"

namespace mien {

void GlobalAvgPool::Cpu(const Params&, const CpuCall& call) {
  const Shape& shape = call.in[kX].shape;
  const int64_t plane = shape[2] * shape[3];
  const int64_t planes = shape[0] * shape[1];
  // One plane is one task: its sum has one order.
  call.threads->ParallelFor(static_cast<int>(planes), [&](int task, int) {
    const double sum = Sum(call.in[kX].data + task * plane, plane);
    call.out[0].data[task] = static_cast<float>(sum / static_cast<double>(plane));
  });
}

}  // namespace mien
