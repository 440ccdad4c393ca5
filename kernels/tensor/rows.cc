#include "kernels/tensor/rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/flow_norm/flow_norm.h"

namespace mien {
namespace {

constexpr double kLargest = 32767.0;  // of 16 bits

float LargestOf(const float* row, int inputs) {
  float largest = 0.0f;
  for (int k = 0; k < inputs; ++k) largest = std::max(largest, std::fabs(row[k]));
  return largest;
}

}  // namespace

void PackTile(Precision precision, const float* const (&rows)[kTileFeatures], int inputs, double gain,
              std::byte* fragments, float* factors) {
  const bool whole = precision == Precision::kHalf;
  double scale[kTileFeatures];
  for (int i = 0; i < kTileFeatures; ++i) {
    const float largest = whole && rows[i] != nullptr ? LargestOf(rows[i], inputs) : 0.0f;
    scale[i] = largest > 0.0f ? kLargest / largest : 1.0;
    factors[i] = static_cast<float>(gain / scale[i]);
  }
  const int vectors = whole ? 1 : 2, per_vector = whole ? 8 : 4;
  for (int chunk = 0; chunk < InputChunks(inputs); ++chunk) {
    for (int vector = 0; vector < vectors; ++vector) {
      for (int lane = 0; lane < 32; ++lane) {
        for (int i = 0; i < per_vector; ++i) {
          const Element e = FragmentATf32(lane, i % 4);
          const int k = chunk * kChunkInputs + ChunkInput(vector + i / 4, e.column);
          const float value = rows[e.row] != nullptr && k < inputs ? rows[e.row][k] : 0.0f;
          const auto number = static_cast<int16_t>(whole ? std::lround(value * scale[e.row]) : 0);
          std::memcpy(fragments, whole ? static_cast<const void*>(&number) : &value, whole ? 2 : 4);
          fragments += whole ? 2 : 4;
        }
      }
    }
  }
}

NormTables TabulateNorm(RowsNorm kind, bool inverse, float eps, Inputs<float> norm) {
  const int64_t d = norm[0].shape[0];
  // BatchNorm::Pack and FlowNorm::Pack both pack the three tables, and FlowNorm's then logabsdet.
  std::vector<float> packed(static_cast<size_t>(3 * d) + 1);
  View<const float> in[1 + kNormTensors] = {{nullptr, {1, 1, d}}};
  std::copy(norm.begin(), norm.end(), in + 1);
  if (kind == RowsNorm::kBatch)
    BatchNorm::Pack({.eps = eps}, in, packed.data());
  else
    FlowNorm::Pack({.inverse = inverse, .eps = eps}, in, packed.data());
  const auto table = [&](int64_t i) {
    return std::vector<float>(packed.begin() + i * d, packed.begin() + (i + 1) * d);
  };
  return {{table(0), table(1), table(2)}, packed.back()};
}

}  // namespace mien
