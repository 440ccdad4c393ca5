#include "kernels/gemm/conv.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/conv.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#ifndef MIEN_KERNELS_GEMM_CONV_TYPES
#define MIEN_KERNELS_GEMM_CONV_TYPES
namespace mien::gemm {

// Sixteen output pixels of one sample, fewer at its end.
struct PixelTile {
  const float* x;      // the sample
  const float* style;  // of the sample, or null
  int64_t sample, first, count;
};

}  // namespace mien::gemm
#endif

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kTile>;
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(D()));

// Where the sixteen inputs of one tap lie in a channel's plane, the same for all channels.
struct Gather {
  enum class Kind : uint8_t {
    kZero,        // all outside the image
    kRun,         // consecutive from `offset`
    kEveryOther,  // every second one from `offset`
    kTable,       // by `table`, -1: outside
  };
  Kind kind;
  int64_t offset;
  int32_t table[kTile];
};

void FillTable(const Conv& conv, const PixelTile& tile, const Tap& tap, Gather* gather) {
  gather->kind = Gather::Kind::kZero;
  for (int64_t j = 0; j < kTile; ++j) {
    const int64_t pixel = tile.first + j;
    const int64_t y = pixel / conv.out_width * conv.stride + tap.dy;
    const int64_t x = pixel % conv.out_width * conv.stride + tap.dx;
    const bool inside = j < tile.count && y >= 0 && y < conv.height && x >= 0 && x < conv.width;
    gather->table[j] = inside ? static_cast<int32_t>(y * conv.width + x) : -1;
    if (inside) gather->kind = Gather::Kind::kTable;
  }
}

void Locate(const Conv& conv, const PixelTile& tile, const Tap& tap, Gather* gather) {
  const int64_t y = tile.first / conv.out_width, x = tile.first % conv.out_width;
  const int64_t last_y = (tile.first + kTile - 1) / conv.out_width;
  const int64_t source_y = y * conv.stride + tap.dy, source_x = x * conv.stride + tap.dx;
  const bool whole = tile.count == kTile;
  // Rows that follow each other without a gap are one run.
  const bool joined = conv.stride == 1 && tap.dx == 0 && conv.out_width == conv.width;
  const bool one_row = last_y == y && source_x >= 0 && source_x + (kTile - 1) * conv.stride < conv.width;
  const bool rows_inside = source_y >= 0 && source_y + (last_y - y) < conv.height;
  gather->offset = source_y * conv.width + source_x;
  if (whole && rows_inside && conv.stride == 1 && (joined || one_row)) {
    gather->kind = Gather::Kind::kRun;
  } else if (whole && rows_inside && conv.stride == 2 && one_row &&
             gather->offset + 2 * kTile <= conv.height * conv.width) {
    gather->kind = Gather::Kind::kEveryOther;
  } else {
    FillTable(conv, tile, tap, gather);
  }
}

HWY_INLINE void GatherOne(const Gather& gather, const float* HWY_RESTRICT plane, float style,
                          float* HWY_RESTRICT out) {
  const D d;
  const auto factor = hn::Set(d, style);
  switch (gather.kind) {
    case Gather::Kind::kZero:
      for (int64_t j = 0; j < kTile; j += kLanes) hn::StoreU(hn::Zero(d), d, out + j);
      break;
    case Gather::Kind::kRun:
      for (int64_t j = 0; j < kTile; j += kLanes) {
        hn::StoreU(hn::Mul(hn::LoadU(d, plane + gather.offset + j), factor), d, out + j);
      }
      break;
    case Gather::Kind::kEveryOther:
      for (int64_t j = 0; j < kTile; j += kLanes) {
        auto even = hn::Undefined(d), odd = hn::Undefined(d);
        hn::LoadInterleaved2(d, plane + gather.offset + 2 * j, even, odd);
        hn::StoreU(hn::Mul(even, factor), d, out + j);
      }
      break;
    case Gather::Kind::kTable:
      for (int64_t j = 0; j < kTile; ++j) {
        out[j] = gather.table[j] >= 0 ? plane[gather.table[j]] * style : 0.0f;
      }
      break;
  }
}

// B of one tile: input channels [begin, end), every tap.
void GatherTile(const Conv& conv, const PixelTile& tile, int64_t begin, int64_t end, float* b) {
  Gather gathers[Conv::kMaxTaps];
  for (int t = 0; t < conv.taps; ++t) Locate(conv, tile, conv.tap[t], &gathers[t]);
  for (int64_t i = begin; i < end; ++i) {
    const float* plane = tile.x + i * conv.height * conv.width;
    const float style = tile.style != nullptr ? tile.style[i] : 1.0f;
    for (int t = 0; t < conv.taps; ++t, b += kTile) GatherOne(gathers[t], plane, style, b);
  }
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien::gemm {

HWY_EXPORT(GatherTile);

namespace {

constexpr int64_t kGroup = 8;            // tiles that share one pass over the weights
constexpr int64_t kTasksPerLayer = 8;    // below this many groups, the channels are split as well
constexpr int64_t kTaskPanels = 5;       // but into no less than about thirty channels

int64_t DepthFloats(const Conv& conv) { return conv.BlockChannels() * conv.taps; }

// Hands the sums of `tiles` to the sink, in runs of tiles that follow each other in one sample.
void Deliver(const Panels& panels, const PixelTile* tiles, int64_t count, int64_t panel_begin, int64_t panel_end,
             const float* c, const Sink& sink) {
  const int64_t first_channel = panels.Begin(panel_begin), end_channel = panels.Begin(panel_end);
  for (int64_t begin = 0, end = 0; begin < count; begin = end) {
    int64_t pixels = 0;
    for (end = begin; end < count && tiles[end].sample == tiles[begin].sample; ++end) pixels += tiles[end].count;
    for (int64_t o = first_channel; o < end_channel; ++o) {
      const float* sum = c + ((o - first_channel) * count + begin) * kTile;
      sink.take(sink.context, tiles[begin].sample, o, tiles[begin].first, pixels, sum);
    }
  }
}

// At most kGroup tiles.
void ConvolveTiles(const Conv& conv, const float* packed, const PixelTile* tiles, int64_t count, int64_t panel_begin,
                   int64_t panel_end, float* scratch, const Sink& sink) {
  const Panels panels(conv.out_channels);
  float* b = scratch;
  float* c = scratch + kGroup * kTile * DepthFloats(conv);
  for (int64_t begin = 0; begin < conv.in_channels; begin += conv.BlockChannels()) {
    const int64_t end = std::min(conv.in_channels, begin + conv.BlockChannels());
    const int64_t depth = (end - begin) * conv.taps;
    for (int64_t t = 0; t < count; ++t) {
      HWY_DYNAMIC_DISPATCH(GatherTile)(conv, tiles[t], begin, end, b + t * depth * kTile);
    }
    Multiply(panels, {.depth = depth,
                      .a = packed + begin * conv.taps * conv.out_channels + panels.Begin(panel_begin) * depth,
                      .panel_begin = panel_begin,
                      .panel_end = panel_end,
                      .b = b,
                      .b_tile_stride = depth * kTile,
                      .tiles = count,
                      .c = c,
                      .c_stride = count * kTile,
                      .accumulate = begin > 0});
  }
  Deliver(panels, tiles, count, panel_begin, panel_end, c, sink);
}

}  // namespace

void PackWeight(const Conv& conv, const float* weight, int64_t elements, float gain, float* packed) {
  const Panels panels(conv.out_channels);
  for (int64_t begin = 0; begin < conv.in_channels; begin += conv.BlockChannels()) {
    const int64_t end = std::min(conv.in_channels, begin + conv.BlockChannels());
    for (int64_t p = 0; p < panels.count; ++p) {
      for (int64_t i = begin; i < end; ++i) {
        for (int t = 0; t < conv.taps; ++t) {
          for (int64_t o = panels.Begin(p); o < panels.Begin(p + 1); ++o) {
            *packed++ = gain * weight[(o * conv.in_channels + i) * elements + conv.tap[t].element];
          }
        }
      }
    }
  }
}

int64_t ThreadScratchFloats(const Conv& conv) {
  return kGroup * kTile * (DepthFloats(conv) + conv.out_channels) + kTile;
}

void ConvolvePixels(const Conv& conv, const float* packed, const PixelRange& range, float* thread_scratch,
                    const Sink& sink) {
  const int64_t total = (range.pixel_end - range.pixel_begin + kTile - 1) / kTile;
  const int64_t groups = (total + kGroup - 1) / kGroup;
  for (int64_t group = 0; group < groups; ++group) {
    PixelTile tiles[kGroup];
    int64_t count = 0;
    for (int64_t t = total * group / groups; t < total * (group + 1) / groups; ++t) {
      const int64_t first = range.pixel_begin + t * kTile;
      tiles[count++] = {range.x, range.style, range.sample, first, std::min(kTile, range.pixel_end - first)};
    }
    ConvolveTiles(conv, packed, tiles, count, range.panel_begin, range.panel_end, thread_scratch, sink);
  }
}

void ConvolveBatch(const Conv& conv, const float* packed, const float* x, const float* style, int64_t batch,
                   int64_t pixels, ThreadPool* threads, float* scratch, const Sink& sink) {
  const int64_t sample_tiles = (pixels + kTile - 1) / kTile;
  const int64_t groups = (batch * sample_tiles + kGroup - 1) / kGroup;
  const int64_t panel_count = Panels(conv.out_channels).count;
  const int64_t wanted = (kTasksPerLayer + groups - 1) / groups;
  const int64_t splits = std::clamp<int64_t>(panel_count / kTaskPanels, 1, wanted);
  const int64_t thread_floats = ThreadScratchFloats(conv);
  threads->ParallelFor(static_cast<int>(groups * splits), [&](int task, int thread) {
    const int64_t split = task / groups, group = task % groups;  // neighbours share weights
    PixelTile tiles[kGroup];
    int64_t count = 0;
    for (int64_t t = group * kGroup; t < std::min(batch * sample_tiles, (group + 1) * kGroup); ++t) {
      const int64_t n = t / sample_tiles, first = t % sample_tiles * kTile;
      tiles[count++] = {x + n * conv.in_channels * conv.height * conv.width,
                        style != nullptr ? style + n * conv.in_channels : nullptr, n, first,
                        std::min(kTile, pixels - first)};
    }
    ConvolveTiles(conv, packed, tiles, count, panel_count * split / splits, panel_count * (split + 1) / splits,
                  scratch + thread * thread_floats, sink);
  });
}

}  // namespace mien::gemm
#endif
