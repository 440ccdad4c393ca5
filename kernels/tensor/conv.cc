#include "kernels/tensor/conv.h"

#include <vector>

#include "kernels/tensor/conv_tiles.h"

namespace mien {
namespace {

// One group's convolution with both norms folded in, in double.
struct Folded {
  Folded(const FastConv::Weights& weights, Inputs<float> group) : w(weights), sources(group) {
    for (int o = 0; o < w.outputs; ++o) after.push_back(NormOf(group.subspan(FastConv::kGamma, 4), o, w.eps));
    for (int i = 0; i < w.inputs; ++i)
      before.push_back(NormOf(group.subspan(FastConv::kPreGamma, 4), i, w.pre_eps));
  }

  double Raw(int o, int i, int row, int column) const {
    const int64_t plane = int64_t{o} * w.inputs + i;
    return sources[FastConv::kWeight].data[(plane * w.kernel + w.first + row) * w.kernel + w.first + column];
  }
  double Weight(int o, int i, int row, int column) const {
    return Raw(o, i, row, column) * before[static_cast<size_t>(i)].scale *
           after[static_cast<size_t>(o)].scale;
  }
  // What output o has without any input; the norm before adds its shift at the taps that are not in the
  // padding.
  double Bias(int o, int border) const {
    double sum = sources[FastConv::kBias].present() ? sources[FastConv::kBias].data[o] : 0.0;
    const auto live = [&](int tap, int bits) {
      return !((bits & 1) != 0 && tap == 0) && !((bits & 2) != 0 && tap == w.taps - 1);
    };
    for (int row = 0; row < w.taps; ++row) {
      for (int column = 0; column < w.taps; ++column) {
        if (!live(row, border) || !live(column, border >> 2) || !sources[FastConv::kPreGamma].present())
          continue;
        for (int i = 0; i < w.inputs; ++i)
          sum += Raw(o, i, row, column) * before[static_cast<size_t>(i)].shift;
      }
    }
    return sum * after[static_cast<size_t>(o)].scale + after[static_cast<size_t>(o)].shift;
  }

  const FastConv::Weights& w;
  Inputs<float> sources;
  std::vector<Affine> before, after;
};

}  // namespace

bool FastConv::Takes(int taps, int stride) {
  return taps == 1 || taps == 3 || (taps == 2 && stride == 1) || (taps == 7 && stride == 2);
}

uint64_t FastConv::PackedBytes(const Weights& w) {
  const uint64_t one = GemmWeightBytes(w.precision, w.inputs, GroupOutputs(w), w.taps * w.taps);
  return TableBytes(w) + static_cast<uint64_t>(GemmGroups(w)) * one;
}

void FastConv::Pack(const Weights& w, Inputs<float> sources, std::byte* packed) {
  const int channels = static_cast<int>(MapChannels(w.outputs)), columns = GroupOutputs(w);
  const int all_columns = GemmGroups(w) * columns;
  std::vector<Folded> groups;
  for (int g = 0; g < w.groups; ++g)
    groups.emplace_back(w, sources.subspan(static_cast<size_t>(g * kSources), kSources));
  float* const bias = reinterpret_cast<float*>(packed);
  std::memset(packed, 0, TableBytes(w));
  for (int g = 0; g < w.groups; ++g) {
    const Folded& group = groups[static_cast<size_t>(g)];
    for (int o = 0; o < w.outputs; ++o) {
      const int column = g * (w.shared_input ? channels : columns) + o;
      for (int border = 0; border < (w.border ? kBorderClasses : 1); ++border)
        bias[border * all_columns + column] = static_cast<float>(group.Bias(o, border));
      if (w.prelu) bias[BiasFloats(w) + column] = group.sources[kPrelu].data[o];
    }
  }
  packed += TableBytes(w);
  for (int g = 0; g < GemmGroups(w); ++g) {
    const auto weight = [&](int column, int input, int tap) {
      const int group = g + column / channels, o = column % channels;
      if (column >= GroupChannels(w) || o >= w.outputs) return 0.0f;
      return static_cast<float>(
          groups[static_cast<size_t>(group)].Weight(o, input, tap / w.taps, tap % w.taps));
    };
    PackGemm(w.precision, w.inputs, columns, w.taps * w.taps, weight, packed);
    packed += GemmWeightBytes(w.precision, w.inputs, columns, w.taps * w.taps);
  }
}

std::vector<int64_t> FastConv::TileCosts(const Params& params) {
  std::vector<int64_t> costs;
  WithConvTiles(params, [&]<class List>() {
    Params p = params;
    for (p.tile = 0; p.tile < List::kSize; ++p.tile)
      costs.push_back(WithConvTile(p, [&]<class Tile>() { return TileCost<Tile>(p); }));
  });
  return costs;
}

int FastConv::CheapestTile(const Params& params) {
  const std::vector<int64_t> costs = TileCosts(params);
  int best = -1;
  for (int i = 0; i < static_cast<int>(costs.size()); ++i) {
    const auto cost = [&](int tile) { return costs[static_cast<size_t>(tile)]; };
    if (cost(i) >= 0 && (best < 0 || cost(i) < cost(best))) best = i;
  }
  return best;
}

int FastConv::Parts(const Params& p) {
  return WithConvTile(p, [&]<class Tile>() { return ConvGrid<Tile>(p).tiles(); });
}

uint64_t FastConv::ResultBytes(const Params& p, int result) {
  const int64_t channels = p.all_groups * MapChannels(p.weights.outputs);
  if (result == kY) return MapBytes(p.weights.precision, p.batch, p.out_height, p.out_width, channels);
  return p.sums ? sizeof(float) * static_cast<uint64_t>(p.batch * Parts(p) * channels) : 0;
}

uint64_t FastConv::ScratchBytes(const Params& p) {
  return WithConvTile(p, [&]<class Tile>() { return PartialBytes<Tile>(ConvGrid<Tile>(p), p.batch); });
}

FastCost FastConv::Count(const Params& p) {
  const Weights& w = p.weights;
  return WithConvTile(p, [&]<class Tile>() {
    const GemmGrid grid = ConvGrid<Tile>(p);
    const auto map = [&](int64_t height, int64_t width, int64_t channels) {
      return MapBytes(w.precision, p.batch, height, width, channels);
    };
    uint64_t bytes = map(p.height, p.width, GemmGroups(w) * MapChannels(w.inputs)) + PackedBytes(w) +
                     map(p.out_height, p.out_width, w.groups * MapChannels(w.outputs)) +
                     ResultBytes(p, kSums) + map(p.coarse_height, p.coarse_width, w.outputs) +
                     2 * ScratchBytes(p);
    if (p.residual) bytes += map(p.out_height, p.out_width, w.outputs);
    return FastCost{grid.splits > 1 ? 2 : 1,
                    GemmMultiplyAdds<Tile>(w.precision, grid, ConvChunks(w), p.batch),
                    static_cast<int64_t>(bytes), w.precision};
  });
}

}  // namespace mien
