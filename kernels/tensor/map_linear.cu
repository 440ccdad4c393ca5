// One block per feature of a row, for all samples: the weights of a feature are read from memory once.
#include "kernels/cuda/block.cuh"
#include "kernels/tensor/element.cuh"
#include "kernels/tensor/map_linear.h"
#include "kernels/tensor/pack.h"
#include "kernels/tensor/run.cuh"

namespace mien::MIEN_EXECUTOR {
namespace {

constexpr int kThreads = 128;

struct MapLinearParams {
  const void *x, *weight;
  const float* bias;
  float* y;
  int batch, groups, rows, outputs;
  int stored;         // channels of one row in the map
  int pixels, spans;  // of the map; of the weights: 1 when pooled
  bool stacked;
};

// Grid (M, L). Thread t sums vectors t, t + 128, ... of the row's own map and, where stacked, of row 0's
// behind it.
template <class Element>
__global__ __launch_bounds__(kThreads) void MultiplyMap(MapLinearParams p) {
  const int m = static_cast<int>(blockIdx.x), row = static_cast<int>(blockIdx.y);
  const int vectors = p.stored / kPerVector<Element>, per_group = p.pixels * vectors;
  const bool own = Inside(row, p.groups), base = p.stacked && row > 0;
  const Element* const weights = static_cast<const Element*>(p.weight);
  for (int n = 0; n < p.batch; ++n) {
    const Element* const x = static_cast<const Element*>(p.x) + int64_t{n} * p.pixels * p.groups * p.stored;
    float sum = 0.0f;
    for (int i = ThreadIndex(); i < (own + base) * per_group; i += kThreads) {
      const int group = own && i < per_group ? row : 0, j = i % per_group;
      const int pixel = j / vectors, c = j % vectors * kPerVector<Element>;
      const int span = p.spans == 1 ? 0 : pixel;
      float a[kPerVector<Element>], b[kPerVector<Element>];
      LoadElements(x + (pixel * p.groups + group) * p.stored + c, a);
      LoadElements(weights + (int64_t{group * p.outputs + m} * p.spans + span) * p.stored + c, b);
      MIEN_UNROLL
      for (int k = 0; k < kPerVector<Element>; ++k) sum = fmaf(a[k], b[k], sum);
    }
    sum = BlockSum(sum);
    if (ThreadIndex() == 0) p.y[(n * p.rows + row) * p.outputs + m] = sum + p.bias[row * p.outputs + m];
  }
}

}  // namespace

template <>
Status RunFast<MapLinear>(const MapLinear::Params& params, const FastCall& call) {
  const MapLinear::Weights& w = params.weights;
  MapLinearParams p = {};
  p.x = call.in[MapLinear::kX];
  p.bias = static_cast<const float*>(call.in[MapLinear::kPacked]);
  p.weight = static_cast<const std::byte*>(call.in[MapLinear::kPacked]) + BiasBytes(w.rows * w.outputs);
  p.y = static_cast<float*>(call.out[MapLinear::kY]);
  p.batch = params.batch;
  p.groups = w.groups;
  p.rows = w.rows;
  p.outputs = w.outputs;
  p.stored = static_cast<int>(MapChannels(w.channels));
  p.pixels = w.pixels;
  p.spans = w.pooled ? 1 : w.pixels;
  p.stacked = w.stacked;
  const dim3 grid(static_cast<unsigned>(w.outputs), static_cast<unsigned>(w.rows));
  return WithElement(w.precision, [&]<class Element>() {
    return Launch<MultiplyMap<Element>>(grid, kThreads, 0, call.stream, p);
  });
}

}  // namespace mien::MIEN_EXECUTOR
