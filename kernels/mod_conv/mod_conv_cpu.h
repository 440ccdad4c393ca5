// Shared by the forms of mod_conv on the CPU: plain (mod_conv_cpu.cc), upsampling (mod_conv_up.cc) and
// upsampling by nested Winograd (mod_conv_nested.cc).
#pragma once

#include <algorithm>

#include "kernels/cpu/conv/conv.h"
#include "kernels/cpu/conv/nested.h"
#include "kernels/cpu/conv/winograd.h"
#include "kernels/cpu/conv/fir.h"
#include "kernels/mod_conv/mod_conv.h"

namespace mien {

// Which form computes a call; decided by the shape of a sample.
inline gemm::Winograd WinogradOf(const ModConv::Params& params, const Shape& x, const Shape& weight) {
  return gemm::Winograd::Of(x, weight, params.late_weights);
}
inline bool TakesWinograd(const ModConv::Params& params, const Shape& x, const Shape& weight) {
  return params.winograd && !params.up && WinogradOf(params, x, weight).Wins();
}
inline bool TakesNested(const ModConv::Params& params, const Shape& x, const Shape& weight) {
  return params.winograd && params.up && x[2] * x[3] >= 16 * gemm::kTile && x[3] >= gemm::kTile &&
         weight[0] >= gemm::kTile && weight[1] >= gemm::kTile;
}

// Demodulation, noise, bias, activation, gain and clamp: the sums become pixels of the output. The
// demodulation factors lie at the beginning of the scratch.
void FinishModConv(const ModConv::Params& params, const CpuCall& call, const gemm::Sums& sums);

// How the four phases are cut: bands of rows, each a few rows of x at a time; by the shape of a sample.
struct UpCut {
  int64_t step_rows, bands;
  UpCut(const Shape& x, int64_t rows) {
    constexpr int64_t kStepPixels = 512;  // pixels of a phase that are computed at a time, at least
    constexpr int64_t kBandRows = 32;     // a band repeats one and a half rows of its neighbour
    step_rows = std::clamp<int64_t>((kStepPixels + x[3]) / (x[3] + 1), 1, x[2] + 1);
    bands = std::clamp<int64_t>(rows / kBandRows, 1, kMostBands);
  }
  static constexpr int64_t kMostBands = 8;
  // run(py, px, begin, end) of every phase of a band of rows of x; then(begin, end, first) after those of a
  // step.
  template <class Run, class Then>
  void ForEachStep(int64_t row_begin, int64_t row_end, int64_t height, const Run& run,
                   const Then& then) const {
    // Step y completes t's rows 2y and 2y + 1, hence the output rows 2y - 2 and 2y - 1.
    for (int64_t begin = row_begin; begin <= row_end; begin += step_rows) {
      const int64_t end = std::min(begin + step_rows, row_end + 1);
      const bool first = begin == row_begin;
      for (int px = 0; px < 2; ++px) {
        run(0, px, begin, end);
        run(1, px, first ? std::max<int64_t>(0, begin - 1) : begin, std::min(end, height));
      }
      then(begin, end, first);
    }
  }
};
// Multiplications of one sample.
inline int64_t UpProducts(const Shape& x, const Shape& weight) {
  const UpCut cut(x, x[2]);
  int64_t columns_times_taps = 0;
  const auto run = [&](int py, int px, int64_t begin, int64_t end) {
    const int64_t pixels = std::max<int64_t>(end - begin, 0) * (x[3] + 1 - px), taps = (2 - py) * (2 - px);
    columns_times_taps += gemm::RoundUp(pixels, gemm::kTile) * taps;
  };
  for (int64_t b = 0; b < cut.bands; ++b) {
    cut.ForEachStep(x[2] * b / cut.bands, x[2] * (b + 1) / cut.bands, x[2], run,
                    [](int64_t, int64_t, bool) {});
  }
  return columns_times_taps * weight[0] * weight[1];
}

// The four phases of the transposed convolution as panels, one after the other.
void PackPhases(const Shape& weight_shape, const float* weight, float gain, float* packed);
int64_t UpThreadFloats(const Shape& x, const Shape& weight);
int64_t UpRowStep();
RowRange UpRowsRead(const Shape& x, RowRange out);
void UpConv(const CpuCall& call, const Fir& fir, float* thread_scratch, const gemm::Sink& sink);

// The same with the weights of cpu/conv/nested.h.
constexpr int64_t kNestedEdgePixels = 63;  // of x, of an edge of t at a time; with their neighbour 64
inline int64_t NestedUpProducts(const Shape& x, const Shape& weight) {
  const auto tiles = [&](int axis) { return (x[axis] + gemm::kNestedTile - 1) / gemm::kNestedTile; };
  const auto edge = [&](int64_t pixels) {
    const int64_t whole = pixels / kNestedEdgePixels, rest = pixels % kNestedEdgePixels;
    return 3 * ((kNestedEdgePixels + 1) * whole + (rest > 0 ? gemm::RoundUp(rest + 1, gemm::kTile) : 0));
  };
  int64_t columns = gemm::RoundUp(tiles(2) * tiles(3), gemm::kTile) * gemm::kNestedSlots;
  if (x[3] % gemm::kNestedTile == 0) columns += edge(tiles(2) * gemm::kNestedTile);
  if (x[2] % gemm::kNestedTile == 0) columns += edge(x[3] + 1);
  return columns * weight[0] * weight[1];
}
inline bool LateWeights(const ModConv::Params& params, const Shape& weight) {
  return params.late_weights && gemm::WorthTransformingLate(weight[1], weight[0]);
}
void PackNestedUp(const Shape& weight_shape, bool late, const float* weight, float gain, float* packed);
// A row of tiles gives eight output rows, the first two rows above it.
constexpr RowGrid kNestedUpRows = {2 * gemm::kNestedTile, 2};
int64_t NestedUpCarryFloats(const Shape& x, const Shape& weight);
RowRange NestedUpRowsRead(const Shape& x, RowRange out);
// Of all threads; with `carries` for ranges of rows that follow each other.
int64_t NestedUpScratchFloats(const Shape& x, const Shape& weight, bool late, int threads, bool carries);
void NestedUpConv(const CpuCall& call, bool late, const Fir& fir, float* scratch, const gemm::Sink& sink);

}  // namespace mien
