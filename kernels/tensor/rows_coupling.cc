#include "kernels/tensor/rows_coupling.h"

#include <algorithm>
#include <cmath>

namespace mien {
namespace {

using Weights = RowsCoupling::Weights;

uint64_t Floats(int64_t n) { return sizeof(float) * static_cast<uint64_t>(n); }
int Slots(const Weights& w) { return RowsCoupling::Parts(w) * kTileColumns; }

void PackMatrix(const Weights& w, const float* weight, const View<const float>& bias, std::byte* packed) {
  const RowsCoupling::Layout at = RowsCoupling::LayoutOf(w);
  float* factors = reinterpret_cast<float*>(packed + at.factors);
  float* biases = reinterpret_cast<float*>(packed + at.bias);
  for (int tile = 0; tile < RowsCoupling::Parts(w); ++tile) {
    const float* rows[kTileFeatures] = {};
    for (int i = 0; i < kTileFeatures; ++i) {
      const int t = tile * kTileColumns + i % kTileColumns;
      const bool raw = i >= kTileColumns;
      if (t >= w.transformed || (raw && w.additive)) continue;
      const int m = raw ? w.transformed + t : t;
      rows[i] = weight + int64_t{m} * w.inputs;
      if (bias.present()) biases[tile * kTileFeatures + i] = bias.data[m];
    }
    PackTile(w.precision, rows, w.inputs, 1.0, packed + FragmentBytes(w.precision, tile, w.inputs),
             factors + tile * kTileFeatures);
  }
}

// The tables of one direction for both kinds of slots.
void PackNorm(const Weights& w, const NormTables& norm, const int* columns, float* tables) {
  for (int slot = 0; slot < 2 * Slots(w); ++slot) {
    for (int i = 0; i < 3 && columns[slot] >= 0; ++i)
      tables[i * 2 * Slots(w) + slot] = norm.table[i][static_cast<size_t>(columns[slot])];
  }
}

}  // namespace

int RowsCoupling::Parts(const Weights& w) {
  return (std::max(w.transformed, w.identity) + kTileColumns - 1) / kTileColumns;
}

RowsCoupling::Layout RowsCoupling::LayoutOf(const Weights& w) {
  Layout at = {};
  at.factors = FragmentBytes(w.precision, Parts(w), w.inputs);
  at.bias = at.factors + Floats(Parts(w) * kTileFeatures);
  at.inputs = at.bias + Floats(Parts(w) * kTileFeatures);
  at.columns = at.inputs + Floats(w.inputs % 4 != 0 ? PaddedInputs(w.inputs) : 0);
  at.norm = at.columns + Floats(2 * Slots(w));
  at.constants = at.norm + Floats(w.norm ? 2 * 3 * 2 * Slots(w) : 0);
  at.end = at.constants + Floats(4);
  return at;
}

uint64_t RowsCoupling::PackedBytes(const Weights& w) { return LayoutOf(w).end; }

void RowsCoupling::Pack(const Weights& w, Inputs<float> in, std::byte* packed) {
  const Layout at = LayoutOf(w);
  std::fill(packed, packed + at.end, std::byte{0});
  PackMatrix(w, in[kWeight].data, in[kBias], packed);
  int* inputs = reinterpret_cast<int*>(packed + at.inputs);
  for (int k = 0; k < w.inputs && w.inputs % 4 != 0; ++k) inputs[k] = k;
  int* columns = reinterpret_cast<int*>(packed + at.columns);
  std::fill_n(columns, 2 * Slots(w), -1);
  std::transform(in[kTransform].data, in[kTransform].data + w.transformed, columns,
                 [](float column) { return static_cast<int>(column); });
  std::transform(in[kIdentity].data, in[kIdentity].data + w.identity, columns + Slots(w),
                 [](float column) { return static_cast<int>(column); });
  float* constants = reinterpret_cast<float*>(packed + at.constants);
  for (int inverse = 0; inverse < 2 && w.norm; ++inverse) {
    const NormTables norm =
        TabulateNorm(RowsNorm::kFlow, inverse == 1, w.eps, in.subspan(kNorm, kNormTensors));
    PackNorm(w, norm, columns, reinterpret_cast<float*>(packed + at.norm) + inverse * 3 * 2 * Slots(w));
    constants[inverse] = norm.logabsdet;
  }
}

uint64_t RowsCoupling::ResultBytes(const Params& p, int result) {
  const int64_t per_row = result == kY ? p.weights.transformed + p.weights.identity : p.parts;
  return Floats(p.rows * per_row);
}

FastCost RowsCoupling::Count(const Params& p) {
  const Weights& w = p.weights;
  const uint64_t rows = Floats(p.rows * int64_t{w.inputs + Parts(w)}) + 2 * ResultBytes(p, kY);
  return {1, TileWork(Parts(w), w.inputs, p.rows), static_cast<int64_t>(PackedBytes(w) + rows),
          Precision::kTf32};
}

uint64_t FlowLogAbsDet::ResultBytes(const Params& p, int) { return Floats(p.rows); }
FastCost FlowLogAbsDet::Count(const Params& p) {
  return {1, 0, static_cast<int64_t>(Floats(int64_t{p.rows} * (p.parts + 1)))};
}

}  // namespace mien
