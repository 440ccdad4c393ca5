#include "kernels/tensor/rows_linear.h"

#include <cmath>

namespace mien {
namespace {

using Weights = RowsLinear::Weights;

int PaddedFeatures(const Weights& w) { return FeatureTiles(w.outputs) * kTileFeatures; }
int BiasContexts(const Weights& w) { return w.context_in_weight ? w.contexts : 1; }

float* FloatsAt(std::byte* packed, uint64_t offset) { return reinterpret_cast<float*>(packed + offset); }

void PackMatrix(const Weights& w, View<const float> weight, std::byte* packed) {
  const int64_t columns = weight.shape[1];
  float* factors = FloatsAt(packed, RowsLinear::LayoutOf(w).factors);
  for (int tile = 0; tile < FeatureTiles(w.outputs); ++tile) {
    const float* rows[kTileFeatures] = {};
    for (int i = 0; i < kTileFeatures; ++i) {
      const int m = tile * kTileFeatures + i;
      if (m < w.outputs) rows[i] = weight.data + m * columns;
    }
    PackTile(w.precision, rows, w.inputs, w.weight_gain, packed + FragmentBytes(w.precision, tile, w.inputs),
             factors + tile * kTileFeatures);
  }
}

void PackTables(const Weights& w, Inputs<float> in, float* bias, float* gate) {
  const View<const float>&weight = in[RowsLinear::kWeight], &b = in[RowsLinear::kBias];
  for (int64_t m = 0; m < w.outputs; ++m) {
    const double own = b.present() ? double{b.data[m]} * w.bias_gain : 0.0;
    for (int64_t c = 0; c < BiasContexts(w); ++c) {
      const double of_context = w.context_in_weight ? weight.data[m * weight.shape[1] + w.inputs + c] : 0.0;
      bias[c * PaddedFeatures(w) + m] = static_cast<float>(own + of_context * w.weight_gain);
    }
    for (int64_t c = 0; w.gated && c < w.contexts; ++c) {
      const double t =
          double{in[RowsLinear::kGateWeight].data[m * w.contexts + c]} + in[RowsLinear::kGateBias].data[m];
      gate[c * PaddedFeatures(w) + m] = static_cast<float>(1.0 / (1.0 + std::exp(-t)));
    }
  }
}

}  // namespace

RowsLinear::Layout RowsLinear::LayoutOf(const Weights& w) {
  const auto floats = [](int64_t n) { return sizeof(float) * static_cast<uint64_t>(n); };
  Layout at = {};
  at.factors = FragmentBytes(w.precision, FeatureTiles(w.outputs), w.inputs);
  at.bias = at.factors + floats(PaddedFeatures(w));
  at.gate = at.bias + floats(BiasContexts(w) * PaddedFeatures(w));
  at.columns = at.gate + floats(w.gated ? w.contexts * PaddedFeatures(w) : 0);
  at.norm = at.columns + floats(w.picked ? PaddedInputs(w.inputs) : 0);
  at.end = at.norm + floats(w.norm == RowsNorm::kNone ? 0 : 3 * PaddedInputs(w.inputs));
  return at;
}

uint64_t RowsLinear::PackedBytes(const Weights& w) { return LayoutOf(w).end; }

void RowsLinear::Pack(const Weights& w, Inputs<float> in, std::byte* packed) {
  const Layout at = LayoutOf(w);
  std::fill(packed, packed + at.end, std::byte{0});
  PackMatrix(w, in[kWeight], packed);
  PackTables(w, in, FloatsAt(packed, at.bias), FloatsAt(packed, at.gate));
  const auto column = [&](int k) {
    return in[kColumns].present() ? static_cast<int>(in[kColumns].data[k]) : k;
  };
  for (int k = 0; w.picked && k < w.inputs; ++k) reinterpret_cast<int*>(packed + at.columns)[k] = column(k);
  if (w.norm == RowsNorm::kNone) return;
  const NormTables norm = TabulateNorm(w.norm, true, w.eps, in.subspan(kNorm, kNormTensors));
  for (int i = 0; i < 3; ++i) {
    float* table = FloatsAt(packed, at.norm) + i * PaddedInputs(w.inputs);
    for (int k = 0; k < w.inputs; ++k) table[k] = norm.table[i][static_cast<size_t>(column(k))];
  }
}

uint64_t RowsLinear::ResultBytes(const Params& p, int) {
  return sizeof(float) * static_cast<uint64_t>(p.rows) * static_cast<uint64_t>(p.weights.outputs);
}

FastCost RowsLinear::Count(const Params& p) {
  const Weights& w = p.weights;
  const uint64_t x = sizeof(float) * static_cast<uint64_t>(p.rows) * static_cast<uint64_t>(w.inputs);
  const uint64_t y = ResultBytes(p, kY) * (p.residual ? 2 : 1);
  return {1, TileWork(FeatureTiles(w.outputs), w.inputs, p.rows),
          static_cast<int64_t>(PackedBytes(w) + x + y), Precision::kTf32};
}

}  // namespace mien
