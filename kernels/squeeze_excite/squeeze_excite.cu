// squeeze_excite on the device, the plain form: means, the two layers, and the product, a kernel each. Scratch:
// means [N,C], hidden [N,C/r], excitation [N,C].
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/block.cuh"
#include "kernels/cuda/op.cuh"
#include "kernels/squeeze_excite/squeeze_excite.h"

namespace mien::MIEN_EXECUTOR {
namespace {

constexpr int kThreads = 128;

struct MeansParams {
  const float* u;
  float* means;
  int64_t plane;
};
struct LayerParams {
  const float *x, *weight;  // [N,inputs], [outputs,inputs]
  float* y;                 // [N,outputs]
  int64_t rows, inputs, outputs;
  Activation act;
};
struct ExciteParams {
  const float *u, *e, *shortcut;  // shortcut null: absent
  float* y;
  int64_t outputs, plane;
};

// One block per channel.
__global__ __launch_bounds__(kThreads) void MeansOfChannels(MeansParams p) {
  const float mean = BlockMean(p.u + blockIdx.x * p.plane, p.plane);
  if (ThreadIndex() == 0) p.means[blockIdx.x] = mean;
}

// y = act(W x), one warp per number.
__global__ __launch_bounds__(kRowWarps * 32) void SqueezeLayer(LayerParams p) {
  const int64_t row = RowIndex();
  if (!Inside(row, p.rows)) return;  // whole warps
  const float *x = p.x + row / p.outputs * p.inputs, *w = p.weight + row % p.outputs * p.inputs;
  float sum = 0.0f;
  for (int64_t k = LaneIndex(); k < p.inputs; k += kWarpSize) sum = fmaf(w[k], x[k], sum);
  sum = WarpSum(sum);
  if (LaneIndex() == 0) p.y[row] = Activate(p.act, 0.0f, sum);
}

// y = u e + shortcut.
__global__ __launch_bounds__(kOutputThreads) void Excite(ExciteParams p) {
  const int64_t i = OutputIndex();
  if (Inside(i, p.outputs)) p.y[i] = fmaf(p.u[i], p.e[i / p.plane], p.shortcut != nullptr ? p.shortcut[i] : 0.0f);
}

}  // namespace

template <>
int64_t GpuScratchFloats<SqueezeExcite>(const SqueezeExcite::Params&, Shapes in) {
  return in[SqueezeExcite::kU][0] * (2 * in[SqueezeExcite::kU][1] + in[SqueezeExcite::kFc1][0]);
}

template <>
Status RunGpu<SqueezeExcite>(const SqueezeExcite::Params&, const GpuCall& call) {
  const auto in = [&](SqueezeExcite::Input i) { return call.in[i].data; };
  const Shape& u = call.in[SqueezeExcite::kU].shape;
  const int64_t channels = u[0] * u[1], squeezed = call.in[SqueezeExcite::kFc1].shape[0], plane = u[2] * u[3];
  float *means = call.scratch, *hidden = means + channels, *e = hidden + u[0] * squeezed;
  const LayerParams squeeze = {means, in(SqueezeExcite::kFc1), hidden, u[0] * squeezed, u[1], squeezed,
                               Activation::kRelu};
  const LayerParams excite = {hidden, in(SqueezeExcite::kFc2), e, channels, squeezed, u[1], Activation::kSigmoid};
  const ExciteParams product = {in(SqueezeExcite::kU), e,     in(SqueezeExcite::kShortcut), call.out[0].data,
                                u.elements(),          plane};
  MIEN_TRY(Launch<MeansOfChannels>(Blocks(channels, 1), kThreads, 0, call.stream,
                                   MeansParams{in(SqueezeExcite::kU), means, plane}));
  MIEN_TRY(LaunchRows<SqueezeLayer>(squeeze.rows, call.stream, squeeze));
  MIEN_TRY(LaunchRows<SqueezeLayer>(excite.rows, call.stream, excite));
  return LaunchOutputs<Excite>(product.outputs, call.stream, product);
}

}  // namespace mien::MIEN_EXECUTOR
