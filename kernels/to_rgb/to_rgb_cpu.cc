// to_rgb on the CPU: bound by memory, x is read once. A task computes about a thousand pixels (whole rows) of
// every colour, four channels of x at a time, then adds bias, clamp and the upsampled skip image while they
// are in cache. Scratch: the modulated weights g W_ci s_i [N,C,I].
#include <algorithm>

#include "kernels/to_rgb/to_rgb.h"
#include "kernels/upsample/upsample_row.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/to_rgb/to_rgb_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#ifndef MIEN_KERNELS_TO_RGB_TYPES
#define MIEN_KERNELS_TO_RGB_TYPES
namespace mien {

// Some channels of x that are added to every colour.
struct Channels {
  const float* x;
  int64_t plane, ahead;  // floats from channel to channel; to what is wanted next, 0: nothing
  const float* weight;   // [colours][weights]
  int64_t weights, colours;
  bool first;  // y is overwritten
};

}  // namespace mien
#endif

HWY_BEFORE_NAMESPACE();
namespace mien::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// y[c] (+)= sum_k weight[c][k] x[k], whole vectors of D from `begin`; returns where it stopped. Planes lie
// too far apart for the hardware to see what comes next, so that is asked for.
template <int kChannels, class D>
int64_t AddSpan(D d, const Channels& in, int64_t begin, int64_t end, float* HWY_RESTRICT y, int64_t y_plane) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t p = begin;
  for (; p + lanes <= end; p += lanes) {
    hn::Vec<D> x[kChannels];
    for (int k = 0; k < kChannels; ++k) {
      x[k] = hn::LoadU(d, in.x + k * in.plane + p);
      if (in.ahead > 0) __builtin_prefetch(in.x + k * in.plane + in.ahead + p, 0, 2);
    }
    for (int64_t c = 0; c < in.colours; ++c) {
      const float* weight = in.weight + c * in.weights;
      auto sum = hn::Mul(hn::Set(d, weight[0]), x[0]);
      for (int k = 1; k < kChannels; ++k) sum = hn::MulAdd(hn::Set(d, weight[k]), x[k], sum);
      float* const target = y + c * y_plane + p;
      hn::StoreU(in.first ? sum : hn::Add(hn::LoadU(d, target), sum), d, target);
    }
  }
  return p;
}

template <int kChannels>
void AddGroup(const Channels& in, int64_t count, float* y, int64_t y_plane) {
  const int64_t done = AddSpan<kChannels>(hn::ScalableTag<float>(), in, 0, count, y, y_plane);
  AddSpan<kChannels>(hn::CappedTag<float, 1>(), in, done, count, y, y_plane);
}

void AddChannels(const Channels& in, int64_t channels, int64_t count, float* y, int64_t y_plane) {
  switch (channels) {
    case 1:
      return AddGroup<1>(in, count, y, y_plane);
    case 2:
      return AddGroup<2>(in, count, y, y_plane);
    case 3:
      return AddGroup<3>(in, count, y, y_plane);
    default:
      return AddGroup<4>(in, count, y, y_plane);
  }
}

}  // namespace mien::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(AddChannels);

namespace {

constexpr int64_t kGroup = 4;  // channels summed before they are added to the result
constexpr int64_t kTaskPixels = 1024;

void Modulate(const ToRgb::Params& params, const CpuCall& call, float* modulated) {
  const Shape &style = call.in[ToRgb::kStyle].shape, &weight = call.in[ToRgb::kWeight].shape;
  for (int64_t n = 0; n < style[0]; ++n) {
    for (int64_t k = 0; k < weight[0] * weight[1]; ++k) {
      const float s = call.in[ToRgb::kStyle].data[n * style[1] + k % style[1]];
      *modulated++ = params.weight_gain * call.in[ToRgb::kWeight].data[k] * s;
    }
  }
}

// Rows [begin, end) of all colours of one sample.
void RunRows(const ToRgb::Params& params, const CpuCall& call, int64_t sample, int64_t begin, int64_t end) {
  const Shape &x = call.in[ToRgb::kX].shape, &y = call.out[0].shape;
  const View<const float>&bias = call.in[ToRgb::kBias], &skip = call.in[ToRgb::kSkip];
  const int64_t channels = x[1], width = x[3], first = begin * width, count = (end - begin) * width;
  const int64_t plane = call.in[ToRgb::kX].Plane(), y_plane = call.out[0].Plane();
  const float* source = call.in[ToRgb::kX].data + sample * channels * plane + first;
  const float* modulated = call.scratch + sample * y[1] * channels;
  float* target = call.out[0].data + sample * y[1] * y_plane + first;
  for (int64_t i = 0; i < channels; i += kGroup) {
    const Channels in = {.x = source + i * plane,
                         .plane = plane,
                         .ahead = i + 2 * kGroup <= channels ? kGroup * plane : 0,
                         .weight = modulated + i,
                         .weights = channels,
                         .colours = y[1],
                         .first = i == 0};
    HWY_DYNAMIC_DISPATCH(AddChannels)(in, std::min(kGroup, channels - i), count, target, y_plane);
  }
  for (int64_t c = 0; c < y[1]; ++c) {
    float* row = target + c * y_plane;
    const float shift = bias.present() ? bias.data[c] : 0.0f;
    for (int64_t p = 0; p < count; ++p) {
      const float value = row[p] + shift;
      row[p] = params.clamp > 0 ? std::clamp(value, -params.clamp, params.clamp) : value;
    }
    if (!skip.present()) continue;
    const float* small = skip.data + (sample * y[1] + c) * skip.Plane();
    for (int64_t r = begin; r < end; ++r, row += width) {
      UpsampleRow(small, x[2] / 2, width / 2, call.in[ToRgb::kFilter].data, params.filter_gain, r, true, row);
    }
  }
}

}  // namespace

int64_t ToRgb::ScratchFloats(const Params&, Shapes in, int) { return in[kX][0] * in[kWeight].elements(); }

RowRange ToRgb::RowsRead(const Params&, Shapes in, int input, RowRange out) {
  if (input == kX) return out;
  return {std::max<int64_t>(0, (out.begin - 1) / 2), std::min(in[kSkip][2], out.end / 2 + 1)};
}

void ToRgb::Cpu(const Params& params, const CpuCall& call) {
  Modulate(params, call, call.scratch);
  const Shape& x = call.in[kX].shape;
  const RowRange rows = call.OutRows();
  const int64_t task_rows = std::max<int64_t>(1, kTaskPixels / x[3]);
  const int64_t bands = (rows.end - rows.begin + task_rows - 1) / task_rows;
  call.threads->ParallelFor(static_cast<int>(x[0] * bands), [&](int task, int) {
    const int64_t begin = rows.begin + task % bands * task_rows;
    RunRows(params, call, task / bands, begin, std::min(rows.end, begin + task_rows));
  });
}

}  // namespace mien
#endif
