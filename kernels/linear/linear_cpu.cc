// linear on the CPU: vectors run along the output features, up to six rows share one pass over the weights.
// Packed: table [max(1,C)][M] (bias and context column), gate [C][M] when gated, weight tiles (gemm.h).
// Scratch: the rows, packed; then one block of results per thread.
#include <algorithm>
#include <cmath>

#include "kernels/gemm/gemm.h"
#include "kernels/linear/linear.h"

namespace mien {
namespace {

constexpr int64_t kTaskTiles = 4;  // features of a task, in tiles

struct Layout {
  int64_t columns, inputs, features, contexts;
  int64_t gate, weight, end;  // offsets in the packed block

  Layout(const Linear::Params& params, const Shape& shape, bool gated) {
    columns = shape[1];
    inputs = columns - (params.context_in_weight ? params.contexts : 0);
    features = shape[0];
    contexts = std::max(1, params.contexts);
    gate = gemm::RoundUp(contexts * features, gemm::kTile);
    weight = gated ? 2 * gate : gate;
    end = weight + gemm::PackedFeaturesFloats(features, inputs);
  }
};

float Sigmoid(float t) { return 1.0f / (1.0f + std::exp(-t)); }

float Activate(const Linear::Params& params, float t) {
  switch (params.act) {
    case Activation::kRelu:
      return t < 0 ? 0.0f : t;
    case Activation::kLeaky:
      return t < 0 ? params.slope * t : t;
    case Activation::kSigmoid:
      return Sigmoid(t);
    default:
      return t;
  }
}

int64_t OutputRows(const Linear::Params& params, const Shape& x) {
  return x.rank == 3 && params.row < 0 ? x[0] * x[1] : x[0];
}

}  // namespace

int64_t Linear::PackedFloats(const Params& params, Shapes in) {
  return Layout(params, in[kWeight], in[kGateWeight].present()).end;
}

void Linear::Pack(const Params& params, Inputs<float> in, float* packed) {
  const bool gated = in[kGateWeight].present();
  const Layout layout(params, in[kWeight].shape, gated);
  const float* weight = in[kWeight].data;
  for (int64_t c = 0; c < layout.contexts; ++c) {
    for (int64_t m = 0; m < layout.features; ++m) {
      double table = in[kBias].present() ? double{in[kBias].data[m]} * params.bias_gain : 0.0;
      if (params.context_in_weight) {
        table += double{weight[m * layout.columns + layout.inputs + c]} * params.weight_gain;
      }
      packed[c * layout.features + m] = static_cast<float>(table);
      if (gated) {
        const double t = double{in[kGateWeight].data[m * layout.contexts + c]} + in[kGateBias].data[m];
        packed[layout.gate + c * layout.features + m] = static_cast<float>(1.0 / (1.0 + std::exp(-t)));
      }
    }
  }
  gemm::PackFeatures(
      layout.features, layout.inputs,
      [&](int64_t m, int64_t k) { return params.weight_gain * weight[m * layout.columns + k]; },
      packed + layout.weight);
}

int64_t Linear::ScratchFloats(const Params& params, Shapes in, int threads) {
  const Layout layout(params, in[kWeight], false);
  const int64_t rows = OutputRows(params, in[kX]);
  return gemm::RoundUp(rows * layout.inputs, gemm::kTile) + threads * rows * kTaskTiles * gemm::kTile;
}

void Linear::Cpu(const Params& params, const CpuCall& call) {
  const Shape& x = call.in[kX].shape;
  const bool gated = call.in[kGateWeight].shape.present();
  const Layout layout(params, call.in[kWeight].shape, gated);
  const int64_t rows = OutputRows(params, x), features = layout.features;
  const int64_t row_stride = params.row >= 0 ? x[1] * layout.inputs : layout.inputs;
  const float* first_row = call.in[kX].data + std::max(0, params.row) * layout.inputs;
  gemm::PackRows(
      rows, layout.inputs,
      [&](int64_t r, int64_t k) {
        const float value = first_row[r * row_stride + k];
        return params.pre == Activation::kRelu && value < 0 ? 0.0f : value;
      },
      call.scratch);
  float* results = call.scratch + gemm::RoundUp(rows * layout.inputs, gemm::kTile);

  const int64_t tiles = gemm::RoundUp(features, gemm::kTile) / gemm::kTile;
  const int tasks = static_cast<int>((tiles + kTaskTiles - 1) / kTaskTiles);
  call.threads->ParallelFor(tasks, [&](int task, int thread) {
    const int64_t tile = task * kTaskTiles, count = std::min(kTaskTiles, tiles - tile);
    float* sums = results + thread * rows * kTaskTiles * gemm::kTile;
    gemm::MultiplyRows(rows, layout.inputs, call.scratch,
                       call.packed + layout.weight + tile * gemm::kTile * layout.inputs, count, sums);
    const int64_t begin = tile * gemm::kTile, end = std::min(features, begin + count * gemm::kTile);
    for (int64_t r = 0; r < rows; ++r) {
      const float* table = call.packed + r % layout.contexts * features;
      const float* residual = call.in[kResidual].present() ? call.in[kResidual].data + r * features : nullptr;
      for (int64_t m = begin; m < end; ++m) {
        float y = Activate(params, sums[r * count * gemm::kTile + m - begin] + table[m]) * params.act_gain;
        if (gated) y *= table[layout.gate + m];
        if (residual != nullptr) y += residual[m];
        call.out[0].data[r * features + m] = y;
      }
    }
  });
}

}  // namespace mien
