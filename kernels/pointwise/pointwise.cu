// pointwise on the device, the plain form: one thread per number of the output, of sums one warp.
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/block.cuh"
#include "kernels/cuda/op.cuh"
#include "kernels/pointwise/pointwise.h"

namespace mien::MIEN_EXECUTOR {
namespace {

constexpr int kOperands = Formula::kOperands, kValues = kOperands + Formula::kMaxSteps;
constexpr int kThreads = kRowWarps * kWarpSize;

struct PointwiseParams {
  const float* in[kOperands];       // null: not read
  int64_t period[kOperands];        // number i of the call reads number i / stride % period of an operand
  int64_t stride[kOperands];
  float* y;
  int64_t outputs, terms;           // how many are added for each output
  int64_t output_stride, term_stride;  // output o adds numbers o * output_stride + t * term_stride
  Formula::Step steps[Formula::kMaxSteps];
  int count, result;
};

__device__ float Result(const Formula::Step& step, float a, float b) {
  switch (step.code) {
    case Formula::Code::kConstant: return step.value;
    case Formula::Code::kAdd: return a + b;
    case Formula::Code::kSubtract: return a - b;
    case Formula::Code::kMultiply: return a * b;
    case Formula::Code::kDivide: return a / b;
    case Formula::Code::kExp: return expf(a);
    case Formula::Code::kLog: return logf(a);
    case Formula::Code::kSqrt: return sqrtf(a);
    case Formula::Code::kSigmoid: return Sigmoid(a);
    case Formula::Code::kSoftplus: return fmaxf(a, 0.0f) + log1pf(expf(-fabsf(a)));
    case Formula::Code::kRelu: return fmaxf(a, 0.0f);
    default: return a > 0.0f ? 1.0f : 0.0f;
  }
}

// The formula for number i; `values`: this thread's place for operands and steps, a block's threads apart.
__device__ float Evaluate(const PointwiseParams& p, int64_t i, float* values) {
  for (int k = 0; k < kOperands; ++k) {
    if (p.in[k] != nullptr) values[k * kThreads] = p.in[k][i / p.stride[k] % p.period[k]];
  }
  for (int s = 0; s < p.count; ++s) {
    const float a = values[p.steps[s].a * kThreads], b = values[p.steps[s].b * kThreads];
    values[(kOperands + s) * kThreads] = Result(p.steps[s], a, b);
  }
  return values[p.result * kThreads];
}

__global__ __launch_bounds__(kThreads) void MapNumbers(PointwiseParams p) {
  MIEN_SHARED(float, values, [kValues * kThreads]);
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (Inside(i, p.outputs)) p.y[i] = Evaluate(p, i, values + threadIdx.x);
}

__global__ __launch_bounds__(kThreads) void SumNumbers(PointwiseParams p) {
  MIEN_SHARED(float, values, [kValues * kThreads]);
  const int64_t output = RowIndex();
  if (!Inside(output, p.outputs)) return;  // whole warps
  float sum = 0.0f;
  for (int64_t t = LaneIndex(); t < p.terms; t += kWarpSize)
    sum += Evaluate(p, output * p.output_stride + t * p.term_stride, values + threadIdx.x);
  sum = WarpSum(sum);
  if (LaneIndex() == 0) p.y[output] = sum;
}

}  // namespace

template <>
Status RunGpu<Pointwise>(const Pointwise::Params& params, const GpuCall& call) {
  Shape shapes[kOperands];
  for (int k = 0; k < kOperands; ++k) shapes[k] = call.in[static_cast<size_t>(k)].shape;
  const int64_t numbers = shapes[0].elements();
  PointwiseParams p = {};
  for (int k = 0; k < kOperands; ++k) {
    if (!params.formula.Reads(k)) continue;
    p.in[k] = call.in[static_cast<size_t>(k)].data;
    p.period[k] = shapes[k].elements();
    p.stride[k] = Pointwise::RepeatOf(params, shapes, k) == Pointwise::Repeat::kFirst ? numbers / p.period[k] : 1;
  }
  p.y = call.out[0].data;
  p.outputs = call.out[0].shape.elements();
  p.terms = numbers / p.outputs;
  p.output_stride = params.sum_last > 0 ? p.terms : 1;
  p.term_stride = params.sum_last > 0 ? 1 : p.outputs;
  p.count = params.formula.steps();
  p.result = params.formula.result();
  for (int s = 0; s < p.count; ++s) p.steps[s] = params.formula.step(s);
  if (params.sum_first + params.sum_last > 0) return LaunchRows<SumNumbers>(p.outputs, call.stream, p);
  return Launch<MapNumbers>(Blocks(p.outputs, kThreads), kThreads, 0, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
