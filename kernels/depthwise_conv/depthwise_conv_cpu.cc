// depthwise_conv on the CPU: a task takes some rows of one channel. The rows of x that they read are laid out as lines
// in scratch with their padding, after `pre`; for stride 2 even and odd columns apart, so that the three columns of the
// kernel are three stretches of vectors for either stride. The sums then pass through Finish (cpu/conv/finish.h).
// Packed: the weight [C,9], scale [C], shift [C].
#include "kernels/depthwise_conv/depthwise_conv.h"

#include <algorithm>
#include <limits>

#include "kernels/cpu/conv/finish.h"
#include "kernels/cpu/gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/depthwise_conv/depthwise_conv_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#ifndef MIEN_KERNELS_DEPTHWISE_CONV_TYPES
#define MIEN_KERNELS_DEPTHWISE_CONV_TYPES
namespace mien {

constexpr int64_t kVector = 16;  // floats of the longest vector; lines have room for one more than they need

// Rows of one channel of x, and the sums of the rows of y that they make.
struct DepthwiseRows {
  const float* x;  // row 0 of the channel
  int64_t height, width, stride, pad;
  int64_t begin, end;  // rows of y
  int64_t out_width;
  float floor;  // `pre`: smaller pixels become this
  const float* weight;
  float* lines;
  float* sums;  // SumFloats() from row to row

  int64_t SumFloats() const { return gemm::RoundUp(out_width, kVector); }
  int64_t HalfLineFloats() const { return SumFloats() + kVector; }
  int64_t LineFloats() const { return stride * HalfLineFloats(); }
  int64_t Lines() const { return (end - begin - 1) * stride + DepthwiseConv::kKernel; }
};

}  // namespace mien
#endif

HWY_BEFORE_NAMESPACE();
namespace mien::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kVector>;

// line = max(x, floor), whole vectors from `begin` on; returns where it stopped.
template <class Vectors>
HWY_INLINE int64_t CopySpan(Vectors d, const float* HWY_RESTRICT x, int64_t begin, int64_t end, float floor,
                            float* HWY_RESTRICT line) {
  const auto least = hn::Set(d, floor);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t j = begin;
  for (; j + lanes <= end; j += lanes) hn::StoreU(hn::Max(hn::LoadU(d, x + j), least), d, line + j);
  return j;
}

void CopyRow(const float* x, int64_t count, float floor, float* line) {
  const int64_t most = CopySpan(D(), x, 0, count, floor, line);
  const int64_t nearly = CopySpan(hn::CappedTag<float, 4>(), x, most, count, floor, line);
  CopySpan(hn::CappedTag<float, 1>(), x, nearly, count, floor, line);
}

// The same, even and odd pixels to places of their own.
template <class Vectors>
HWY_INLINE int64_t SplitSpan(Vectors d, const float* HWY_RESTRICT x, int64_t begin, int64_t end, float floor,
                             float* HWY_RESTRICT even, float* HWY_RESTRICT odd) {
  const auto least = hn::Set(d, floor);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t j = begin;
  for (; j + 2 * lanes <= end; j += 2 * lanes) {
    auto a = hn::Undefined(d), b = hn::Undefined(d);
    hn::LoadInterleaved2(d, x + j, a, b);
    hn::StoreU(hn::Max(a, least), d, even + j / 2);
    hn::StoreU(hn::Max(b, least), d, odd + j / 2);
  }
  return j;
}

void SplitRow(const float* x, int64_t count, float floor, float* even, float* odd) {
  const int64_t most = SplitSpan(D(), x, 0, count, floor, even, odd);
  int64_t j = SplitSpan(hn::CappedTag<float, 4>(), x, most, count, floor, even, odd);
  for (; j < count; ++j) (j % 2 == 0 ? even : odd)[j / 2] = std::max(x[j], floor);
}

// Pixel p of the padded row is element p of its line, or element p / 2 of its half.
void FillLines(const DepthwiseRows& r) {
  const int64_t half = r.HalfLineFloats();
  float* line = r.lines;
  for (int64_t l = 0; l < r.Lines(); ++l, line += r.LineFloats()) {
    std::fill_n(line, r.LineFloats(), 0.0f);
    const int64_t row = r.begin * r.stride - r.pad + l;
    if (row < 0 || row >= r.height) continue;
    const float* x = r.x + row * r.width;
    if (r.stride == 1) {
      CopyRow(x, r.width, r.floor, line + r.pad);
    } else {
      const int64_t odd = r.pad + 1;
      SplitRow(x, r.width, r.floor, line + r.pad % 2 * half + r.pad / 2, line + odd % 2 * half + odd / 2);
    }
  }
}

void Convolve(const DepthwiseRows& r) {
  FillLines(r);
  constexpr int kKernel = DepthwiseConv::kKernel;
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  // Where the pixels under the columns of the kernel begin.
  const int64_t at[kKernel] = {0, r.stride == 1 ? 1 : r.HalfLineFloats(), r.stride == 1 ? 2 : 1};
  float* HWY_RESTRICT sums = r.sums;
  for (int64_t row = 0; row < r.end - r.begin; ++row, sums += r.SumFloats()) {
    const float* HWY_RESTRICT lines = r.lines + row * r.stride * r.LineFloats();
    for (int64_t j = 0; j < r.out_width; j += lanes) {
      auto sum = hn::Zero(d);
      for (int ky = 0; ky < kKernel; ++ky) {
        for (int kx = 0; kx < kKernel; ++kx) {
          const auto x = hn::LoadU(d, lines + ky * r.LineFloats() + at[kx] + j);
          sum = hn::MulAdd(hn::Set(d, r.weight[kKernel * ky + kx]), x, sum);
        }
      }
      hn::StoreU(sum, d, sums + j);
    }
  }
}

}  // namespace mien::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(Convolve);

namespace {

constexpr int64_t kTaskPixels = 2048;  // of y, about
constexpr int64_t kTaps = DepthwiseConv::kKernel * DepthwiseConv::kKernel;

// All of what a task may be but its place and memory.
DepthwiseRows TaskOf(const DepthwiseConv::Params& params, const Shape& x, const Shape& y) {
  DepthwiseRows rows = {};
  rows.height = x[2];
  rows.width = x[3];
  rows.stride = params.stride;
  rows.pad = params.pad;
  rows.end = std::clamp<int64_t>(kTaskPixels / y[3], 1, y[2]);
  rows.out_width = y[3];
  rows.floor = params.pre == Activation::kRelu ? 0.0f : -std::numeric_limits<float>::infinity();
  return rows;
}

int64_t LinesFloats(const DepthwiseRows& rows) { return rows.Lines() * rows.LineFloats(); }
int64_t ThreadFloats(const DepthwiseRows& rows) { return LinesFloats(rows) + rows.end * rows.SumFloats(); }

gemm::Finish FinishOf(const DepthwiseConv::Params& params, const float* scales, int64_t channels, int64_t channel) {
  gemm::Finish finish;
  finish.scale = scales[channel];
  finish.shift = scales[channels + channel];
  if (params.act == Activation::kRelu) finish.slope = 0.0f;
  if (params.act == Activation::kLeaky) finish.slope = params.slope;
  if (params.clamp > 0) finish.limit = params.clamp;
  return finish;
}

}  // namespace

int64_t DepthwiseConv::PackedFloats(const Params&, Shapes in) { return (kTaps + 2) * in[kWeight][0]; }

void DepthwiseConv::Pack(const Params& params, Inputs<float> in, float* packed) {
  const int64_t channels = in[kWeight].shape[0];
  std::copy_n(in[kWeight].data, kTaps * channels, packed);
  gemm::PackScaleAndShift(in.subspan(kBias, 5), params.eps, channels, packed + kTaps * channels);
}

int64_t DepthwiseConv::ScratchFloats(const Params& params, Shapes in, int threads) {
  Shape y;
  return Infer(params, in, &y).ok() ? threads * ThreadFloats(TaskOf(params, in[kX], y)) : 0;
}

void DepthwiseConv::Cpu(const Params& params, const CpuCall& call) {
  const Shape &x = call.in[kX].shape, &y = call.out[0].shape;
  const DepthwiseRows most = TaskOf(params, x, y);
  const int64_t channels = x[1], bands = (y[2] + most.end - 1) / most.end;
  call.threads->ParallelFor(static_cast<int>(x[0] * channels * bands), [&](int task, int thread) {
    const int64_t plane = task / bands, channel = plane % channels;
    DepthwiseRows rows = most;
    rows.x = call.in[kX].data + plane * x[2] * x[3];
    rows.begin = task % bands * most.end;
    rows.end = std::min(y[2], rows.begin + most.end);
    rows.weight = call.packed + kTaps * channel;
    rows.lines = call.scratch + thread * ThreadFloats(most);
    rows.sums = rows.lines + LinesFloats(most);
    HWY_DYNAMIC_DISPATCH(Convolve)(rows);
    const gemm::Sums sums = {.sample = plane / channels,
                             .channel = channel,
                             .pixel = rows.begin * y[3],
                             .rows = rows.end - rows.begin,
                             .count = y[3],
                             .sum = rows.sums,
                             .stride = rows.SumFloats()};
    gemm::FinishRows(FinishOf(params, call.packed + kTaps * channels, channels, channel), sums,
                     call.out[0].data + plane * y[2] * y[3] + sums.pixel, y[3]);
  });
}

}  // namespace mien
#endif
