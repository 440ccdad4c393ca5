// bias_act on the device, the plain form: one thread per output.
#include "kernels/bias_act/bias_act.h"
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/op.cuh"

namespace mien::MIEN_EXECUTOR {
namespace {

struct BiasActParams {
  const float *x, *noise, *noise_strength, *bias, *prelu;  // as in bias_act.h; null: absent
  float* y;
  int64_t outputs, plane, channels;
  int64_t noise_stride;  // from one sample's map to the next; 0: one map for all
  BiasAct::Params op;
};

// y = clamp(act(x + noise_strength noise + bias) act_gain).
__global__ __launch_bounds__(kOutputThreads) void ActivateMap(BiasActParams p) {
  const int64_t i = OutputIndex();
  if (!Inside(i, p.outputs)) return;
  const int64_t pixel = i % p.plane, c = i / p.plane % p.channels, n = i / p.plane / p.channels;
  float v = p.x[i];
  if (p.noise != nullptr) v = fmaf(p.noise_strength[0], p.noise[n * p.noise_stride + pixel], v);
  if (p.bias != nullptr) v += p.bias[c];
  v = Activate(p.op.act, p.prelu != nullptr ? p.prelu[c] : p.op.slope, v) * p.op.act_gain;
  p.y[i] = Clamp(v, p.op.clamp);
}

}  // namespace

template <>
Status RunGpu<BiasAct>(const BiasAct::Params& params, const GpuCall& call) {
  const auto in = [&](BiasAct::Input i) { return call.in[i].data; };
  const Shape &x = call.in[BiasAct::kX].shape, &noise = call.in[BiasAct::kNoise].shape;
  const int64_t plane = x.elements() / (x[0] * x[1]);
  const BiasActParams p = {in(BiasAct::kX),
                           in(BiasAct::kNoise),
                           in(BiasAct::kNoiseStrength),
                           in(BiasAct::kBias),
                           in(BiasAct::kPrelu),
                           call.out[0].data,
                           x.elements(),
                           plane,
                           x[1],
                           noise.present() && noise[0] > 1 ? plane : 0,
                           params};
  return LaunchOutputs<ActivateMap>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
