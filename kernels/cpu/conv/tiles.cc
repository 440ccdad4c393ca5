#include "kernels/cpu/conv/tiles.h"

namespace mien::gemm {

TileGroup GroupAt(const ConvCall& call, const TileSequence& sequence, int64_t begin, int64_t end) {
  TileGroup group;
  group.columns = RoundUp(end - begin, kTile);
  const int64_t channels = call.x.shape[1], plane = call.x.Plane();
  for (int64_t t = begin; t < end; t += group.run[group.runs++].count) {
    const int64_t n = t / sequence.sample_tiles, tile = sequence.first_tile + t % sequence.sample_tiles;
    const int64_t column = tile % sequence.columns, target = t - begin;
    group.run[group.runs] = {call.x.data + n * channels * plane,
                             call.style != nullptr ? call.style + n * channels : nullptr,
                             n,
                             tile / sequence.columns,
                             column,
                             std::min({end - t, sequence.columns - column, kTile - target % kTile}),
                             target};
  }
  return group;
}

}  // namespace mien::gemm
