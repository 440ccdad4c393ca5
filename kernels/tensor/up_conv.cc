#include "kernels/tensor/up_conv.h"

#include "kernels/tensor/mod_conv_plan.h"

namespace mien {

uint64_t UpConvScratchBytes(const FastModConv::Params& p) {
  return WithUpConvTile(p, [&]<class Tile>() { return PartialBytes<Tile>(ModConvGrid<Tile>(p), p.batch); });
}

FastCost UpConvCount(const FastModConv::Params& p) {
  return WithUpConvTile(p, [&]<class Tile>() {
    const GemmGrid grid = ModConvGrid<Tile>(p);
    const int chunks = GemmChunks(p.weights.precision, p.weights.inputs);
    const int64_t filter = int64_t{16} * 4 * p.batch * p.height * p.width * MapChannels(p.weights.outputs);
    const auto partial = static_cast<int64_t>(PartialBytes<Tile>(grid, p.batch));  // written, then read
    return FastCost{grid.splits > 1 ? 2 : 1,
                    GemmMultiplyAdds<Tile>(p.weights.precision, grid, chunks, p.batch) + filter,
                    ModConvOperandBytes(p) + 2 * partial, p.weights.precision};
  });
}

}  // namespace mien
