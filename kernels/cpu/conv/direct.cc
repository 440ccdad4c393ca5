#include "kernels/cpu/conv/direct.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv/direct.cc"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#ifndef MIEN_KERNELS_CPU_CONV_DIRECT_TYPES
#define MIEN_KERNELS_CPU_CONV_DIRECT_TYPES
namespace mien::gemm {

constexpr int64_t kGroup = 8;  // tiles that share one pass over the weights

// Sixteen output pixels of one sample, fewer at its end.
struct PixelTile {
  const float* x;      // the sample
  const float* style;  // of the sample, or null
  int64_t sample, first, count;
};

// A stretch of a tile's inputs that lie behind one another in a channel's plane, or outside the image.
struct Segment {
  enum class Kind : uint8_t {
    kWhole,       // the whole tile, consecutive: nearly all of them
    kZero,        // outside
    kRun,         // consecutive
    kEveryOther,  // every second one
    kOneByOne,    // as the stride says, but too close to the end of the plane for whole vectors
  };
  Kind kind;
  uint8_t count;
  uint16_t target;  // tap * kTile + column
  int32_t offset;   // in the plane
};

// The segments of a group of tiles, the same for every channel: tile t has [begin[t], begin[t + 1]).
struct Segments {
  static constexpr int64_t kMost = kGroup * TapConv::kMaxTaps * 2 * kTile;
  int64_t begin[kGroup + 1];
  Segment all[kMost];
};

// From tile to tile in B. A vector may be written past a segment: it is overwritten by what follows, and past
// the last one it meets this gap.
constexpr int64_t TileStride(int64_t depth) { return (depth + 1) * kTile; }

}  // namespace mien::gemm
#endif

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kTile>;
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(D()));

class SegmentWriter {
 public:
  SegmentWriter(const TapConv& conv, Segments* segments) : conv_(conv), segments_(segments) {}

  void AddTile(int64_t index, const PixelTile& tile) {
    segments_->begin[index] = size_;
    for (int t = 0; t < conv_.taps; ++t) AddTap(tile, conv_.tap[t], t * kTile);
    segments_->begin[index + 1] = size_;
  }

 private:
  void AddTap(const PixelTile& tile, const Tap& tap, int64_t target) {
    const int64_t tap_begin = size_;
    int64_t run = 0;
    for (int64_t j = 0; j < tile.count; j += run) {
      const int64_t out_y = (tile.first + j) / conv_.out_width, out_x = (tile.first + j) % conv_.out_width;
      run = std::min(tile.count - j, conv_.out_width - out_x);
      const int64_t y = out_y * conv_.stride + tap.dy, x = out_x * conv_.stride + tap.dx;
      const bool inside = y >= 0 && y < conv_.height;
      // The columns of this row that lie in the image are [left, right) of the run.
      const int64_t left = inside && x < 0 ? std::min(run, (-x + conv_.stride - 1) / conv_.stride) : 0;
      const int64_t fitting = (conv_.width - 1 - x + conv_.stride) / conv_.stride;
      const int64_t right = inside && x < conv_.width ? std::clamp(fitting, left, run) : left;
      Add(tap_begin, Segment::Kind::kZero, target + j, left, 0);
      Add(tap_begin, Segment::Kind::kRun, target + j + left, right - left,
          y * conv_.width + x + left * conv_.stride);
      Add(tap_begin, Segment::Kind::kZero, target + j + right, run - right, 0);
    }
    Add(tap_begin, Segment::Kind::kZero, target + tile.count, kTile - tile.count, 0);
    for (int64_t i = tap_begin; i < size_; ++i) Settle(&segments_->all[i]);
  }

  // Joins what continues the tap's last segment.
  void Add(int64_t tap_begin, Segment::Kind kind, int64_t target, int64_t count, int64_t offset) {
    if (count == 0) return;
    if (size_ > tap_begin) {
      Segment& last = segments_->all[size_ - 1];
      const bool continues =
          kind == Segment::Kind::kZero || last.offset + last.count * conv_.stride == offset;
      if (last.kind == kind && continues) {
        last.count = static_cast<uint8_t>(last.count + count);
        return;
      }
    }
    segments_->all[size_++] = {kind, static_cast<uint8_t>(count), static_cast<uint16_t>(target),
                               static_cast<int32_t>(offset)};
  }

  void Settle(Segment* segment) const {
    if (segment->kind == Segment::Kind::kZero) return;
    const int64_t read = RoundUp(segment->count, kLanes) * conv_.stride;
    if (segment->offset + read > conv_.row_end * conv_.width) {
      segment->kind = Segment::Kind::kOneByOne;
    } else if (conv_.stride == 2) {
      segment->kind = Segment::Kind::kEveryOther;
    } else if (segment->count == kTile) {
      segment->kind = Segment::Kind::kWhole;
    }
  }

  const TapConv& conv_;
  Segments* segments_;
  int64_t size_ = 0;
};

void LocateTiles(const TapConv& conv, const PixelTile* tiles, int64_t count, Segments* segments) {
  SegmentWriter writer(conv, segments);
  for (int64_t t = 0; t < count; ++t) writer.AddTile(t, tiles[t]);
}

HWY_INLINE void Copy(const Segment& segment, const float* HWY_RESTRICT source, int64_t stride, float style,
                     float* HWY_RESTRICT out) {
  const D d;
  const auto factor = hn::Set(d, style);
  if (segment.kind == Segment::Kind::kWhole) {  // first, and of a length the compiler knows
    for (int64_t j = 0; j < kTile; j += kLanes) {
      hn::StoreU(hn::Mul(hn::LoadU(d, source + j), factor), d, out + j);
    }
    return;
  }
  switch (segment.kind) {
    case Segment::Kind::kZero:
      for (int64_t j = 0; j < segment.count; j += kLanes) hn::StoreU(hn::Zero(d), d, out + j);
      break;
    case Segment::Kind::kWhole:
    case Segment::Kind::kRun:
      for (int64_t j = 0; j < segment.count; j += kLanes) {
        hn::StoreU(hn::Mul(hn::LoadU(d, source + j), factor), d, out + j);
      }
      break;
    case Segment::Kind::kEveryOther:
      for (int64_t j = 0; j < segment.count; j += kLanes) {
        auto even = hn::Undefined(d), odd = hn::Undefined(d);
        hn::LoadInterleaved2(d, source + 2 * j, even, odd);
        hn::StoreU(hn::Mul(even, factor), d, out + j);
      }
      break;
    case Segment::Kind::kOneByOne:
      for (int64_t j = 0; j < segment.count; ++j) out[j] = source[j * stride] * style;
      break;
  }
}

// B of all tiles, input channels [begin, end). Tiles side by side read on in the same rows of the image, so
// the channel is the outer loop.
void GatherTiles(const TapConv& conv, const PixelTile* tiles, int64_t count, const Segments& segments,
                 int64_t begin, int64_t end, float* b) {
  constexpr int64_t kPrefetchChannels = 2;  // planes lie too far apart for the hardware to see the pattern
  const int64_t taps = conv.taps, stride = conv.stride;
  const int64_t tile_stride = TileStride((end - begin) * taps);
  for (int64_t i = begin; i < end; ++i, b += taps * kTile) {
    const int64_t prefetch_offset = i + kPrefetchChannels < conv.in_channels ? kPrefetchChannels * conv.plane : 0;
    for (int64_t t = 0; t < count; ++t) {
      const float* plane = tiles[t].x + i * conv.plane;
      const float style = tiles[t].style != nullptr ? tiles[t].style[i] : 1.0f;
      float* out = b + t * tile_stride;
      const Segment* last = segments.all + segments.begin[t + 1];
      for (const Segment* segment = segments.all + segments.begin[t]; segment < last; ++segment) {
        const float* source = plane + segment->offset;
        hwy::Prefetch(source + prefetch_offset);
        Copy(*segment, source, stride, style, out + segment->target);
      }
    }
  }
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien::gemm {

HWY_EXPORT(LocateTiles);
HWY_EXPORT(GatherTiles);

namespace {

// Where the groups do not fill the threads evenly the channels are split as well, but into no less than about
// thirty; every part gathers its own B.
constexpr int64_t kTaskPanels = 5;

int64_t DepthFloats(const TapConv& conv) { return conv.BlockChannels() * conv.taps; }

// Hands the sums of `tiles` to the sink, in runs of tiles that follow each other in one sample.
void Deliver(const Panels& panels, const PixelTile* tiles, int64_t count, int64_t panel_begin,
             int64_t panel_end, const float* c, const Sink& sink) {
  const int64_t first_channel = panels.Begin(panel_begin), end_channel = panels.Begin(panel_end);
  for (int64_t begin = 0, end = 0; begin < count; begin = end) {
    int64_t pixels = 0;
    for (end = begin; end < count && tiles[end].sample == tiles[begin].sample; ++end)
      pixels += tiles[end].count;
    for (int64_t o = first_channel; o < end_channel; ++o) {
      const float* sum = c + ((o - first_channel) * count + begin) * kTile;
      sink.take(sink.context, {.sample = tiles[begin].sample,
                               .channel = o,
                               .pixel = tiles[begin].first,
                               .count = pixels,
                               .sum = sum});
    }
  }
}

// At most kGroup tiles.
void ConvolveTiles(const TapConv& conv, const float* packed, const PixelTile* tiles, int64_t count,
                   int64_t panel_begin, int64_t panel_end, float* scratch, const Sink& sink) {
  const Panels panels(conv.out_channels);
  float* b = scratch;
  float* c = scratch + kGroup * TileStride(DepthFloats(conv));
  Segments segments;
  HWY_DYNAMIC_DISPATCH(LocateTiles)(conv, tiles, count, &segments);
  for (int64_t begin = 0; begin < conv.in_channels; begin += conv.BlockChannels()) {
    const int64_t end = std::min(conv.in_channels, begin + conv.BlockChannels());
    const int64_t depth = (end - begin) * conv.taps;
    HWY_DYNAMIC_DISPATCH(GatherTiles)(conv, tiles, count, segments, begin, end, b);
    Multiply(panels, {.depth = depth,
                      .a = packed + begin * conv.taps * conv.out_channels + panels.Begin(panel_begin) * depth,
                      .panel_begin = panel_begin,
                      .panel_end = panel_end,
                      .b = b,
                      .b_tile_stride = TileStride(depth),
                      .tiles = count,
                      .c = c,
                      .c_stride = count * kTile,
                      .accumulate = begin > 0});
  }
  Deliver(panels, tiles, count, panel_begin, panel_end, c, sink);
}

}  // namespace

void PackPanels(const TapConv& conv, const float* weight, int64_t elements, float gain, float* packed) {
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

int64_t ThreadScratchFloats(const TapConv& conv) {
  return kGroup * (TileStride(DepthFloats(conv)) + kTile * conv.out_channels) + kTile;
}

void ConvolvePixels(const TapConv& conv, const float* packed, const PixelRange& range, float* thread_scratch,
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

TapConv TapsOf(const ConvShape& shape) {
  TapConv conv;
  const int kernel = static_cast<int>(shape.kernel), pad = static_cast<int>(shape.pad);
  conv.in_channels = shape.in_channels;
  conv.out_channels = shape.out_channels;
  conv.height = conv.row_end = shape.height;
  conv.width = shape.width;
  conv.out_width = shape.OutWidth();
  conv.plane = shape.height * shape.width;
  conv.stride = shape.stride;
  for (int k = 0; k < kernel * kernel; ++k) conv.tap[conv.taps++] = {k / kernel - pad, k % kernel - pad, k};
  return conv;
}

void Direct::Pack(const ConvShape& conv, const float* weight, float gain, float* packed) {
  PackPanels(TapsOf(conv), weight, conv.kernel * conv.kernel, gain, packed);
}

int64_t Direct::ScratchFloats(const ConvShape& conv, int64_t /*batch*/, int64_t threads, bool /*ranges*/) {
  return threads * ThreadScratchFloats(TapsOf(conv));
}

RowRange Direct::RowsRead(const ConvShape& conv, RowRange rows) {
  return {std::max<int64_t>(0, rows.begin * conv.stride - conv.pad),
          std::min(conv.height, rows.end * conv.stride - conv.pad + conv.kernel - 1)};
}

int64_t Direct::Products(const ConvShape& conv, int64_t batch) {
  return batch * RoundUp(conv.OutHeight() * conv.OutWidth(), kTile) * conv.Weights();
}

void Direct::Run(const ConvShape& shape, const ConvCall& call) {
  TapConv conv = TapsOf(shape);
  conv.plane = call.x.Plane();
  conv.row_end = RowsRead(shape, call.rows).end;
  const int64_t pixel_begin = call.rows.begin * conv.out_width, pixel_end = call.rows.end * conv.out_width;
  const int64_t sample_tiles = (pixel_end - pixel_begin + kTile - 1) / kTile;
  const int64_t tile_count = call.x.shape[0] * sample_tiles, groups = (tile_count + kGroup - 1) / kGroup;
  const int64_t panel_count = Panels(conv.out_channels).count;
  const int64_t splits = SplitsOf(groups, panel_count / kTaskPanels, call.threads->threads());
  const int64_t thread_floats = ThreadScratchFloats(conv);
  call.threads->ParallelFor(static_cast<int>(groups * splits), [&](int task, int thread) {
    const int64_t split = task / groups, group = task % groups;  // neighbours share weights
    PixelTile tiles[kGroup];
    int64_t count = 0;
    for (int64_t t = group * kGroup; t < std::min(tile_count, (group + 1) * kGroup); ++t) {
      const int64_t n = t / sample_tiles, first = pixel_begin + t % sample_tiles * kTile;
      tiles[count++] = {call.x.data + n * conv.in_channels * conv.plane,
                        call.style != nullptr ? call.style + n * conv.in_channels : nullptr, n, first,
                        std::min(kTile, pixel_end - first)};
    }
    ConvolveTiles(conv, call.packed, tiles, count, panel_count * split / splits,
                  panel_count * (split + 1) / splits, call.scratch + thread * thread_floats, call.sink);
  });
}

}  // namespace mien::gemm
#endif
